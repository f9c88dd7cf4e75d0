/**
 * Everything one configuration makes: plugins set up, plans compiled, services found. A reload builds a complete new
 * generation; sessions keep the one they began with, and it closes its plugins after the last of them.
 */

import type { HttpSite, OwnedRoute } from '@postroad/http'
import { createContentWriter } from '@postroad/message'
import {
  type DefaultService,
  DeliveryHooks,
  Events,
  errorOf,
  Feed,
  type HealthCheck,
  Host,
  type HostDesk,
  type PluginCommand,
  type PluginInstance,
  Queue,
  type Role,
  type Service,
  textOf,
} from '@postroad/plugin'
import type { AttachJudging, Offer, Wire } from '@postroad/smtp'
import type { App, ServerSettings } from '../config/config.ts'
import type { Judged } from '../config/judge.ts'
import { ScopeSpec, type Use } from '../config/scope.ts'
import { Services } from '../container.ts'
import { BootError, Mistakes, PostroadError } from '../errors.ts'
import type { ServerFeed } from '../log/feed.ts'
import type { Log } from '../log/log.ts'
import { compile } from '../plan/compile.ts'
import type { HookTable } from '../plan/hook-table.ts'
import { judging } from '../plan/judging.ts'
import { checkRoles, type Roles, rolesOf } from '../plan/roles.ts'
import { type ContentMemory, createContentMemory } from '../policy/content-memory.ts'
import type { SingleRecipientClients } from '../policy/single-recipient-clients.ts'
import { withNormalDomains } from '../policy/thresholds.ts'
import { Lifetime } from '../session/lifetime.ts'
import type { Scope } from '../session/scope.ts'
import { SessionStages } from '../stages/session.ts'
import { type BesideHooks, besideHooks } from './beside-hooks.ts'
import { byPlugin } from './by-plugin.ts'
import { closedInTime } from './closing.ts'
import { createDeliveryHooks } from './delivery-hooks.ts'
import { makeFolder } from './folder.ts'
import { desksOf, GenerationHost, type GenerationView, type RunningState } from './generation-host.ts'
import type { Listening } from './listener-kind.ts'
import { checkListeners, checkTogether } from './listening.ts'
import { offerOf } from './offer.ts'
import { validated } from './options.ts'
import { OwnMail } from './own-mail.ts'
import type { Places } from './places.ts'
import { rehearsed } from './rehearsal.ts'
import { routesOf } from './routes.ts'
import { type Substitutes, setUp } from './setup.ts'
import { createSite } from './site.ts'

/** What outlives generations. */
export interface ServerContext {
  readonly log: Log
  readonly hostname: string
  readonly folder: string
  readonly base: string
  readonly role: Role
  /** In place of what the scopes listen for. */
  readonly judges: 'milter' | 'policy' | undefined
  readonly spool: string
  readonly singleRecipientClients: SingleRecipientClients
  readonly feed: ServerFeed
  /** Services of the core and of who started it: the plugins' own go before them. */
  readonly services: readonly DefaultService[]
  /** The server as it runs, for plugins that show it. */
  readonly running: RunningState
  /** What is shown of a generation. */
  view(generation: Generation): GenerationView
  /** Nothing is called out, stored or delivered. */
  readonly rehearsal: boolean
  readonly substitutes: Substitutes
  /** Nothing is made or changed: somebody only looks. */
  readonly looks: boolean
  /** A configuration without a listener is a mistake. */
  readonly listens: boolean
  /** Told of every file that an option names. */
  onFile(file: string): void
  now(): number
}

/** What the configuration made of one scope: the scope itself, and what stands before it. */
export interface CompiledScope extends BesideHooks {
  readonly scope: Scope
  /** The same for sessions in which another server takes responsibility. */
  readonly judging: Scope
  readonly roles: Roles
  readonly offer: Offer
  readonly routes: readonly OwnedRoute[]
  readonly listening: readonly Listening[]
}

/** One configuration at work. */
export class Generation {
  readonly scopes: readonly CompiledScope[]
  readonly commands: ReadonlyMap<string, Readonly<Record<string, PluginCommand>>>
  /** What plugins want looked at by who asks how the server does; `plugin` is named as in `commands`. */
  readonly checks: readonly { readonly plugin: string; readonly check: HealthCheck }[]
  /** What its plugins read and write. */
  readonly places: Places
  /** Sends by the first scope in which somebody takes mail. */
  readonly queue: Queue
  readonly #instances: readonly (readonly [Use, PluginInstance])[]
  readonly #lifetime: Lifetime
  readonly #controller: AbortController
  readonly #log: Log
  #sessions = 0
  #retired: (() => void) | undefined
  #closing: Promise<void> | undefined

