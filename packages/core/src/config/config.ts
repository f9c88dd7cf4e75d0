/**
 * What an operator writes: which plugins, in which scopes, behind which listeners. `schema.ts` is what judges it, and the compiler holds the
 * two against each other; the pages of the options take their sentences from here.
 *
 * What is said of listeners stands in `listen.ts`.
 *
 * A duration is milliseconds, or a text with a unit: `5 s`, `2 min`, `1 h`. A size is octets, or a text with a unit: `64 KiB`, `25 MB`.
 */

import type { HookContext, Plugin } from '@postroad/plugin'
import type { LogOptions } from '../log/log.ts'
import type {
  AnyListenOptions,
  HttpListenOptions,
  ListenOptions,
  MilterListenOptions,
  PolicyListenOptions,
} from './listen.ts'

/** What the operator says about a plugin; its author has no say in it. */
export interface UseOptions {
  /** `shadow`: opinions are recorded, not obeyed. Default `enforce`. */
  readonly mode?: 'enforce' | 'shadow'
  /**
   * What a handler that throws, is late, or answers nonsense is worth. `defer` (default): 451 4.3.0. `pass`: as if it had
   * not been there. `reject`: 554 5.3.0. `disconnect`: 421 4.3.0 and the connection is closed.
   */
  readonly onError?: 'defer' | 'pass' | 'reject' | 'disconnect'
  /** How long a run may take; goes before what the author says. */
  readonly timeout?: number | string
  /** Runs the plugin's handlers only when this holds. Must be quick and must not throw. */
  readonly when?: (context: HookContext) => boolean
  /**
   * Run before these plugins, at every hook. A plugin goes by its own name, which stands for all its uses, whatever `as` calls
   * them; a label of `as` that is no plugin's name stands for that one use.
   */
  readonly before?: readonly string[]
  /** Run after these plugins, at every hook, named as in `before`. */
  readonly after?: readonly string[]
  /** Another name, when a plugin is used twice: for the log, its folder and its commands. Orders go by the plugin's own. */
  readonly as?: string
  /**
   * For who makes a configuration of a file: where something was written, `postroad.yaml:12` for one, by its path in `{ …, options: { … } }`.
   * Mistakes of the plugin begin with it.
   */
  readonly origin?: (path: readonly PropertyKey[]) => string
}

/** What `setup` of a configuration gets: a scope to fill. */
export interface App {
  /** Adds a plugin to this scope and those within it. */
  use(plugin: Plugin, options?: UseOptions): this
  /** Opens a scope within this one: it sees what this one uses, not the other way round. */
  scope(name: string, fill: (scope: App) => void): this
  /** Opens a listener whose sessions, or requests of kind `http`, meet the plugins of this scope. */
  listen(options: AnyListenOptions): this
}

/** Points that meet a threshold decide; the highest that is met counts. */
export interface Levels {
  /** Take the message, marked: `X-Spam-Flag: YES`, `X-Spam-Score`, and the `subject` of {@link Thresholds} before its own. */
  readonly tag?: number
  /** Set the message aside. */
  readonly quarantine?: number
  /** Answer 451, so that a real sender comes back. */
  readonly defer?: number
  /** Answer 550. */
  readonly reject?: number
}

/** What the sum of a message's points is worth. */
export interface Thresholds extends Levels {
  /** Other levels for recipients of these domains; what a domain does not name is as for all. */
  readonly domains?: Readonly<Record<string, Levels>>
  /** Put before the subject of a tagged message, `[SPAM] ` for one. Default: the subject stays. */
  readonly subject?: string
}

/** The resolver behind the service `Dns`. */
export interface ResolverOptions {
  /** Recursive resolvers in order of preference, `192.0.2.53` or `[2001:db8::53]:5353`. */
  readonly servers?: readonly string[]
  /** Believe the servers' AD bit, RFC 4035. Default: as resolv.conf says, or when all are on this machine. */
  readonly trustAd?: boolean
  /** How long a lookup may take in all. Default 5 s. */
  readonly timeoutMs?: number | string
  /** Questions one message may send to the network. Default 100. */
  readonly lookupsPerMessage?: number
}

/** A whole configuration. */
export interface Config {
  /** The server's own name: banner, trace fields. Default: the machine's. */
  readonly hostname?: string
  /** Folder of everything that is kept: stores, queue, spool. Default `var`, below the configuration file. */
  readonly folder?: string
  readonly thresholds?: Thresholds
  /** When a refusal at connect, helo or mail is said. Default `rcpt`: the log then has sender and recipient. */
  readonly refuseAt?: 'rcpt' | 'now'
  /**
   * What an SMTP client hears when a message was refused for some recipients only. `defer-rest` (default): 451, nothing is
   * taken, and the client's next attempts are taken one recipient at a time, so that each gets its own answer.
   * `strictest`: the most severe refusal, nothing is taken.
   */
  readonly mixed?: 'defer-rest' | 'strictest'
  /**
   * When a recipient that a plugin adds at `rewrite` has no route, or is refused by the next hop. `defer` (default): the message is refused for now,
   * so that no copy is lost. `drop`: it is taken without that recipient, and the log says so.
   */
  readonly added?: 'defer' | 'drop'
  /** How long running transactions may take when the server closes. Default 30 s. */
  readonly grace?: number | string
  /** Octets of a message kept in memory before it goes to a temporary file. Default: 16 MiB while at most sixteen come in at once, 1 MiB while at most 256 do, else 64 KiB; 2 MiB at most where the queue takes files over. */
  readonly memory?: number | string
  readonly log?: LogOptions
  /** The resolver behind the service `Dns`. Default: the servers of /etc/resolv.conf. */
  readonly dns?: ResolverOptions
  /** Printed by `postroad start` after what it listens on: where mail goes, what to try. */
  readonly hint?: string
  setup(app: App): void | Promise<void>
}

/** Marks the configuration's type; the identity function. Whoever makes a server of it judges it. */
export function defineConfig(config: Config): Config {
  return config
}

/** A configuration as data, without code: what `setup` would do stands in `listen`, `use` and `scopes`. */
export interface ConfigData extends Omit<Config, 'setup'>, ScopeData {
  readonly scopes?: Readonly<Record<string, ScopeData>>
}

/** A scope as data. */
export interface ScopeData {
  readonly listen?: readonly (
    | Omit<ListenOptions, 'certificate' | 'onError'>
    | Omit<HttpListenOptions, 'certificate' | 'onError'>
    | Omit<PolicyListenOptions, 'onError'>
    | Omit<MilterListenOptions, 'onError'>
  )[]
  /** Plugins by name, with their options or without. */
  readonly use?: readonly (string | PluginData)[]
}

/** A plugin by its name, and what is said of it. */
export interface PluginData extends Omit<UseOptions, 'when' | 'origin'> {
  readonly plugin: string
  readonly options?: Readonly<Record<string, unknown>>
}

/** {@link UseOptions}, judged: amounts are numbers. */
export type UseSettings = Omit<UseOptions, 'timeout'> & { readonly timeout?: number }

/** {@link Config}, judged: with the defaults, and amounts as numbers. */
export interface ServerSettings
  extends Pick<Config, 'hostname' | 'hint'>,
    Required<Pick<Config, 'folder' | 'thresholds' | 'refuseAt' | 'mixed' | 'added' | 'log'>> {
  /** Milliseconds. */
  readonly grace: number
  /** Octets. */
  readonly memory?: number
  readonly dns: Omit<ResolverOptions, 'timeoutMs'> & { readonly timeoutMs?: number }
}
