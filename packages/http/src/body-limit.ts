/** A request whose body may have so many octets. */
import type { IncomingMessage } from 'node:http'

/** A request, and whether it was more. */
export interface BodyLimit {
  readonly request: Request
  readonly limit: number
  isTooLarge(): boolean
  /** All of it. Rejects when it is more, or the client is gone before its end. */
  read(): Promise<Buffer>
}

/** By what the client says of its body, or else by counting: then reading rejects. */
export function limitBody(request: Request, incoming: IncomingMessage, limit: number): BodyLimit {
  const said = incoming.headers['content-length']
  const count = { size: said === undefined ? 0 : Number(said) }
  let counted: Request | undefined
  return {
    get request() {
      counted ??= said === undefined ? counting(request, limit, count) : request
      return counted
    },
    limit,
    isTooLarge: () => count.size > limit,
    read: () => readAll(incoming, limit, count),
  }
}

interface Count {
  size: number
}

function counting(request: Request, limit: number, count: Count): Request {
  const { url, method, headers, signal } = request
  if (method === 'GET' || method === 'HEAD') return request
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    reader ??= request.body?.getReader()
    const part = await reader?.read()
    if (!part || part.done) return controller.close()
    count.size += part.value.length
    if (count.size > limit) throw tooMuch(limit)
    controller.enqueue(part.value)
  }
  const cancel = async (reason: unknown): Promise<void> => reader?.cancel(reason)
  // Nothing is read before somebody asks: `body()` of the context may want it all.
  const body = new ReadableStream<Uint8Array>({ pull, cancel }, { highWaterMark: 0 })
  // The one that came is a light one of its adapter, which cannot be copied; `duplex` is missing in the types.
  return new Request(url, { method, headers, signal, body, duplex: 'half' } as RequestInit)
}

function readAll(incoming: IncomingMessage, limit: number, count: Count): Promise<Buffer> {
  if (incoming.readableDidRead || incoming.destroyed) return Promise.reject(new TypeError('the body was read already'))
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= limit) return void chunks.push(chunk)
      // What is kept goes; the rest is not waited for.
      chunks.length = 0
      count.size = size
      reject(tooMuch(limit))
    })
    incoming.once('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)))
    incoming.once('error', reject)
    incoming.once('close', () => reject(new Error('the client was gone before the end of the body')))
  })
}

function tooMuch(limit: number): RangeError {
  return new RangeError(`the body has more than ${limit} octets`)
}
