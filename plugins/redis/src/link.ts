/**
 * One connection for everything that is short: every command has a deadline, nothing is queued while the server is away,
 * nothing is sent twice. Offered as the service `redis`, so that other plugins share what was configured once.
 */
import type { Logger } from '@postroad/plugin'
import type { Argument, ClientKind, RedisClient, RedisLink, Script, SendOptions } from '@postroad/redis-link'
import { Cluster } from 'ioredis'
import { createClient } from './client.ts'
import type { RedisOptions } from './options.ts'

/** Codes of {@link RedisAwayError}: what each means, and what to do. Part of docs/errors.md. */
export const REDIS_ERRORS = {
  ERR_REDIS_AWAY: {
    summary:
      'Redis cannot be reached, so a command was not even sent. What a plugin does without its store is the word of its `onError`.',
    fix: 'Look at the server and the way to it; the connection comes back by itself.',
  },
} as const

/** Rejected with when a command was not even sent. */
export class RedisAwayError extends Error {
  readonly code = 'ERR_REDIS_AWAY'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RedisAwayError'
  }
}

/** The connection of the plugin `redis`, over ioredis: commands with deadlines, and nothing queued while the server is away. */
export class Link implements RedisLink {
  readonly prefix: string
  readonly isCluster: boolean
  readonly deadline: number
  readonly #options: RedisOptions
  readonly #log: Logger
  #client: RedisClient | undefined
  #inFlight = 0
  /** Since when the server is away; 0: it is there. */
  #awaySince = 0
  /** Resolves when the server is there again. */
  #return = gate()
  #isClosed = false
  /** The connection was given up and is not closed yet. */
  #isResetting = false

  constructor(options: RedisOptions, log: Logger) {
    this.#options = options
    this.#log = log
    this.prefix = options.prefix
    this.deadline = options.deadline
    this.isCluster = options.cluster !== undefined
  }

  async send(
    command: string,
    args: readonly Argument[],
    { signal, buffers = false }: SendOptions = {},
  ): Promise<unknown> {
    signal?.throwIfAborted()
    if (this.#inFlight >= this.#options.maxInFlight) throw new RedisAwayError('Too many commands wait for Redis')
    this.#inFlight++
    try {
      const client = await this.#ready(signal)
      // `as`: the types of ioredis want mutable arguments and know no union of its two clients.
      const call = (buffers ? client.callBuffer : client.call) as (
        name: string,
        ...rest: Argument[]
      ) => Promise<unknown>
      return await abortable(call.call(client, command, ...args), signal)
    } catch (error) {
      this.#look(error)
      throw error
    } finally {
      this.#inFlight--
    }
  }

  async run(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    options: SendOptions = {},
  ): Promise<unknown> {
    try {
      return await this.send('evalsha', [script.sha, keys.length, ...keys, ...args], options)
    } catch (error) {
      // A server that was restarted, or another one: it has not run the script, so it may be sent again.
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return this.send('eval', [script.lua, keys.length, ...keys, ...args], options)
    }
  }

  async *scan(pattern: string, signal?: AbortSignal): AsyncGenerator<readonly string[]> {
    signal?.throwIfAborted()
    const client = await this.#ready(signal)
    const nodes = 'nodes' in client ? client.nodes('master') : [client]
    for (const node of nodes) {
      let cursor = '0'
      do {
        signal?.throwIfAborted()
        const [next, keys] = await node.scan(cursor, 'MATCH', pattern, 'COUNT', 1_000)
        yield keys
        cursor = next
      } while (cursor !== '0')
    }
  }

  connect(kind: ClientKind): RedisClient {
    const client = createClient(this.#options, kind)
    // Told once, by the common connection; without a listener an error would end the process.
    client.on('error', () => {})
    return client
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#client?.disconnect()
  }

  /** A short gap is bridged, a long one fails at once: who waits for Redis holds up mail. */
  async #ready(signal: AbortSignal | undefined): Promise<RedisClient> {
    const client = (this.#client ??= this.#open())
    if (client.status === 'ready') return client
    if (this.#isClosed) throw new RedisAwayError('The connection to Redis is closed')
    const left = this.#awaySince + this.deadline - Date.now()
    if (left <= 0) throw new RedisAwayError('Redis is away')
    await within(this.#return.opened, left, signal)
    return client
  }

  #open(): RedisClient {
    const client = createClient(this.#options, 'command')
    this.#awaySince = Date.now()
    client.on('ready', () => {
      if (this.#awaySince > 0) this.#log.info({ awayMs: Date.now() - this.#awaySince }, 'Redis is there')
      this.#awaySince = 0
      this.#return.open()
    })
    client.on('close', () => {
      this.#isResetting = false
      if (this.#awaySince === 0 && !this.#isClosed) this.#log.warn({}, 'Redis is away; trying again until it is back')
      if (this.#awaySince > 0) return
      this.#awaySince = Date.now()
      this.#return = gate()
    })
    client.on('error', (error: unknown) => this.#log.debug({ error }, 'the connection to Redis has an error'))
    client.connect().catch(() => {}) // told by the events above
    return client
  }

  /** A server that takes commands and does not answer: with the connection goes everything that waits for it. */
  #look(error: unknown): void {
    if (!(error instanceof Error && error.message === 'Command timed out')) return
    const client = this.#client
    if (client instanceof Cluster) {
      for (const node of client.nodes()) if (node.status === 'ready') node.disconnect(true)
    } else if (client?.status === 'ready' && !this.#isResetting) {
      this.#isResetting = true
      client.disconnect(true)
    }
  }
}

interface Gate {
  readonly opened: Promise<void>
  open(): void
}

function gate(): Gate {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

/** Waits so long and no longer. */
async function within(done: Promise<void>, ms: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RedisAwayError('Redis is away')), ms)
  })
  try {
    await abortable(Promise.race([done, late]), signal)
  } finally {
    clearTimeout(timer)
  }
}

/** Stops waiting when the signal aborts; the command itself cannot be taken back. */
function abortable<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return result
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
    result.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
