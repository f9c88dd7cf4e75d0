import type { HookHandlers, HookName, KnownWay, Mechanism, QueueFeature } from '@postroad/plugin'
import type { UseOptions } from '../config/config.ts'

/** What a handler of each hook is given. */
export type HookContexts = { readonly [K in HookName]: Parameters<HookHandlers[K]>[0] }

/** What is known of a handler at whatever hook: everything that was said of it by its author and by the operator. */
export interface AnyHandler {
  /** The name of the plugin in its scope: its own, or the label that the operator gave with `as`. */
  readonly plugin: string
  /** The plugin's own name. */
  readonly ownName: string
  readonly hook: HookName
  /** Plugins by their names in the scope, and facts. */
  readonly after: readonly (string | { readonly name: string })[]
  /** Plugins by their names in the scope. */
  readonly before: readonly string[]
  /** Names of the facts it may set. */
  readonly provides: ReadonlySet<string>
  /** Milliseconds. */
  readonly timeout: number
  readonly shadow: boolean
  readonly onError: NonNullable<UseOptions['onError']>
  readonly when: ((context: never) => boolean) | undefined
  /** Hooks whose handlers may still be running, their refusals delayed, and provide a fact this one reads. */
  readonly awaits: readonly DelayedHook[]
  readonly mechanisms: readonly Mechanism[]
  /** Somebody else judges SCRAM: nothing can be bound to our TLS connection. */
  readonly relays: boolean
  readonly supports: readonly QueueFeature[]
  /** Undefined: it may take routes with any `via`. */
  readonly carries: ((via: string) => boolean) | undefined
  /** Of a queue: where a large message is to be written, because it takes the file over. */
  readonly spool?: string | undefined
  /** Undefined: nobody knows which ways it may answer with. */
  readonly ways: (() => Iterable<KnownWay>) | undefined
  /** At `rewrite`: when it runs, by what it changes (0 body to 3 seal); alike at all other hooks. */
  readonly phase: number
  /** It waits for the uses of the same plugin before it. */
  readonly inTurn: boolean
  /** It never has an opinion. */
  readonly observes: boolean
  /** Its opinions may be points. */
  readonly points: boolean
  /** Index of the plugin in its scope, for the time account. */
  readonly index: number
  /** It has answered with a promise before, or it has not; undefined until it has run. A rejection that nobody holds is attributed to it unless it answers at once. */
  asynchronous: boolean | undefined
}

/** One handler of one plugin at the hook `K`. What it answers is checked at run time. */
export interface Handler<K extends HookName = HookName> extends AnyHandler {
  readonly run: (context: HookContexts[K]) => unknown
  /** It runs when this holds. */
  readonly when: ((context: HookContexts[K]) => boolean) | undefined
}

/** Hooks whose refusals may be delayed until RCPT. */
export type DelayedHook = 'connect' | 'helo' | 'mail'

/** A plugin as messages name it: where it has a label, with its own name, because orders go by that. */
export function titleOf({ plugin, ownName }: Pick<Handler, 'plugin' | 'ownName'>): string {
  return plugin === ownName ? plugin : `${ownName} as ${plugin}`
}
