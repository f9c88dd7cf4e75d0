/**
 * No plugin can kill the process: a rejection that nobody holds, or a throw in a timer, is caught, attributed to its
 * plugin where possible, and logged. `postroad start` installs it. A program that embeds a server decides by itself what its uncaught
 * errors are worth, and asks for this when it wants it.
 */
import type { Log } from '../log/log.ts'
import { attributeEveryRun, runningHandler } from '../run/guard.ts'

const logs = new Set<Log>()
/** Milliseconds: what a plugin set going as its last act is caught too. */
const AFTERMATH = 1_000

/**
 * Keeps uncaught errors and unhandled rejections of the whole process from ending it: they are logged, with their plugin where it is known.
 *
 * @example const guard = guardProcess(server.log)
 */
export function guardProcess(log: Log): { release(): void } {
  if (logs.size === 0) {
    process.on('unhandledRejection', caught)
    process.on('uncaughtException', caught)
  }
  logs.add(log)
  return {
    release() {
      setTimeout(() => {
        logs.delete(log)
        if (logs.size > 0) return
        process.off('unhandledRejection', caught)
        process.off('uncaughtException', caught)
      }, AFTERMATH).unref()
    },
  }
}

function caught(error: unknown): void {
  const handler = runningHandler.getStore()
  // A handler that answers at once is not tracked until one of them lets a promise float.
  if (!handler) attributeEveryRun()
  const fields = handler ? { plugin: handler.plugin, hook: handler.hook, error } : { error }
  for (const log of logs)
    log.error(fields, handler ? 'a plugin let an error float' : 'an error floated; the next one will be attributed')
}
