import { HOOKS, type HookName } from '@postroad/plugin'
import type { Mistakes } from '../errors.ts'
import type { DelayedHook, Handler } from './handler.ts'

const ORDER: ReadonlyMap<HookName, number> = new Map(HOOKS.map((hook, index) => [hook.name, index]))

/** Handlers by hook, before they are sorted into waves. */
export type Handlers = ReadonlyMap<HookName, readonly Handler[]>

/** Every fact somebody waits for has exactly one provider, no later than its reader. */
export function checkFacts(scope: string, handlers: Handlers, mistakes: Mistakes): void {
  const providers = new Map<string, Handler>()
  for (const handler of [...handlers.values()].flat()) {
    for (const fact of handler.provides) {
      const other = providers.get(fact)
      if (other && other.plugin !== handler.plugin)
        mistakes.add(
          'ERR_FACT_TWICE',
          `both ${other.plugin} and ${handler.plugin} provide "${fact}" in scope "${scope}"`,
        )
      if (!other || later(other.hook, handler.hook)) providers.set(fact, handler)
    }
  }
  for (const handler of [...handlers.values()].flat()) {
    for (const dependency of handler.after) {
      if (typeof dependency === 'string') continue
      const provider = providers.get(dependency.name)
      const reader = `${handler.plugin}.${handler.hook}`
      if (!provider)
        mistakes.add('ERR_FACT_MISSING', `${reader} reads "${dependency.name}", nobody provides it in scope "${scope}"`)
      else if (later(provider.hook, handler.hook))
        mistakes.add(
          'ERR_FACT_LATE',
          `${reader} reads "${dependency.name}", which ${provider.plugin} provides only at ${provider.hook}`,
        )
    }
  }
}

/** The hooks of delayed refusals at which somebody provides what the handler reads; it must wait for them. */
export function awaitedHooks(handler: Pick<Handler, 'hook' | 'after'>, handlers: Handlers): DelayedHook[] {
  const delayed: DelayedHook[] = ['connect', 'helo', 'mail']
  return delayed.filter(
    (hook) =>
      hook !== handler.hook &&
      (handlers.get(hook) ?? []).some((other) =>
        handler.after.some((fact) => typeof fact !== 'string' && other.provides.has(fact.name)),
      ),
  )
}

function later(a: HookName, b: HookName): boolean {
  return (ORDER.get(a) ?? 0) > (ORDER.get(b) ?? 0)
}
