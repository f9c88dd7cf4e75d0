/** The HTTP of rspamd: `checkv2` of its workers, and learning by its controller. */
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { createZstdCompress, zstdDecompress } from 'node:zlib'
import type { MessageSource } from '@postroad/mail'
import type { Daemon } from '@postroad/upstream'
import { type Dispatcher, Pool } from 'undici'
import { SealedExchange } from './httpcrypt.ts'
import type { RequestFields } from './question.ts'
import { type RspamdReply, readReply } from './reply.ts'
import { SpareConnection } from './spare-connection.ts'

const decompress = promisify(zstdDecompress)

/** What the JSON of an answer may have besides a new body. */
const MOST_JSON = 8 * 1_048_576
/** Octets. A small message is sent in one piece: a stream costs more than a copy. */
const MOST_COPIED = 262_144
/** Milliseconds. A host that is down says nothing: it must not take the time of the next one. */
const CONNECT_TIMEOUT = 3_000

/** A message, and what is told of it. */
export interface CheckRequest {
  readonly message: MessageSource
  readonly fields: RequestFields
  readonly zstd: boolean
}

/** An answer of HTTP that says nothing about the message. */
export class StatusError extends Error {
  readonly status: number

  constructor(status: number, said: string) {
    super(`HTTP ${status}${said === '' ? '' : `: ${said}`}`)
    this.name = 'StatusError'
    this.status = status
  }
}

/** Whom to ask, and with which public key. */
export interface RspamdPeer {
  readonly daemon: Daemon
  /** Of the daemon: question and answer are encrypted. */
  readonly key: string | undefined
}

/** Speaks with daemons, over connections that are kept where the daemon keeps them. */
export class Client {
  readonly #lines = new Map<string, Line>()
  readonly #connections: number

  /** @param connections at most, to one daemon */
  constructor(connections: number) {
    this.#connections = connections
  }

  /** A question comes soon: opens a connection for it, unless one is free. */
  prepare(daemon: Daemon): void {
    const { pool, spare } = this.#line(daemon)
    if (pool.stats.free === 0) spare.prepare()
  }

  /** The verdict; `undefined` when the daemon says that the message is too large for it. Rejects on whatever else is no verdict. */
  async check(peer: RspamdPeer, question: CheckRequest, signal: AbortSignal): Promise<RspamdReply | undefined> {
    const { message, fields, zstd } = question
    const ask = (): Promise<Answer> => {
      const request = { method: 'POST', path: '/checkv2', ...bodyOf(message, fields, zstd), signal } as const
      return this.#ask(peer, request, message.size + MOST_JSON)
    }
    const { spare } = this.#line(peer.daemon)
    const { given } = spare
    const { status, headers, octets } = await ask().catch((error: unknown) => {
      if (spare.given === given || signal.aborted || !isHungUp(error)) throw error
      return ask()
    })
    if (status === 413) return undefined
    if (status !== 200) throw new StatusError(status, errorIn(octets))
    const offset = Number(headers['message-offset'] ?? octets.length)
    if (!Number.isInteger(offset) || offset < 0 || offset > octets.length)
      throw new Error(`the answer has a Message-Offset of ${headers['message-offset']} in ${octets.length} octets`)
    const isRewritten = headers['message-offset'] !== undefined
    return readReply(octets.toString('utf8', 0, offset), isRewritten ? octets.subarray(offset) : undefined)
  }

  /** Teaches a message. Resolves to what the controller says of it; rejects when it did not take it. */
  async learn(
    peer: RspamdPeer,
    {
      message,
      as,
      password,
    }: { readonly message: MessageSource; readonly as: 'spam' | 'ham'; readonly password: string | undefined },
    signal: AbortSignal,
  ): Promise<string> {
    const fields = password === undefined ? [] : ['Password', Buffer.from(password).toString('latin1')]
    const request = { method: 'POST', path: `/learn${as}`, ...bodyOf(message, fields, false), signal } as const
    const { status, octets } = await this.#ask(peer, request, MOST_JSON)
    // 208: it was learned before.
    if (status !== 200 && status !== 208) throw new StatusError(status, errorIn(octets))
    return status === 208 ? errorIn(octets) || 'already learned' : 'learned'
  }

  /** Resolves when it answers. */
  async ping(peer: RspamdPeer, signal: AbortSignal): Promise<void> {
    const { status, octets } = await this.#ask(peer, { method: 'GET', path: '/ping', headers: [], signal }, MOST_JSON)
    if (status !== 200) throw new StatusError(status, errorIn(octets))
  }

