import type { HookName } from '@postroad/plugin'
import type { Handler } from './handler.ts'

/** Handlers that depend on none of each other: they run at the same time. */
export type Wave = readonly Handler[]

/** Hooks whose handlers run one after the other until one answers, or each on what the one before made of it: *first*, *fold*, *tap*. */
export type TurnHook = 'auth' | 'route' | 'receive' | 'rewrite' | 'quarantine' | 'queue' | 'verify' | 'expand' | 'help' | 'unknown'

/** The compiled handlers of a scope: waves, or where handlers run in turn a list; a hook that nobody answers is undefined, and costs one check. */
export type HookTable = { readonly [K in HookName]?: K extends TurnHook ? readonly Handler[] : readonly Wave[] } & {
  /** Names of the plugins, by {@link Handler.index}. */
  readonly plugins: readonly string[]
}

/** All handlers at a hook, in waves or not. */
export function flat(handlers: readonly Wave[] | readonly Handler[] | undefined): readonly Handler[] {
  return (handlers ?? []).flat()
}
