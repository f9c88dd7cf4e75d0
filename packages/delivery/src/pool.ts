/** Connections that are kept open and used again, by target. */

import type { Reply, Transport } from '@postroad/mail'
import { ChunkTrust } from './client/chunk-trust.ts'
import { type ConnectOptions, openConnection } from './client/connect.ts'
import { ConnectError } from './client/connect-error.ts'
import type { ClientConnection, CommandExchange } from './client/connection.ts'
import { localReply } from './client/reply.ts'
import type { Target } from './client/target.ts'
import { targetKey } from './client/target-key.ts'
import { TIMEOUTS, type Timeouts } from './client/timeouts.ts'
import { TlsMemory } from './client/tls-memory.ts'

/** How a {@link Pool} behaves. */
export interface PoolOptions {
  /** Name for EHLO. */
  readonly hostname: string
  /** Connections to one target at a time. Default 20. */
  readonly maxConnections?: number
  /** Transactions on one connection, then it is closed. Default 1,000. */
  readonly maxTransactions?: number
  /** Milliseconds after which a connection begins no further transaction. Default 300,000. */
  readonly maxAgeMs?: number
  /** Milliseconds an unused connection is kept. Default 10,000: servers that count connections do not like to wait. */
  readonly idleMs?: number
  /** Milliseconds to wait for a connection when all are in use. Default: as long as the attempt may last, because busy connections are no refusal. */
  readonly waitMs?: number
  readonly timeouts?: Partial<Timeouts>
  /** Messages may go out by BDAT where the server is known to read chunks, RFC 3030. Default true. */
  readonly chunking?: boolean
  /** What is remembered of the TLS of hosts. Default: a memory of this pool's own. */
  readonly memory?: TlsMemory
  /** Called when a host that once had a trusted certificate for its name offers no TLS, and gets mail all the same. */
  onDowngrade?(target: Target): void
}

/** A connection in use by one transaction at a time. Exactly one of the two ends must be called. */
export interface PooledConnection {
  readonly connection: ClientConnection
  /** It was used before: it may have died unnoticed. */
  readonly isReused: boolean
  /** Gives it back; with `needsReset`, RSET is said first (RFC 5321 §4.1.1.5). */
  release(needsReset?: boolean): void
  /** Closes it. */
  discard(): void
}

/** Numbers for logs and metrics. */
export interface PoolStats {
  readonly open: number
  readonly idle: number
  readonly waiting: number
  /** Transactions so far whose final dot was never answered: each may have made a duplicate. */
  readonly uncertain: number
}

/** A transport that keeps connections. */
export interface PooledTransport extends Transport {
  readonly stats: PoolStats
}

interface Waiter {
  readonly resolve: (pooled: PooledConnection | undefined) => void
}

interface Bucket {
  readonly target: Target
  readonly idle: ClientConnection[]
  readonly waiting: Waiter[]
  /** Connections open, being opened, or being reset. */
  open: number
}

