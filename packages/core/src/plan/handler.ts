import type { HookName, KnownWay, Mechanism, QueueFeature } from '@postroad/plugin'
import type { UseOptions } from '../config/config.ts'

/** One handler of one plugin at one hook, with everything that was said of it: by its author and by the operator. */
export interface Handler {
  /** The name of the plugin in its scope: its own, or the label that the operator gave with `as`. */
  readonly plugin: string
  /** The plugin's own name. */
  readonly ownName: string
  readonly hook: HookName
  // The host calls handlers of all hooks through one door; their answers are checked at run time.
  readonly run: (context: never) => unknown
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
  readonly when: UseOptions['when']
  /** Hooks whose handlers may still be running, their refusals delayed, and provide a fact this one reads. */
  readonly awaits: readonly DelayedHook[]
  readonly mechanisms: readonly Mechanism[]
  readonly supports: readonly QueueFeature[]
  /** Undefined: it may take routes with any `via`. */
  readonly carries: ((via: string) => boolean) | undefined
  /** Undefined: nobody knows which ways it may answer with. */
  readonly ways: (() => Iterable<KnownWay>) | undefined
  /** It never has an opinion. */
  readonly observes: boolean
  /** Its opinions may be points. */
  readonly points: boolean
  /** Index of the plugin in its scope, for the time account. */
  readonly index: number
  /** It has answered with a promise before, or it has not; undefined until it has run. A rejection that nobody holds is attributed to it unless it answers at once. */
  asynchronous: boolean | undefined
}

/** Hooks whose refusals may be delayed until RCPT. */
export type DelayedHook = 'connect' | 'helo' | 'mail'

/** A plugin as messages name it: where it has a label, with its own name, because orders go by that. */
export function titleOf({ plugin, ownName }: Pick<Handler, 'plugin' | 'ownName'>): string {
  return plugin === ownName ? plugin : `${ownName} as ${plugin}`
}