  constructor(parts: {
    scopes: readonly CompiledScope[]
    instances: ReadonlyMap<Use, PluginInstance>
    lifetime: Lifetime
    controller: AbortController
    log: Log
    places: Places
    queue: Queue
  }) {
    this.scopes = parts.scopes
    this.places = parts.places
    this.queue = parts.queue
    this.#instances = [...parts.instances]
    this.#lifetime = parts.lifetime
    this.#controller = parts.controller
    this.#log = parts.log
    this.commands = byPlugin(this.#instances, ({ commands }) => commands)
    const checks = byPlugin(this.#instances, (instance) => instance.checks)
    this.checks = [...checks].flatMap(([plugin, own]) => own.map((check) => ({ plugin, check })))
  }

  /** What plugins let programs ask, of one kind. */
  desks<T>(kind: Service<T>): readonly HostDesk<T>[] {
    return desksOf(this.#instances, kind)
  }

  /** The other side of a new connection. */
  attach({ scope, judging, offer }: CompiledScope, wire: Wire): SessionStages {
    this.#sessions++
    const isAsked = wire.protocol === 'milter' || wire.protocol === 'policy'
    return new SessionStages(isAsked ? judging : scope, wire, { offer, gone: this.#gone })
  }

  /** What is behind a listener of this scope. */
  behind(compiled: CompiledScope): { readonly attach: AttachJudging; readonly site: HttpSite } {
    // A request that is under way keeps its plugins open, as a session does.
    const begin = (): (() => void) => {
      this.#sessions++
      return this.#gone
    }
    return { attach: (wire) => this.attach(compiled, wire), site: createSite(compiled.scope, compiled, begin) }
  }

  readonly #gone = (): void => {
    this.#sessions--
    if (this.#sessions === 0) this.#retired?.()
  }

  /** Lets background work of the plugins begin. */
  async start(): Promise<void> {
    for (const [use, instance] of this.#instances) {
      try {
        await instance.start?.()
      } catch (cause) {
        throw new PostroadError('ERR_SETUP', `${use.name} could not be started: ${textOf(cause)}`, {
          cause,
        })
      }
    }
  }

  /** Resolves when the last session that began in this generation is gone. */
  drained(): Promise<void> {
    if (this.#sessions === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#retired = resolve
    })
  }

  /** Aborts what still runs, and closes the plugins in reverse order of `use`; until `stop` is aborted they may take their time. */
  close(stop: AbortSignal = AbortSignal.abort()): Promise<void> {
    this.#closing ??= this.#close(stop)
    return this.#closing
  }

  async #close(stop: AbortSignal): Promise<void> {
    const reason = new Error('the server is closing')
    this.#lifetime.end(reason)
    this.#controller.abort(reason)
    for (const [use, instance] of this.#instances.toReversed()) {
      try {
        await closedInTime(instance.close?.(stop), stop)
      } catch (error) {
        // The others must be closed all the same.
        this.#log.error({ plugin: use.name, error }, 'a plugin could not be closed')
      }
    }
  }
}

/** A configuration of which the general options are judged; what `setup` says is not yet. */
export interface JudgedConfig extends Judged<ServerSettings> {
  /** As it was written. */
  readonly given: object
  /** Absent when there is none that could be called; that is among the mistakes. */
  readonly setup: ((app: App) => void | Promise<void>) | undefined
}

/**
 * Builds a generation; nothing listens yet.
 *
 * @throws {BootError} with every mistake of the configuration; what had been set up is closed again
 */
export async function buildGeneration(judged: JudgedConfig, server: ServerContext): Promise<Generation> {
  const mistakes = new Mistakes()
  const { value: config } = judged
  for (const { code, message } of judged.mistakes) mistakes.add(code, message)
  const root = new ScopeSpec('server', undefined, mistakes)
  const isFilled = await fill(root, judged, mistakes)
  if (!isFilled || judged.mistakes.length > 0) {
    // With half a configuration nothing is set up; what is wrong with the options of plugins can be said all the same.
    for (const use of root.all.flatMap(({ uses }) => uses)) await validated(use, mistakes)
    mistakes.throwIfAny()
  }
  if (!server.looks) await makeFolder(server)
  const lifetime = new Lifetime()
  const controller = new AbortController()
  const instances = new Map<Use, PluginInstance>()
  const services = Services.generation()
  const places: Places = { folders: [], files: [] }
  // Where no queue writes events down, nobody is told of any.
  services.provide(Events, () => ({ publish: async () => undefined }))
  for (const { service, create, folder } of server.services) {
    services.provide(service, () => {
      if (folder !== undefined)
        places.folders.push({ path: folder, at: '', plugin: service.name, scope: root.name, isMade: true })
      return create()
    })
  }
  services.provide(Feed, () => server.feed)
  const host = new GenerationHost(server.running, judged)
  services.provide(Host, () => host)
  const memory = createContentMemory(config.memory)
  const context = {
    mistakes,
    log: server.log,
    hostname: server.hostname,
    folder: server.folder,
    base: server.base,
    onFile: server.onFile,
    role: server.role,
    rehearsal: server.rehearsal,
    substitutes: server.substitutes,
    signal: controller.signal,
    instances,
    looks: server.looks,
    places,
  }
  const scopes: CompiledScope[] = []
  // Records are made, and milliseconds counted, for whoever reads them: the log, or a plugin that may be told.
  const needs = root.all.flatMap(({ uses }) => uses.flatMap(({ plugin }) => Object.values(plugin.needs)))
  const isHeard = server.log.enabled || needs.some(({ name }) => name === Feed.name)
  const scopesOf = ({ name }: ScopeSpec): readonly Scope[] =>
    scopes.flatMap(({ scope }) => (scope.name === name ? scope : []))
  let generation: Generation | undefined
  const sending = {
    hostname: server.hostname,
    attach(name: string, wire: Wire) {
      const compiled = scopes.find(({ scope }) => scope.name === name)
      return generation && compiled && generation.attach(compiled, wire)
    },
  }
  const build = async (spec: ScopeSpec, own: Services): Promise<void> => {
    let scope: Scope | undefined
    // Their hooks are known only when all plugins are set up, and nobody calls them before.
    const within = () => spec.all.slice(1).flatMap(scopesOf)
    own.provide(DeliveryHooks, () => createDeliveryHooks(() => scope, within))
    own.provide(Queue, () => new OwnMail(sending, { scope: spec.name, identity: 'server' }))
    await setUp(spec, own, context)
    const table = server.rehearsal ? rehearsed(compile(spec, instances, mistakes)) : compile(spec, instances, mistakes)
    const roles = rolesOf(server.judges ? [server.judges] : spec.listens.map(({ protocol }) => protocol))
    checkRoles(spec, roles, { instances, mistakes })
    scope = makeScope(spec.name, { config, server, table, lifetime, memory, isHeard })
    const routes = await routesOf(spec, instances, mistakes)
    scopes.push({
      scope,
      roles,
      judging: { ...scope, role: 'filter', table: judging(table) },
      offer: offerOf(table),
      routes,
      ...besideHooks(spec, instances),
      listening: await checkListeners(spec, {
        table,
        routes,
        config,
        hostname: server.hostname,
        base: server.base,
        folder: server.folder,
        takes: roles.takes,
        looks: server.looks || server.rehearsal,
        mistakes,
      }),
    })
    for (const child of spec.children) await build(child, own.scope())
  }
  await build(root, services)
  const listening = scopes.flatMap((scope) => scope.listening)
  checkTogether(listening, server.listens, mistakes)
  const first = scopes.find(({ scope: { table } }) => table.queue) ?? scopes[0]
  const queue = new OwnMail(sending, { scope: first?.scope.name ?? root.name, identity: 'program' })
  generation = new Generation({ scopes, instances, lifetime, controller, log: server.log, places, queue })
  host.serve({ ...server.view(generation), root, instances })
  if (mistakes.any) await generation.close()
  mistakes.throwIfAny()
  return generation
}

/** A throw of the operator's own code, or of a plugin's factory, is a mistake like any other; where it was made is told, too. */
async function fill(root: ScopeSpec, config: JudgedConfig, mistakes: Mistakes): Promise<boolean> {
  try {
    await config.setup?.(root)
    return true
  } catch (cause) {
    // What was thrown may throw when it is looked at: a proxy does at `instanceof`.
    const error = errorOf(cause)
    if (error instanceof BootError) {
      mistakes.take(error.errors)
      return false
    }
    // Errors of a class of their own say what to do; of the others the place has to be known.
    const { name, stack = '' } = error
    const isPlain = error === cause && /^(?:Error|TypeError|RangeError|ReferenceError)$/.test(name)
    const where = isPlain ? /^ +at .*$/m.exec(stack)?.[0].trim() : undefined
    mistakes.add('ERR_CONFIG', `setup of the configuration failed${where === undefined ? '' : ` ${where}`}`, cause)
    return false
  }
}

function makeScope(
  name: string,
  {
    config,
    server,
    table,
    lifetime,
    memory,
    isHeard,
  }: {
    config: ServerSettings
    server: ServerContext
    table: HookTable
    lifetime: Lifetime
    memory: ContentMemory
    isHeard: boolean
  },
): Scope {
  const { log, feed } = server
  const loggers = new Map<string, ReturnType<Log['child']>>()
  return {
    name,
    hostname: server.hostname,
    role: 'mta',
    table,
    lifetime,
    log,
    timed: isHeard,
    describes: isHeard ? (config.log.message ?? 'plain') : 'none',
    feed,
    thresholds: withNormalDomains(config.thresholds),
    refuseAt: config.refuseAt,
    mixed: config.mixed,
    memory,
    spooling: { open: () => createContentWriter({ memoryLimit: memory.share(), folder: server.spool }) },
    added: config.added,
    spool: server.spool,
    now: server.now,
    record(line) {
      feed.record(log.record(line))
    },
    logFor(plugin) {
      let own = loggers.get(plugin)
      if (!own) {
        own = log.child({ plugin })
        loggers.set(plugin, own)
      }
      return own
    },
    singleRecipientClients: server.singleRecipientClients,
  }
}
