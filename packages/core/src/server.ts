/** A server's life: createServer → listen → (reload)* → close. */
import os from 'node:os'
import path from 'node:path'
import type { SocketKeeper } from '@postroad/listener'
import type {
  DefaultService,
  HealthCheck,
  HostDesk,
  HostOperator,
  PluginCommand,
  Queue,
  Role,
  Service,
} from '@postroad/plugin'
import type { AttachJudging } from '@postroad/smtp'
import type { Config, ServerSettings } from './config/config.ts'
import { judgeConfig } from './config/judge.ts'
import { PostroadError } from './errors.ts'
import { type ExplainedScope, explain } from './host/explain.ts'
import { buildGeneration, type Generation, type JudgedConfig, type ServerContext } from './host/generation.ts'
import type { RunningState } from './host/generation-host.ts'
import { type Finding, inspect } from './host/inspect.ts'
import { Listeners } from './host/listeners.ts'
import { ServerFeed } from './log/feed.ts'
import { createLog, type Log } from './log/log.ts'
import { createSingleRecipientClients } from './policy/single-recipient-clients.ts'

/** What who starts a server may put in place of the real world. */
export interface ServerOptions {
  /** Relative folders of the configuration start here. Default: the working directory. */
  readonly base?: string
  /** Services that are there without a plugin; plugins' own go before them. */
  readonly services?: readonly DefaultService[]
  /** Milliseconds since the epoch; faked in tests. */
  readonly now?: () => number
  /** Nothing is called out, stored or delivered: `nexthop`, `queue` and `quarantine` are answered by the core. For `postroad try`. */
  readonly rehearsal?: boolean
  /** By the name of a service: what plugins get in place of it, whoever provides it; `real` is what they would have got. */
  readonly substitutes?: ReadonlyMap<string, (real: () => unknown) => unknown>
  /** Nothing is made or changed: for `postroad check`. Such a server is not to be started. */
  readonly looks?: boolean
  /** Every scope judges for a server that asks by this protocol, whatever its listeners say: for tests of plugins, which attach wires of that protocol. */
  readonly judges?: 'milter' | 'policy'
  /** `delivery`: nothing listens. `smtp`: plugins deliver nothing. Default `all`. */
  readonly role?: Role
  /** Sees to UNIX sockets in place of this process, which may not: a worker's supervisor. */
  readonly sockets?: SocketKeeper
  /** The configuration was read from it, absolute: for plugins that show it. */
  readonly file?: string
  /** For plugins that let the server be operated. */
  readonly operator?: HostOperator
  /** Told of every file that an option of a plugin names, absolute, whenever a configuration is set up: for who watches them. */
  readonly onFile?: (file: string) => void
  /** `false`: a configuration without a listener is no mistake before `listen` is called. Default `true`. */
  readonly listens?: boolean
  /** Called when all is closed: whoever made services for this server closes them then. */
  readonly onClosed?: () => Promise<void>
}

/** Where a listener listens. */
export interface ListeningAddress {
  readonly name: string
  readonly host: string
  /** 0 on a UNIX socket. */
  readonly port: number
  /** Of a UNIX socket. */
  readonly path?: string
}