  async close(): Promise<void> {
    const lines = [...this.#lines.values()]
    this.#lines.clear()
    for (const { spare } of lines) spare.close()
    await Promise.all(lines.map(({ pool }) => pool.destroy()))
  }

  async #ask({ daemon, key }: RspamdPeer, request: Request, most: number): Promise<Answer> {
    const { pool } = this.#line(daemon)
    if (key === undefined) return unpacked(await received(await pool.request(request), most), most)
    const exchange = new SealedExchange(key)
    const { method, path, headers, body, signal } = request
    const head = headers.map((text, place) => (place % 2 === 0 ? `\r\n${text}` : `: ${text}`)).join('')
    const octets = body instanceof Readable ? await collected(body) : (body ?? Buffer.alloc(0))
    const hasLength = headers.includes('Content-Length')
    const length = hasLength ? '' : `\r\nContent-Length: ${octets.length}`
    const sealed = exchange.seal(`${method} ${path} HTTP/1.1${head}${length}`, octets)
    const outer: Request = { method: 'POST', path, headers: ['Key', exchange.key], body: sealed, signal }
    const answer = await received(await pool.request(outer), most)
    // Who does not have the key may say what it likes: also 413 is no word of the daemon's.
    if (answer.status !== 200)
      throw new Error(
        `not encrypted, as from who does not have the key: HTTP ${answer.status}: ${errorIn(answer.octets)}`,
      )
    return unpacked(exchange.open(answer.octets), most)
  }

  #line(daemon: Daemon): Line {
    const known = this.#lines.get(daemon.name)
    if (known) return known
    const { path, host = 'localhost', port, tls } = daemon
    const origin = path
      ? 'http://localhost'
      : `http${tls ? 's' : ''}://${host.includes(':') ? `[${host}]` : host}:${port}`
    const spare = new SpareConnection(new URL(origin), {
      timeout: CONNECT_TIMEOUT,
      ...(path && { socketPath: path }),
    })
    const pool = new Pool(origin, {
      connections: this.#connections,
      // The deadline is that of who asks, by its signal.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: spare.connect,
    })
    const line = { pool, spare }
    this.#lines.set(daemon.name, line)
    return line
  }
}

/** Connections to one daemon. */
interface Line {
  readonly pool: Pool
  readonly spare: SpareConnection
}

/** The other side has ended the connection before it said anything. */
function isHungUp(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
}

interface Request {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: string[]
  readonly body?: Buffer | Readable
  readonly signal: AbortSignal
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly octets: Buffer
}

function bodyOf(
  message: MessageSource,
  fields: RequestFields,
  zstd: boolean,
): { readonly headers: string[]; readonly body: Buffer | Readable } {
  if (zstd)
    return {
      headers: [...fields],
      body: Readable.from(message.raw(), { objectMode: false }).compose(createZstdCompress()),
    }
  const chunks = message.size <= MOST_COPIED ? message.chunks?.() : undefined
  const body = chunks ? Buffer.concat(chunks) : Readable.from(message.raw(), { objectMode: false })
  // With its length known rspamd refuses what is too large before it is sent.
  return { headers: [...fields, 'Content-Length', String(message.size)], body }
}

/** The whole answer, no more than `most` octets of it. What is too large for rspamd has an answer that nobody needs. */
async function received({ statusCode: status, headers, body }: Dispatcher.ResponseData, most: number): Promise<Answer> {
  if (status === 413) {
    await body.dump({ limit: 65_536 })
    return { status, headers, octets: Buffer.alloc(0) }
  }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > most) throw new Error(`the answer has more than ${most} octets`)
    chunks.push(chunk)
  }
  return { status, headers, octets: Buffer.concat(chunks) }
}

async function unpacked({ status, headers, octets }: Answer, most: number): Promise<Answer> {
  const isCompressed = headers['compression'] === 'zstd' || headers['content-encoding'] === 'zstd'
  return isCompressed
    ? { status, headers, octets: await decompress(octets, { maxOutputLength: most }) }
    : { status, headers, octets }
}

async function collected(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk) // as: of octets, see bodyOf
  return Buffer.concat(chunks)
}

/** What an answer that is no verdict says of itself. */
function errorIn(octets: Buffer): string {
  const text = octets.toString('utf8', 0, 1_000)
  const [, said] = /"error"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(text) ?? []
  return (said ?? text)
    .trim()
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 200)
}
