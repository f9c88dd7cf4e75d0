/** Finds what is left behind: timers, sockets, processes, watchers and files that were opened and not closed. */
import { AsyncResource, createHook, executionAsyncId, executionAsyncResource } from 'node:async_hooks'
import { readdirSync, readlinkSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { PATIENCE } from './watch.ts'

/** TLS is not among them: it lies on a socket, which is; and that it has ended is told only when its memory is reclaimed. */
const KINDS: Readonly<Record<string, string>> = {
  Timeout: 'a timer',
  TCPWRAP: 'a socket',
  TCPSERVERWRAP: 'a listening socket',
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
/** Where Node sets a timer for a connection, a server or a child process of its own making: that is counted itself, and its timer ends with it. */
const HOLDERS =
  /node:(?:_http_|_tls_|net:|child_process:|internal\/(?:stream_base_commons|child_process|tls\/|http2\/))/
/** What a listener accepts, and by what it is told from what connects: Node accepts outside of everything that runs. */
const ACCEPTED = new Set(['TCPWRAP', 'PIPEWRAP'])
const OUTSIDE = 0
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
  const open = new Map<number, Thing>()
  /** Where steps that are under way were begun. */
  const steps = new Map<number, Error>()
  /** Who opened the listeners of this watch, those that are closed by now as well: what they accepted may still be there. */
  const listeners = new Map<number, string>()
  /** Listeners that are older than the watch, what they accepted, and what was begun on its account: the test's own servers. */
  const strange = new Set<number>()
  const before = openFiles()
  const first = new AsyncResource('LEAKWATCH').asyncId()
  const hook = createHook({
    init(id, type, trigger) {
      const within = executionAsyncId()
      const isAccepted = within === OUTSIDE && ACCEPTED.has(type)
      if (isAccepted && !listeners.has(trigger)) strange.add(trigger)
      if (within < first && isAnswering()) strange.add(within)
      if (strange.has(isAccepted ? trigger : within)) return void strange.add(id)
      if (STEPS.has(type)) steps.set(id, trace())
      const kind = KINDS[type]
      if (kind === undefined) return
      const opener = isAccepted ? listeners.get(trigger) : openedAt(type, trace(), steps.get(within))
      if (opener === undefined) return
      open.set(id, { kind: isAccepted ? `${kind} accepted by the server` : kind, opener })
      if (type.endsWith('SERVERWRAP')) listeners.set(id, opener)
    },
    destroy(id) {
      open.delete(id)
      steps.delete(id)
      strange.delete(id)
    },
  }).enable()
  const things = (): readonly Thing[] => {
    if (open.size === 0) return []
    const kept = keptByNode()
    return [...open].filter(([id]) => !kept.has(id)).map(([, thing]) => thing)
  }
  const files = (): readonly string[] =>
    [...openFiles()].filter(([id, file]) => before.get(id) !== file).map(([, file]) => file)
  return {
    async end() {
      const until = performance.now() + patience
      while ((things().length > 0 || files().length > 0) && performance.now() < until) await turn()
      hook.disable()
      const left = things().map(
        ({ kind, opener }) => `${kind} opened ${opener} is still there: end it in \`close\`, or when \`signal\` fires.`,
      )
      return [...new Set([...left, ...files().map((file) => `the file ${file} is still open: close it in \`close\`.`)])]
    },
  }
}

/** Whether an HTTP server answers just now; a kept connection may be older than the watch, and nothing told of its listener then. */
function isAnswering(): boolean {
  const resource = executionAsyncResource()
  return 'type' in resource && resource.type === 'HTTPINCOMINGMESSAGE'
}

interface Thing {
  readonly kind: string
  /** `at` and a place. */
  readonly opener: string
}

/** A handle of libuv as Node holds it. */
interface Handle {
  getAsyncId?(): number
  /** What a TLS handle lies upon. */
  readonly _parent?: Handle
}

/** Idle connections of the agents that all requests of the process share: like those of fetch, they are nobody's to close. */
function keptByNode(): ReadonlySet<number> {
  const ids = new Set<number>()
  for (const { freeSockets } of [http.globalAgent, https.globalAgent])
    for (const sockets of Object.values(freeSockets)) for (const socket of sockets ?? []) noteIds(socket, ids)
  return ids
}

function noteIds(socket: Socket, ids: Set<number>): void {
  // `as`: every socket that is connected has one, though the types do not tell.
  for (let { _handle: handle } = socket as { _handle?: Handle | undefined }; handle; handle = handle._parent) {
    const id = handle.getAsyncId?.()
    if (id !== undefined) ids.add(id)
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

/** The first frame that is not Node's, V8's nor this file's; undefined when Node opened it for itself, or for something foreign. */
function openedAt(type: string, now: Error, begun: Error | undefined): string | undefined {
  const frames = framesOf(now)
  const index = frames.findIndex((line) => !/node:|\(<anonymous>\)$/.test(line))
  const inner = index < 0 ? frames : frames.slice(0, index)
  if (inner.some((line) => FOREIGN.test(line) || (type === 'Timeout' && HOLDERS.test(line)))) return undefined
  if (index < 0) return begun && openedAt(type, begun, undefined)
  return frames[index]?.trim().replace('file://', '')
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
