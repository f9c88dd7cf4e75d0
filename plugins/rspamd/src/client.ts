/** The HTTP of rspamd: `checkv2` of its workers, and learning by its controller. */
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { createZstdCompress, zstdDecompress } from 'node:zlib'
import type { MessageSource } from '@postroad/mail'
import type { Daemon } from '@postroad/upstream'
import { type Dispatcher, Pool } from 'undici'
import type { RequestFields } from './question.ts'
import { type RspamdReply, readReply } from './reply.ts'

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

/** Speaks with daemons, over connections that are kept where the daemon keeps them. */
export class Client {
  readonly #pools = new Map<string, Pool>()
  readonly #connections: number

  /** @param connections at most, to one daemon */
  constructor(connections: number) {
    this.#connections = connections
  }

  /** The verdict; `undefined` when the daemon says that the message is too large for it. Rejects on whatever else is no verdict. */
  async check(daemon: Daemon, question: CheckRequest, signal: AbortSignal): Promise<RspamdReply | undefined> {
    const { message, fields, zstd } = question
    const answer = await this.#post(daemon, { path: '/checkv2', ...bodyOf(message, fields, zstd), signal })
    const { statusCode, headers, body } = answer
    if (statusCode === 413) {
      await body.dump({ limit: 65_536 })
      return undefined
    }
    const octets = await unpacked(answer, message.size + MOST_JSON)
    if (statusCode !== 200) throw new StatusError(statusCode, errorIn(octets))
    const offset = Number(headers['message-offset'] ?? octets.length)
    if (!Number.isInteger(offset) || offset < 0 || offset > octets.length)
      throw new Error(`the answer has a Message-Offset of ${headers['message-offset']} in ${octets.length} octets`)
    const isRewritten = headers['message-offset'] !== undefined
    return readReply(octets.toString('utf8', 0, offset), isRewritten ? octets.subarray(offset) : undefined)
  }

  /** Teaches a message. Resolves to what the controller says of it; rejects when it did not take it. */
  async learn(
    daemon: Daemon,
    {
      message,
      as,
      password,
    }: { readonly message: MessageSource; readonly as: 'spam' | 'ham'; readonly password: string | undefined },
    signal: AbortSignal,
  ): Promise<string> {
    const fields = password === undefined ? [] : ['Password', Buffer.from(password).toString('latin1')]
    const answer = await this.#post(daemon, { path: `/learn${as}`, ...bodyOf(message, fields, false), signal })
    const octets = await unpacked(answer, MOST_JSON)
    const { statusCode } = answer
    // 208: it was learned before.
    if (statusCode !== 200 && statusCode !== 208) throw new StatusError(statusCode, errorIn(octets))
    return statusCode === 208 ? errorIn(octets) || 'already learned' : 'learned'
  }

  /** Resolves when it answers. */
  async ping(daemon: Daemon, signal: AbortSignal): Promise<void> {
    const { statusCode, body } = await this.#pool(daemon).request({ path: '/ping', method: 'GET', signal })
    const said = await body.text()
    if (statusCode !== 200) throw new StatusError(statusCode, said.trim().slice(0, 200))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
    this.#pools.clear()
  }

  #post(
    daemon: Daemon,
    request: Pick<Dispatcher.RequestOptions, 'path' | 'headers' | 'body' | 'signal'>,
  ): Promise<Dispatcher.ResponseData> {
    return this.#pool(daemon).request({ method: 'POST', ...request })
  }

  #pool(daemon: Daemon): Pool {
    const known = this.#pools.get(daemon.name)
    if (known) return known
    const { path, host = 'localhost', port, tls } = daemon
    const origin = path
      ? 'http://localhost'
      : `http${tls ? 's' : ''}://${host.includes(':') ? `[${host}]` : host}:${port}`
    const pool = new Pool(origin, {
      connections: this.#connections,
      // The deadline is that of who asks, by its signal.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: CONNECT_TIMEOUT, ...(path && { socketPath: path }) },
    })
    this.#pools.set(daemon.name, pool)
    return pool
  }
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

/** The octets of an answer, no more than `most`. */
async function unpacked({ headers, body }: Dispatcher.ResponseData, most: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > most) throw new Error(`the answer has more than ${most} octets`)
    chunks.push(chunk)
  }
  const octets = Buffer.concat(chunks)
  const isCompressed = headers['compression'] === 'zstd' || headers['content-encoding'] === 'zstd'
  return isCompressed ? decompress(octets, { maxOutputLength: most }) : octets
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