/** A server, set up. */
export interface Server extends AsyncDisposable {
  readonly hostname: string
  /** Absolute path of what is kept. */
  readonly folder: string
  readonly log: Log
  /** Lets background work of the plugins begin, without listening; `listen` does it by itself. */
  start(): Promise<void>
  /** @throws {PostroadError} `ERR_BIND` when a listener cannot be opened, and those that were are closed again; `ERR_NO_LISTENER` when there is none */
  listen(): Promise<void>
  /** Where it listens. */
  readonly addresses: readonly ListeningAddress[]
  /** Connections now. */
  readonly connections: number
  /**
   * Builds a complete new generation; new sessions get it, running ones keep theirs, sockets are shared. Host name, folder and log stay
   * as they are.
   *
   * @throws {BootError} with every mistake of the configuration
   * @throws {PostroadError} `ERR_BIND`, `ERR_LISTEN` when a listener cannot be opened
   * Whatever is thrown, the old generation stays with all its listeners.
   */
  reload(config: Config): Promise<void>
  explain(): readonly ExplainedScope[]
  /** What would go wrong later, as far as it can be seen now with the rights of this process; nothing is made or changed. */
  inspect(): Promise<readonly Finding[]>
  /** Subcommands that plugins add, by plugin; `name@scope` where several scopes use one of that name. */
  readonly commands: ReadonlyMap<string, Readonly<Record<string, PluginCommand>>>
  /**
   * Sends mail of the program's own, by the plugins of a scope (default: the first in which one takes mail) and their queue; plugins have it as the service
   * `Queue`. The server has to be started, by `listen` or `start`.
   */
  readonly queue: Queue
  /** What plugins want looked at, for `postroad doctor`; `plugin` as in `commands`. */
  readonly checks: readonly { readonly plugin: string; readonly check: HealthCheck }[]
  /** What plugins let programs ask and do, of one kind, from all scopes. */
  desks<T>(kind: Service<T>): readonly HostDesk<T>[]
  /**
   * The engine behind a listener, or behind the first of a scope, without a socket: for tests and `postroad try`. The protocol of the wire it
   * is given says which role the session has.
   */
  attach(name?: string): AttachJudging
  /** Stops accepting; idle sessions get 421; transactions finish within the grace; plugins close in reverse order. */
  close(options?: { readonly grace?: number }): Promise<void>
}

/**
 * Sets a server up; nothing listens yet.
 *
 * @throws {BootError} with every mistake of the configuration at once
 */
export async function createServer(config: Config, options: ServerOptions = {}): Promise<Server> {
  const now = options.now ?? Date.now
  const judged = judge(config)
  const { value: settings } = judged
  const log = createLog(settings.log, now)
  const base = path.resolve(options.base ?? '.')
  const folder = path.resolve(base, settings.folder)
  const spool = path.join(folder, 'incoming')
  const looks = options.looks ?? false
  const hostname = settings.hostname ?? os.hostname()
  const running: { generation: number; connections: RunningState['connections'] } & RunningState = {
    generation: 0,
    connections: () => new Map(),
    folder,
    operator: options.operator ?? {},
    ...(options.file !== undefined && { file: options.file }),
  }
  const context: ServerContext = {
    running,
    view: (generation) => ({
      explain: () => explain(generation),
      inspect: () => inspect(generation, context),
    }),
    log,
    hostname,
    folder,
    base,
    spool,
    feed: new ServerFeed(log),
    singleRecipientClients: createSingleRecipientClients(),
    services: options.services ?? [],
    rehearsal: options.rehearsal ?? false,
    substitutes: options.substitutes ?? new Map(),
    looks,
    listens: options.listens ?? true,
    role: options.role ?? 'all',
    judges: options.judges,
    onFile: options.onFile ?? (() => undefined),
    now,
  }
  const generation = await buildGeneration(judged, context)
  return new RunningServer(settings, {
    context,
    generation,
    running,
    sockets: options.sockets,
    onClosed: options.onClosed,
  })
}

function judge(config: Config): JudgedConfig {
  const judged = judgeConfig(config)
  const isThere = !judged.mistakes.some(({ path: [option] }) => option === undefined || option === 'setup')
  // `setup` is called on what it is a method of.
  return { ...judged, given: config, setup: isThere ? (app) => config.setup(app) : undefined }
}

class RunningServer implements Server {
  readonly #context: ServerContext
  #settings: ServerSettings
  #generation: Generation
  readonly #listeners: Listeners
  /** The reloads so far: they happen one after the other. */
  #turn: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined
  /** Aborted when the server stops: old generations that still have something under way must come to their end. */
  readonly #stop = new AbortController()
  readonly #retiring = new Set<Promise<void>>()
  readonly #onClosed: ServerOptions['onClosed']

