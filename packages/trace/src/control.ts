/**
 * A UNIX socket of the server's own user, one for each process, in the folder of what is kept: through it a command of that user sees what this
 * process does. Nobody else may enter the folder.
 */
import { once } from 'node:events'
import { chmod, mkdir, rm } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import path from 'node:path'
import { queryOf } from './query.ts'
import { type TraceLine, trace } from './trace.ts'

// `import` of node:http reads all that it exports, and with that loads the whole of fetch: 50 ms and 5 MB.
const { createServer } = process.getBuiltinModule('node:http')

/** Octets that wait for a slow reader; beyond, lines are counted and not kept. */
const WAITING = 1_048_576
/** Who traces at once. */
const READERS = 16
/** sun_path of Linux, less the octet at its end. */
const MAX_PATH = 107

/** In place of lines that were too many for who reads. */
export interface TraceSkipped {
  readonly skipped: number
}

/** Folders whose socket this process has opened. */
const served = new Set<string>()

/** Whether this process can be followed by its socket. */
export function isServed(folder: string): boolean {
  return served.has(controlFolder(folder))
}

/** Where the sockets are. */
export function controlFolder(folder: string): string {
  return path.join(folder, 'control')
}

/** Opens it. @throws {Error} when it cannot be: the server does without */
export async function serveControl(folder: string): Promise<AsyncDisposable> {
  const own = controlFolder(folder)
  const file = path.join(own, `${process.pid}.sock`)
  if (Buffer.byteLength(file) > MAX_PATH) throw new Error(`the path ${file} is too long for a UNIX socket`)
  await mkdir(own, { recursive: true, mode: 0o700 })
  // It may have been made by somebody with another idea of rights.
  await chmod(own, 0o700)
  await rm(file, { force: true })
  let readers = 0
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://control')
    if (url.pathname !== '/trace' || request.method !== 'GET') return void response.writeHead(404).end()
    if (readers >= READERS) return void response.writeHead(503).end()
    readers++
    response.once('close', () => readers--)
    try {
      send(response, url.searchParams)
    } catch (error) {
      response.writeHead(400, { 'content-type': 'text/plain' }).end(error instanceof Error ? error.message : 'no')
    }
  })
  // Not shared with the other workers, as listening in a cluster otherwise is.
  server.listen({ path: file, exclusive: true })
  await once(server, 'listening')
  await chmod(file, 0o600)
  server.unref()
  served.add(own)
  return {
    async [Symbol.asyncDispose]() {
      served.delete(own)
      server.close()
      server.closeAllConnections()
      await rm(file, { force: true })
    },
  }
}

/** Lines of JSON until who reads has enough. @throws {TypeError} when the question is none */
function send(response: ServerResponse, search: URLSearchParams): void {
  let skipped = 0
  const tell = (line: TraceLine): void => {
    // A reader that does not read costs this much memory, and no more.
    if (response.writableLength > WAITING) skipped++
    else {
      if (skipped > 0) response.write(`${JSON.stringify({ skipped } satisfies TraceSkipped)}\n`)
      skipped = 0
      response.write(`${JSON.stringify(line)}\n`)
    }
  }
  const tracing = trace(queryOf(search), tell)
  response.once('close', () => tracing.stop())
  response.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders()
  response.on('drain', () => {
    if (skipped > 0) response.write(`${JSON.stringify({ skipped } satisfies TraceSkipped)}\n`)
    skipped = 0
  })
}
