/** Redis servers of our own: on their own ports and folders, to be killed, stopped and brought back. Never the system's. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis, type RedisOptions } from 'ioredis'
import { freePorts } from '../interop/loopback.ts'
import { programPath } from '../runner/program.ts'
import type { TestCertificate } from './certificate.ts'

const START_LIMIT_MS = 30_000

/** Settings of a server, as in redis.conf. */
export type RedisSettings = Readonly<Record<string, string>>

/** What mail needs: nothing that was acknowledged is forgotten, nothing is thrown out. */
export const DURABLE: RedisSettings = { appendonly: 'yes', appendfsync: 'always', 'maxmemory-policy': 'noeviction' }

/** How the tests themselves get in. */
export interface RedisAccess {
  /** TLS, and nothing else. */
  readonly certificate?: TestCertificate
  readonly username?: string
  readonly password?: string
  /** Default: the `redis-server` of the system. */
  readonly program?: string
}

/** A server, running or not. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** Starts it again with the same port and folder. */
  start(): Promise<void>
  /** SIGKILL: what its files say is what is left. */
  kill(): Promise<void>
  /** SIGSTOP: it takes connections and answers nothing. */
  freeze(): void
  thaw(): void
  /** Runs one command on a connection of its own. */
  command(...args: readonly string[]): Promise<unknown>
}

/** Starts a server with an empty folder. */
export async function startRedis(settings: RedisSettings = {}, access: RedisAccess = {}): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-redis-'))
  const [port = 0] = await freePorts(1)
  const config = {
    bind: '127.0.0.1',
    ...listening(port, access.certificate),
    dir: folder,
    save: '""',
    daemonize: 'no',
    loglevel: 'warning',
    ...settings,
  }
  const file = join(folder, 'redis.conf')
  // A Sentinel writes its findings into its file; a restart must find them.
  writeFileSync(
    file,
    Object.entries(config)
      .map(([name, value]) => `${name.split('#')[0]} ${value}`)
      .join('\n'),
  )
  const isSentinel = Object.keys(settings).some((name) => name.startsWith('sentinel'))
  const server = new Server({ port, folder, access, argv: [file, ...(isSentinel ? ['--sentinel'] : [])] })
  try {
    await server.start()
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
  return server
}

function listening(port: number, certificate: TestCertificate | undefined): RedisSettings {
  if (!certificate) return { port: `${port}` }
  const { certFile, keyFile } = certificate
  return {
    port: '0',
    'tls-port': `${port}`,
    'tls-cert-file': certFile,
    'tls-key-file': keyFile,
    'tls-ca-cert-file': certFile,
    'tls-auth-clients': 'no',
    'tls-replication': 'yes',
  }
}

class Server implements RedisServer {
  readonly port: number
  readonly #folder: string
  readonly #access: RedisAccess
  readonly #argv: readonly string[]
  #child: ChildProcess | undefined
  #said = ''

  constructor(options: {
    readonly port: number
    readonly folder: string
    readonly access: RedisAccess
    readonly argv: readonly string[]
  }) {
    this.port = options.port
    this.#folder = options.folder
    this.#access = options.access
    this.#argv = options.argv
  }

  get url(): string {
    return `${this.#access.certificate ? 'rediss' : 'redis'}://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const end = performance.now() + START_LIMIT_MS
    let child = this.#spawn()
    while (!(await this.#answers())) {
      if (performance.now() > end) throw new Error(`redis-server does not start:\n${this.#said.slice(-2_000)}`)
      await sleep(20)
      // Its port may be somebody's for a moment.
      if (child.exitCode !== null || child.signalCode !== null) child = this.#spawn()
    }
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
  }

  async command(name = '', ...args: readonly string[]): Promise<unknown> {
    const client = this.#client()
    try {
      return await client.call(name, ...args)
    } finally {
      client.disconnect()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #spawn(): ChildProcess {
    const child = spawn(this.#access.program ?? programPath('redis-server'), this.#argv, {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#said = (this.#said + text).slice(-10_000)
      })
    this.#child = child
    return child
  }

  async #answers(): Promise<boolean> {
    const client = this.#client()
    try {
      // Not while it reads its files: then it says LOADING.
      return (await client.call('ping')) === 'PONG'
    } catch {
      return false
    } finally {
      client.disconnect()
    }
  }

  #client(): Redis {
    const { certificate, username, password } = this.#access
    const options: Omit<RedisOptions, 'replyMapping'> = {
      retryStrategy: () => null,
      enableReadyCheck: false,
      commandTimeout: 2_000,
    }
    const client = new Redis(this.port, '127.0.0.1', {
      ...options,
      ...(certificate && { tls: { ca: certificate.ca } }),
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
    })
    client.on('error', () => {})
    return client
  }
}
