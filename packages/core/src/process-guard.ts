/**
 * No plugin can kill the process: a rejection that nobody holds, or a throw in a timer, is caught, attributed to its
 * plugin where possible, and logged. Installed while a server is open.
 */
import type { Log } from './log/log.ts'
import { attributeEveryRun, running } from './run/guard.ts'

const logs = new Set<Log>()
/** Milliseconds: what a plugin set going as its last act is caught too. */
const AFTERMATH = 1_000

/** Guards the process for as long as the server of this log is open. */
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
  const entry = running.getStore()
  // A handler that answers at once is not tracked until one of them lets a promise float.
  if (!entry) attributeEveryRun()
  const fields = entry ? { plugin: entry.plugin, hook: entry.hook, error } : { error }
  for (const log of logs) log.error(fields, entry ? 'a plugin let an error float' : 'an error floated; the next one will be attributed')
}
