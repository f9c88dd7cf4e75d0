import { HOOKS, type HookName } from '@postroad/plugin'
import type { Mistakes } from '../errors.ts'
import type { Entry, DelayedHook } from './handler.ts'

const ORDER: ReadonlyMap<HookName, number> = new Map(HOOKS.map((hook, index) => [hook.name, index]))

/** Handlers by hook, before they are sorted into waves. */
export type Handlers = ReadonlyMap<HookName, readonly Entry[]>

/** Every fact somebody waits for has exactly one provider, no later than its reader. */
export function checkFacts(scope: string, handlers: Handlers, mistakes: Mistakes): void {
  const providers = new Map<string, Entry>()
  for (const entry of [...handlers.values()].flat()) {
    for (const fact of entry.provides) {
      const other = providers.get(fact)
      if (other && other.plugin !== entry.plugin)
        mistakes.add('ERR_FACT_TWICE', `both ${other.plugin} and ${entry.plugin} provide "${fact}" in scope "${scope}"`)
      if (!other || later(other.hook, entry.hook)) providers.set(fact, entry)
    }
  }
  for (const entry of [...handlers.values()].flat()) {
    for (const dependency of entry.after) {
      if (typeof dependency === 'string') continue
      const provider = providers.get(dependency.name)
      const reader = `${entry.plugin}.${entry.hook}`
      if (!provider) mistakes.add('ERR_FACT_MISSING', `${reader} reads "${dependency.name}", nobody provides it in scope "${scope}"`)
      else if (later(provider.hook, entry.hook))
        mistakes.add('ERR_FACT_LATE', `${reader} reads "${dependency.name}", which ${provider.plugin} provides only at ${provider.hook}`)
    }
  }
}

/** The hooks of delayed refusals at which somebody provides what the entry reads; it must wait for them. */
export function awaitedHooks(entry: Pick<Entry, 'hook' | 'after'>, handlers: Handlers): DelayedHook[] {
  const delayed: DelayedHook[] = ['connect', 'helo', 'mail']
  return delayed.filter(
    (hook) =>
      hook !== entry.hook &&
      (handlers.get(hook) ?? []).some((other) => entry.after.some((fact) => typeof fact !== 'string' && other.provides.has(fact.name))),
  )
}

function later(a: HookName, b: HookName): boolean {
  return (ORDER.get(a) ?? 0) > (ORDER.get(b) ?? 0)
}
