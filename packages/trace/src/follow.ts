/** Reads the traces of all processes of a server, through their control sockets. */
import { once } from 'node:events'
import { readdir, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { controlFolder, isServed, type TraceSkipped } from './control.ts'
import { queryText, type TraceQuery } from './query.ts'
import { type TraceLine, trace } from './trace.ts'

// `import` of node:http reads all that it exports, and with that loads the whole of fetch: 50 ms and 5 MB.
const { get } = process.getBuiltinModule('node:http')

/** Milliseconds between two looks for processes that have come since. */
const LOOK_MS = 1_000

/** How it is followed. */
export interface FollowOptions {
  /** Ends it. */
  readonly signal: AbortSignal
  /** Told how many processes are listened to, whenever that changes. */
  readonly joined?: (processes: number) => void
  /** This process, too, where it has no socket: a server that another program runs, not `postroad start`. */
  readonly own?: boolean
}

/**
 * Calls `tell` for each line until the signal aborts; processes that start meanwhile are joined.
 *
 * @throws {Error} when a process does not take the question; when nobody runs there is nothing to tell, and that is no error
 */
export async function followTrace(
  folder: string,
  query: TraceQuery,
  tell: (line: TraceLine | TraceSkipped) => void,
  { signal, joined: told = () => undefined, own = false }: FollowOptions,
): Promise<void> {
  const open = new Set<string>()
  const self = own && !isServed(folder) ? trace(query, tell) : undefined
  if (self) signal.addEventListener('abort', () => self.stop(), { once: true })
  const joined = (others: number): void => told(others + (self ? 1 : 0))
  if (self) joined(0)
  const ended = once(signal, 'abort')
  while (!signal.aborted) {
    for (const file of await sockets(folder)) {
      if (open.has(file)) continue
      const response = await ask(file, query, signal)
      if (response === undefined) continue
      if (response.statusCode !== 200)
        throw new Error(`process ${path.basename(file, '.sock')}: ${await text(response)}`)
      open.add(file)
      joined(open.size)
      const lines = createInterface({ input: response })
      lines.on('line', (line) => tell(JSON.parse(line))) // written by `control.ts`
      // How it ends does not matter: the close is heard.
      response.on('error', () => undefined)
      lines.on('error', () => undefined)
      response.once('close', () => {
        open.delete(file)
        if (!signal.aborted) joined(open.size)
      })
    }
    let timer: NodeJS.Timeout | undefined
    await Promise.race([ended, new Promise((resolve) => void (timer = setTimeout(resolve, LOOK_MS)))])
    clearTimeout(timer)
  }
}

async function sockets(folder: string): Promise<readonly string[]> {
  const own = controlFolder(folder)
  try {
    return (await readdir(own)).filter((name) => name.endsWith('.sock')).map((name) => path.join(own, name))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** Undefined: nobody listens there any more, and the socket of who was killed is taken away. */
async function ask(socketPath: string, query: TraceQuery, signal: AbortSignal): Promise<IncomingMessage | undefined> {
  try {
    const request = get({ socketPath, path: `/trace?${queryText(query)}`, agent: false, signal })
    const [response] = await once(request, 'response')
    request.on('error', () => undefined) // the response tells of the end
    return response
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')
      await rm(socketPath, { force: true })
    return undefined
  }
}
