/** A server's life: createServer → listen → (reload)* → close. */
import { mkdir } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { PluginCommand, Role } from '@postroad/plugin'
import { type Attach, type Certificate, type CertificateFiles, createListener, type Listener, watchCertificates } from '@postroad/smtp'
import type { Config } from './config.ts'
import { PostroadError } from './errors.ts'
import { type ExplainedScope, explain } from './explain.ts'
import { buildGeneration, type DefaultService, type Generation, type Ground, type Scope } from './host/generation.ts'
import type { Listening } from './host/listening.ts'
import { createLog, type Log } from './log/log.ts'
import { createSingles } from './policy/singles.ts'
import { guardProcess } from './process-guard.ts'

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
  /** `delivery`: nothing listens. `smtp`: plugins deliver nothing. Default `all`. */
  readonly role?: Role
}

/** Where a listener listens. */
export interface Address {
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
  /** @throws {PostroadError} `ERR_BIND` when a listener cannot be opened; those that were are closed again */
  listen(): Promise<void>
  /** Where it listens. */
  readonly addresses: readonly Address[]
  /** Connections now. */
  readonly connections: number
  /**
   * Builds a complete new generation; new sessions get it, running ones keep theirs, sockets are shared.
   *
   * @throws {BootError} when anything of it fails; the old one stays
   */
  reload(config: Config): Promise<void>
  explain(): readonly ExplainedScope[]
  /** Subcommands that plugins add, by plugin; `name@scope` where several scopes use one of that name. */
  readonly commands: ReadonlyMap<string, Readonly<Record<string, PluginCommand>>>
  /** The engine behind a listener, or behind the first of a scope, without a socket: for tests and `postroad try`. */
  attach(name?: string): Attach
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
  const log = createLog(config.log, now)
  const base = path.resolve(options.base ?? '.')
  const folder = path.resolve(base, config.folder ?? 'var')
  const spool = path.join(folder, 'incoming')
  await mkdir(spool, { recursive: true, mode: 0o750 })
  const hostname = config.hostname ?? os.hostname()
  const ground: Ground = {
    log,
    hostname,
    folder,
    base,
    spool,
    singles: createSingles(),
    services: options.services ?? [],
    rehearsal: options.rehearsal ?? false,
    role: options.role ?? 'all',
    now,
  }
  const generation = await buildGeneration(config, ground)
  return new RunningServer(config, ground, generation)
}

class RunningServer implements Server {
  readonly #ground: Ground
  #config: Config
  #generation: Generation
  #listeners: Listener[] = []
  readonly #watches = new Map<Listener, { close(): void }>()
  /** Taken out by a reload, their last sessions still running. */
  readonly #leaving: Listener[] = []
  #guard: { release(): void } | undefined
  #closing: Promise<void> | undefined
  readonly #retiring = new Set<Promise<void>>()

  constructor(config: Config, ground: Ground, generation: Generation) {
    this.#config = config
    this.#ground = ground
    this.#generation = generation
  }

  get hostname(): string {
    return this.#ground.hostname
  }
  get folder(): string {
    return this.#ground.folder
  }
  get log(): Log {
    return this.#ground.log
  }
  get commands() {
    return this.#generation.commands
  }
  get addresses(): readonly Address[] {
    return this.#listeners.map((listener) => ({ name: listener.name, host: '', port: 0, ...listener.address }))
  }
  get connections(): number {
    return this.#listeners.reduce((sum, listener) => sum + listener.connections, 0)
  }

  start(): Promise<void> {
    return this.#generation.start()
  }

  async listen(): Promise<void> {
    this.#guard = guardProcess(this.log)
    await this.#generation.start()
    if (this.#ground.role === 'delivery') return
    for (const scope of this.#generation.scopes) for (const one of scope.listening) await this.#open(scope, one)
  }

  async #open(scope: Scope, { options, files }: Listening): Promise<void> {
    const generation = this.#generation
    const onError = (error: unknown): void => this.log.error({ listener: options.name, error }, 'the wire reports an error')
    const listener = createListener({ onError, ...options }, (wire) => generation.attach(scope, wire))
    try {
      await listener.listen()
    } catch (cause) {
      await Promise.all(this.#listeners.map((other) => other.stop()))
      this.#listeners = []
      this.#guard?.release()
      throw new PostroadError(
        'ERR_BIND',
        `${options.name} could not listen on ${options.path ?? `${options.host ?? '*'}:${options.port}`}: ${cause instanceof Error ? cause.message : cause}`,
        { cause },
      )
    }
    this.#listeners.push(listener)
    this.#watch(listener, files)
  }

  /** Certificates that change on disk are taken over, for new connections. */
  #watch(listener: Listener, files: readonly CertificateFiles[]): void {
    this.#watches.get(listener)?.close()
    this.#watches.delete(listener)
    if (files.length === 0) return
    const onChange = (certificates: readonly Certificate[]): void => {
      listener.setCertificate(certificates)
      this.log.info({ listener: listener.name }, 'certificates were read again')
    }
    const onError = (error: unknown): void =>
      this.log.error({ listener: listener.name, error }, 'certificates cannot be read again; the old ones stay')
    this.#watches.set(listener, watchCertificates(files, { onChange, onError }))
  }

  async reload(config: Config): Promise<void> {
    const next = await buildGeneration(config, this.#ground)
    await next.start()
    const before = this.#generation
    const wanted = new Map(next.scopes.flatMap((scope) => scope.listening.map((one) => [one.options.name, { scope, one }] as const)))
    this.#generation = next
    this.#config = config
    const kept: Listener[] = []
    for (const listener of this.#listeners) {
      const target = wanted.get(listener.name)
      if (target) {
        listener.setAttach((wire) => next.attach(target.scope, wire))
        if (target.one.options.certificate) listener.setCertificate(target.one.options.certificate)
        this.#watch(listener, target.one.files)
        kept.push(listener)
        wanted.delete(listener.name)
      } else {
        this.#watch(listener, [])
        await listener.stop()
        this.#leaving.push(listener)
      }
    }
    this.#listeners = kept
    if (this.#ground.role !== 'delivery') for (const { scope, one } of wanted.values()) await this.#open(scope, one)
    const retired = before.drained().then(() => before.close())
    this.#retiring.add(retired)
    void retired.finally(() => this.#retiring.delete(retired))
    this.log.info({ scopes: next.scopes.length }, 'reloaded')
  }

  explain(): readonly ExplainedScope[] {
    return explain(this.#generation)
  }

  attach(name?: string): Attach {
    const generation = this.#generation
    const scope = generation.scopes.find((one) =>
      name === undefined ? one.listening.length > 0 : one.name === name || one.listening.some(({ options }) => options.name === name),
    )
    if (!scope) throw new Error(`there is no listener or scope "${name}"`)
    return (wire) => generation.attach(scope, wire)
  }

  close(options: { readonly grace?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.grace ?? this.#config.grace ?? 30_000)
    return this.#closing
  }

  async #close(grace: number): Promise<void> {
    for (const watch of this.#watches.values()) watch.close()
    await Promise.all([...this.#listeners, ...this.#leaving].map((listener) => listener.close(grace)))
    this.#listeners = []
    await this.#generation.close()
    await Promise.all(this.#retiring)
    this.#guard?.release()
    this.log.flush()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