/** Keeps connections by target. */
export class Pool {
  readonly #maxConnections: number
  readonly #maxTransactions: number
  readonly #maxAgeMs: number
  readonly #idleMs: number
  readonly #waitMs: number | undefined
  readonly timeouts: Timeouts
  readonly #connecting: Omit<ConnectOptions, 'signal'>
  readonly chunks: ChunkTrust
  /** Counted by who sends. */
  uncertain = 0
  readonly #buckets = new Map<string, Bucket>()
  readonly #idleSince = new Map<ClientConnection, number>()
  readonly #all = new Set<ClientConnection>()
  #sweeper: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: PoolOptions) {
    this.#maxConnections = options.maxConnections ?? 20
    this.#maxTransactions = options.maxTransactions ?? 1000
    this.#maxAgeMs = options.maxAgeMs ?? 300_000
    this.#idleMs = options.idleMs ?? 10_000
    this.#waitMs = options.waitMs
    this.timeouts = { ...TIMEOUTS, ...options.timeouts }
    this.chunks = new ChunkTrust({ isOff: options.chunking === false, timeoutMs: this.timeouts.command })
    const { hostname, memory, onDowngrade } = options
    this.#connecting = { hostname, timeouts: this.timeouts, memory: memory ?? new TlsMemory(), onDowngrade }
  }

  get stats(): PoolStats {
    let open = 0
    let waiting = 0
    for (const bucket of this.#buckets.values()) {
      open += bucket.open
      waiting += bucket.waiting.length
    }
    return { open, idle: this.#idleSince.size, waiting, uncertain: this.uncertain }
  }

  /**
   * A connection to the target: an idle one, a new one, or the next that becomes free.
   *
   * @throws {ConnectError} when it cannot be had
   */
  async acquire(target: Target, signal: AbortSignal): Promise<PooledConnection> {
    for (;;) {
      if (this.#isClosed || signal.aborted) {
        // The next that waits gets the place that this one was woken for.
        this.#bucket(target).waiting.shift()?.resolve(undefined)
        throw this.#isClosed ? refusal('Shutting down') : refusal('Given up')
      }
      const pooled = this.#reuse(this.#bucket(target))
      if (pooled !== undefined) return pooled
      // Not the same as before when the last connection was worn out.
      const bucket = this.#bucket(target)
      if (bucket.open < this.#maxConnections) return await this.#open(bucket, target, signal)
      const handed = await this.#wait(bucket, signal)
      if (handed !== undefined) return handed
    }
  }

  /** An idle connection, at once; undefined when there is none. */
  take(target: Target): PooledConnection | undefined {
    return this.#reuse(this.#bucket(target))
  }

  /** A new connection, beside those that idle: when one of them turned out to be dead. */
  async fresh(target: Target, signal: AbortSignal): Promise<PooledConnection> {
    // They were opened at about the same time to the same server, and are likely to be dead as well.
    for (const connection of this.#bucket(target).idle.splice(0)) connection.leave()
    // Not the same as before when that was the last connection.
    const bucket = this.#bucket(target)
    const isRoom = bucket.open < this.#maxConnections && !this.#isClosed
    return isRoom ? await this.#open(bucket, target, signal) : await this.acquire(target, signal)
  }

  /** Closes what idles; what is in use closes when it is given back. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#sweeper)
    for (const bucket of this.#buckets.values()) {
      for (const waiter of bucket.waiting.splice(0)) waiter.resolve(undefined)
      for (const connection of bucket.idle.splice(0)) connection.leave()
    }
  }

  /** Cuts all connections at once. */
  destroy(): void {
    void this.close()
    for (const connection of this.#all) connection.destroy()
  }

  #bucket(target: Target): Bucket {
    const key = targetKey(target)
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) this.#buckets.set(key, (bucket = { target, idle: [], waiting: [], open: 0 }))
    return bucket
  }

  #reuse(bucket: Bucket): PooledConnection | undefined {
    for (;;) {
      // The one used last: the others may grow old enough to be closed.
      const connection = bucket.idle.pop()
      if (connection === undefined) return undefined
      this.#idleSince.delete(connection)
      if (this.#isWornOut(connection)) connection.leave()
      else if (connection.isOpen) return this.#lend(bucket, connection, true)
    }
  }

  async #open(bucket: Bucket, target: Target, signal: AbortSignal): Promise<PooledConnection> {
    bucket.open++
    try {
      const connection = await openConnection(target, { ...this.#connecting, signal })
      this.#all.add(connection)
      connection.onLost = () => this.#lost(bucket, connection)
      return this.#lend(bucket, connection, false)
    } catch (error) {
      this.#gone(bucket)
      throw error
    }
  }

  #lost(bucket: Bucket, connection: ClientConnection): void {
    this.#all.delete(connection)
    this.#idleSince.delete(connection)
    const at = bucket.idle.indexOf(connection)
    if (at >= 0) bucket.idle.splice(at, 1)
    this.#gone(bucket)
  }

  /** A place is free. */
  #gone(bucket: Bucket): void {
    bucket.open--
    const waiter = bucket.waiting.shift()
    if (waiter !== undefined) waiter.resolve(undefined)
    else if (bucket.open === 0) this.#buckets.delete(targetKey(bucket.target))
  }

  #lend(bucket: Bucket, connection: ClientConnection, isReused: boolean): PooledConnection {
    return new Lent(connection, { isReused, bucket, takeBack: this.#takeBack })
  }

  readonly #takeBack = (bucket: Bucket, connection: ClientConnection, needsReset: boolean): void =>
    needsReset ? this.#reset(bucket, connection) : this.#giveBack(bucket, connection)

  #reset(bucket: Bucket, connection: ClientConnection): void {
    if (!connection.isOpen) return
    const mayFollow = connection.extensions.pipelining
    const exchange: CommandExchange = {
      timeoutMs: this.timeouts.command,
      reply: (reply: Reply) => {
        if (reply.code !== 250) connection.destroy()
        else if (!mayFollow) this.#giveBack(bucket, connection)
      },
      lost: () => {},
    }
    connection.command('RSET', exchange)
    connection.flush()
    // RFC 2920 §3.1: the next MAIL may follow RSET without waiting for its answer.
    if (mayFollow) this.#giveBack(bucket, connection)
  }

  #giveBack(bucket: Bucket, connection: ClientConnection): void {
    if (!connection.isOpen) return
    if (this.#isClosed || this.#isWornOut(connection)) {
      connection.leave()
      return
    }
    if (connection.chunkQuestion !== undefined && this.chunks.ask(connection, () => this.#giveBack(bucket, connection)))
      return
    const waiter = bucket.waiting.shift()
    if (waiter !== undefined) {
      waiter.resolve(this.#lend(bucket, connection, true))
      return
    }
    bucket.idle.push(connection)
    this.#idleSince.set(connection, performance.now())
    this.#sweep()
  }

  #isWornOut({ transactions, extensions, openedAt }: ClientConnection): boolean {
    const limit = Math.min(this.#maxTransactions, extensions.maxTransactions ?? this.#maxTransactions)
    return transactions >= limit || performance.now() - openedAt >= this.#maxAgeMs
  }

  /** Waits for a connection, or for a place for a new one (undefined). */
  #wait(bucket: Bucket, signal: AbortSignal): Promise<PooledConnection | undefined> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
      }
      const fail = (error: unknown) => {
        const at = bucket.waiting.indexOf(waiter)
        if (at >= 0) bucket.waiting.splice(at, 1)
        end()
        reject(error)
      }
      const waiter: Waiter = {
        resolve: (pooled) => {
          end()
          resolve(pooled)
        },
      }
      const late = () => fail(refusal('All connections are in use'))
      const timer = this.#waitMs === undefined ? undefined : setTimeout(late, this.#waitMs)
      const abort = () => fail(refusal('Given up'))
      signal.addEventListener('abort', abort, { once: true })
      bucket.waiting.push(waiter)
    })
  }

  /** One timer for all: looks at half the idle time whether anything is old. */
  #sweep(): void {
    if (this.#sweeper !== undefined) return
    this.#sweeper = setInterval(() => {
      const limit = performance.now() - this.#idleMs
      for (const [connection, since] of this.#idleSince) if (since <= limit) connection.leave()
      if (this.#idleSince.size > 0) return
      clearInterval(this.#sweeper)
      this.#sweeper = undefined
    }, this.#idleMs / 2)
    this.#sweeper.unref()
  }
}

/** A connection that is lent. */
class Lent implements PooledConnection {
  readonly connection: ClientConnection
  readonly isReused: boolean
  readonly #bucket: Bucket
  readonly #takeBack: (bucket: Bucket, connection: ClientConnection, needsReset: boolean) => void
  #isOver = false

  constructor(
    connection: ClientConnection,
    how: {
      readonly isReused: boolean
      readonly bucket: Bucket
      takeBack(bucket: Bucket, connection: ClientConnection, needsReset: boolean): void
    },
  ) {
    this.connection = connection
    this.isReused = how.isReused
    this.#bucket = how.bucket
    this.#takeBack = how.takeBack
  }

  release(needsReset = false): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#takeBack(this.#bucket, this.connection, needsReset)
  }

  discard(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.connection.leave()
  }
}

function refusal(text: string): ConnectError {
  return new ConnectError('connect', localReply(451, '4.3.2', text))
}