  constructor(
    settings: ServerSettings,
    {
      context,
      generation,
      running,
      sockets,
      onClosed,
    }: {
      readonly context: ServerContext
      readonly generation: Generation
      readonly running: { generation: number; connections: RunningState['connections'] }
      readonly sockets: SocketKeeper | undefined
      readonly onClosed: ServerOptions['onClosed']
    },
  ) {
    this.#onClosed = onClosed
    this.#settings = settings
    this.#context = context
    this.#generation = generation
    this.#listeners = new Listeners(context.log, sockets)
    running.generation++
    running.connections = () => new Map(this.#listeners.all.map(({ name, connections }) => [name, connections]))
  }

  get hostname(): string {
    return this.#context.hostname
  }
  get folder(): string {
    return this.#context.folder
  }
  get log(): Log {
    return this.#context.log
  }
  get commands() {
    return this.#generation.commands
  }
  get checks() {
    return this.#generation.checks
  }
  desks<T>(kind: Service<T>): readonly HostDesk<T>[] {
    return this.#generation.desks(kind)
  }
  get queue(): Queue {
    return this.#generation.queue
  }
  get addresses(): readonly ListeningAddress[] {
    return this.#listeners.all.map((listener) => ({ name: listener.name, host: '', port: 0, ...listener.address }))
  }
  get connections(): number {
    return this.#listeners.all.reduce((sum, listener) => sum + listener.connections, 0)
  }

  start(): Promise<void> {
    return this.#generation.start()
  }

  async listen(): Promise<void> {
    if (this.#generation.scopes.every(({ listening }) => listening.length === 0))
      throw new PostroadError('ERR_NO_LISTENER', 'no scope listens')
    await this.#generation.start()
    if (this.#context.role !== 'delivery') await this.#listeners.turnTo(this.#generation)
  }

  reload(config: Config): Promise<void> {
    const run = this.#turn.then(() => this.#reload(config))
    this.#turn = run.catch(() => undefined) // told to who asked; the next one waits for the end only
    return run
  }

  async #reload(config: Config): Promise<void> {
    if (this.#closing) throw new Error('the server is closing')
    const judged = judge(config)
    const next = await buildGeneration(judged, this.#context)
    try {
      await next.start()
      if (this.#context.role !== 'delivery') await this.#listeners.turnTo(next)
    } catch (error) {
      await next.close()
      throw error
    }
    const before = this.#generation
    this.#generation = next
    this.#context.running.generation++
    this.#settings = judged.value
    const retired = before.drained().then(() => before.close(this.#stop.signal))
    this.#retiring.add(retired)
    void retired.finally(() => this.#retiring.delete(retired))
    this.log.info({ scopes: next.scopes.length }, 'reloaded')
  }

  explain(): readonly ExplainedScope[] {
    return explain(this.#generation)
  }

  inspect(): Promise<readonly Finding[]> {
    return inspect(this.#generation, this.#context)
  }

  attach(name?: string): AttachJudging {
    const generation = this.#generation
    const scope = generation.scopes.find((one) =>
      name === undefined
        ? one.listening.some(({ role }) => role !== undefined)
        : one.scope.name === name || one.listening.some((each) => each.role !== undefined && each.name === name),
    )
    if (!scope) throw new Error(`there is no listener or scope "${name}"`)
    return (wire) => generation.attach(scope, wire)
  }

  close(options: { readonly grace?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.grace ?? this.#settings.grace)
    return this.#closing
  }

  async #close(grace: number): Promise<void> {
    await this.#turn
    this.#stop.abort()
    await this.#listeners.close(grace)
    await this.#generation.close()
    await Promise.all(this.#retiring)
    await this.#onClosed?.()
    this.log.flush()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
