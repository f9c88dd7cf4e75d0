import type { HookName } from '@postroad/plugin'
import type { AnyHandler, Handler } from './handler.ts'

/** Handlers that depend on none of each other: they run at the same time. */
export type Wave<K extends HookName = HookName> = readonly Handler<K>[]

/** Hooks whose handlers run one after the other until one answers, or each on what the one before made of it: *first*, *fold*, *tap*. */
export type TurnHook =
  | 'auth'
  | 'route'
  | 'receive'
  | 'rewrite'
  | 'quarantine'
  | 'queue'
  | 'verify'
  | 'expand'
  | 'help'
  | 'unknown'
  | 'tls'

/** Hooks whose handlers run wave by wave: *ask*, *tell*. */
export type WaveHook = Exclude<HookName, TurnHook>

/** Handlers by hook where they run in waves. */
export type Waves = { readonly [K in WaveHook]?: readonly Wave<K>[] }

/** Handlers by hook where they run in turn. */
export type Turns = { readonly [K in TurnHook]?: readonly Handler<K>[] }

/** The compiled handlers of a scope; a hook that nobody answers is undefined, and costs one check. */
export interface HookTable extends Waves, Turns {
  /** Names of the plugins, by {@link AnyHandler.index}. */
  readonly plugins: readonly string[]
}

/** All handlers at a hook, in waves or not. */
export function flat(
  handlers: readonly (readonly AnyHandler[])[] | readonly AnyHandler[] | undefined,
): readonly AnyHandler[] {
  return (handlers ?? []).flat()
}
