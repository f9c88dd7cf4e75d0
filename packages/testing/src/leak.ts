/** Finds what is left behind: timers, sockets, processes, watchers and files that were opened and not closed. */
import { createHook, executionAsyncId } from 'node:async_hooks'
import { readdirSync, readlinkSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { PATIENCE } from './watch.ts'

const KINDS: Readonly<Record<string, string>> = {
  Timeout: 'a timer',
  TCPWRAP: 'a socket',
  TCPSERVERWRAP: 'a listening socket',
  TLSWRAP: 'a TLS socket',
  PIPEWRAP: 'a pipe',
  PIPESERVERWRAP: 'a listening UNIX socket',
  UDPWRAP: 'a UDP socket',
  PROCESSWRAP: 'a child process',
  FSEVENTWRAP: 'a file watcher',
  FILEHANDLE: 'a file',
  WORKER: 'a worker',
}
/** Not the author's to close: weak timers of AbortSignal.timeout, the connections that fetch keeps, the clock of HTTP dates, the test runner's own. */
const FOREIGN = /node:internal\/(?:abort_controller|deps\/undici|http\b|test_runner)|node:diagnostics_channel/
/** What `server.listen(port, host)` waits for before it opens anything: its caller is no longer on the stack then. */
const STEPS = new Set(['TickObject', 'GETADDRINFOREQWRAP'])
const FDS = '/proc/self/fd'

/** Watches from now on. */
export interface LeakWatch {
  /** Ends the watch. One sentence for each thing that is still open. */
  end(): Promise<readonly string[]>
}

/**
 * Begins to watch what is opened. One at a time in a process.
 *
 * @param patience milliseconds, really, for what closes a little later
 */
export function watchLeaks(patience: number = PATIENCE): LeakWatch {
  const open = new Map<number, { readonly kind: string; readonly opener: string }>()
  /** Where steps that are under way were begun. */
  const steps = new Map<number, Error>()
  const before = openFiles()
  const hook = createHook({
    init(id, type) {
      const kind = KINDS[type]
      if (STEPS.has(type)) steps.set(id, trace())
      if (kind === undefined) return
      const opener = openedAt(trace(), steps.get(executionAsyncId()))
      if (opener !== undefined) open.set(id, { kind, opener })
    },
    destroy(id) {
      open.delete(id)
      steps.delete(id)
    },
  }).enable()
  const files = (): readonly string[] => [...openFiles()].filter(([id, file]) => before.get(id) !== file).map(([, file]) => file)
  return {
    async end() {
      const until = performance.now() + patience
      while ((open.size > 0 || files().length > 0) && performance.now() < until) await turn()
      hook.disable()
      const things = [...open.values()].map(
        ({ kind, opener }) => `${kind} opened ${opener} is still there: end it in \`close\`, or when \`signal\` fires.`,
      )
      return [...new Set([...things, ...files().map((file) => `the file ${file} is still open: close it in \`close\`.`)])]
    },
  }
}

/** The stack, which V8 makes text of only when somebody reads it. */
function trace(): Error {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 40
  const error = new Error()
  Error.stackTraceLimit = limit
  return error
}

/** The first frame that is not Node's, nor this file's; undefined when Node opened it for itself, or for something foreign. */
function openedAt(now: Error, begun: Error | undefined): string | undefined {
  const frames = framesOf(now)
  const index = frames.findIndex((line) => !line.includes('node:'))
  if (index < 0) return begun && openedAt(begun, undefined)
  return frames.slice(0, index).some((line) => FOREIGN.test(line)) ? undefined : frames[index]?.trim().replace('file://', '')
}

function framesOf({ stack = '' }: Error): readonly string[] {
  return stack
    .split('\n')
    .slice(1)
    .filter((line) => !/\bleak\.[jt]s/.test(line))
}

/** Descriptors of files on disk; empty where the system does not tell. */
function openFiles(): ReadonlyMap<string, string> {
  try {
    const links = readdirSync(FDS).flatMap((id): [string, string][] => {
      try {
        return [[id, readlinkSync(`${FDS}/${id}`)]]
      } catch {
        return [] // the one that was opened to read this folder
      }
    })
    return new Map(links.filter(([, file]) => file.startsWith('/') && !/^\/(?:dev|proc)\//.test(file)))
  } catch {
    return new Map() // not Linux
  }
}
