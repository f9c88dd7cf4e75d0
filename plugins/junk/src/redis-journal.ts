/** Lessons of several nodes: a stream of Redis, which all of them append to and apply in its order. */
import { randomBytes } from 'node:crypto'
import type { RedisLink } from '@postroad/redis-link'
import { gathered } from './durable-file.ts'
import type { Journal, Placed, Position } from './journal.ts'
import { type JournalRecord, readRecord } from './lesson.ts'
import { Secret } from './secret.ts'

/** Entries that are read at once. */
const PAGE = 200
const FIELD = 'r'
/** Seconds after which a base that nobody has finished goes. */
const LEFT_FOR = 600
/** Octets of the base that have its position in them. */
const PEEKED = 255

/** The journal in a Redis. */
export function redisJournal(redis: RedisLink): Journal {
  return new RedisJournal(redis)
}

/** The secret that all nodes share, made by the first. */
export async function redisSecret(redis: RedisLink): Promise<Secret> {
  const key = `${redis.prefix}:junk:secret`
  await redis.send('SET', [key, randomBytes(32).toString('hex'), 'NX'])
  const text = await redis.send('GET', [key])
  if (typeof text !== 'string' || !/^[0-9a-f]{64}$/.test(text))
    throw new Error(`${key} is damaged: it should have 64 hexadecimal digits`)
  return new Secret(Buffer.from(text, 'hex'))
}

class RedisJournal implements Journal {
  readonly #redis: RedisLink
  readonly #stream: string
  readonly #base: string

  constructor(redis: RedisLink) {
    this.#redis = redis
    this.#stream = `${redis.prefix}:junk:lessons`
    this.#base = `${redis.prefix}:junk:{base}`
  }

  async append(record: Uint8Array): Promise<void> {
    await this.#redis.send('XADD', [this.#stream, '*', FIELD, Buffer.from(record)])
  }

  async *read(after: Position): AsyncIterable<Placed> {
    for (let last = after; ; ) {
      const page = await this.#page(last, PAGE)
      for (const { position, octets } of page) {
        last = position
        const found = readRecord(octets, 0)
        if (typeof found.record === 'object') yield { record: found.record, position }
      }
      if (page.length < PAGE) return
    }
  }

  async hasMore(after: Position): Promise<boolean> {
    return (await this.#page(after, 1)).length > 0
  }

  isBefore(one: Position, other: Position): boolean {
    const [a, b] = [placeOf(one), placeOf(other)]
    return a.at < b.at || (a.at === b.at && a.sequence < b.sequence)
  }

  async blank(matches: (record: JournalRecord) => boolean): Promise<number> {
    let count = 0
    for await (const { record, position } of this.read('')) {
      if (!matches(record)) continue
      await this.#redis.send('XDEL', [this.#stream, position])
      count++
    }
    return count
  }

  async forget(before: Position): Promise<void> {
    await this.#redis.send('XTRIM', [this.#stream, 'MINID', before])
  }

  async octets(): Promise<number> {
    return Number((await this.#redis.send('MEMORY', ['USAGE', this.#stream])) ?? 0)
  }

  async readBase(): Promise<Buffer | undefined> {
    const octets = await this.#redis.send('GET', [this.#base], { buffers: true })
    return octets instanceof Buffer ? octets : undefined
  }

  async peekBase(): Promise<Buffer | undefined> {
    const octets = await this.#redis.send('GETRANGE', [this.#base, 0, PEEKED], { buffers: true })
    return octets instanceof Buffer && octets.length > 0 ? octets : undefined
  }

  async writeBase(slices: Iterable<Uint8Array>): Promise<void> {
    // Beside the one that is there, piece by piece; who is killed meanwhile leaves something that goes by itself.
    const next = `${this.#base}:${randomBytes(8).toString('hex')}`
    for (const piece of gathered(slices)) {
      await this.#redis.send('APPEND', [next, Buffer.from(piece)])
      await this.#redis.send('EXPIRE', [next, LEFT_FOR])
    }
    await this.#redis.send('PERSIST', [next])
    await this.#redis.send('RENAME', [next, this.#base])
  }

  async close(): Promise<void> {
    // The link is the plugin redis's.
  }

  async #page(
    after: Position,
    count: number,
  ): Promise<readonly { readonly position: Position; readonly octets: Buffer }[]> {
    const start = after === '' ? '-' : `(${after}`
    const answer = await this.#redis.send('XRANGE', [this.#stream, start, '+', 'COUNT', count], { buffers: true })
    const entries = answer as readonly (readonly [Buffer, readonly Buffer[]])[] // XRANGE: ids and their fields
    return entries.map(([id, [, octets]]) => ({ position: id.toString('latin1'), octets: octets ?? Buffer.alloc(0) }))
  }
}

function placeOf(position: Position): { readonly at: number; readonly sequence: number } {
  const [at = 0, sequence = 0] = position === '' ? [] : position.split('-').map(Number)
  return { at, sequence }
}
