/** What the plugins of a generation bring, by the names under which an operator knows them. */
import type { PluginInstance } from '@postroad/plugin'
import type { Use } from '../config/scope.ts'

/** By plugin; uses of one name in several scopes are told apart as `name@scope`. */
export function byPlugin<T>(
  instances: readonly (readonly [Use, PluginInstance])[],
  of: (instance: PluginInstance) => T | undefined,
): ReadonlyMap<string, T> {
  const all = instances.flatMap(([use, instance]) => {
    const brought = of(instance)
    return brought === undefined ? [] : [{ use, brought }]
  })
  const isAlone = (name: string) => all.filter(({ use }) => use.name === name).length === 1
  return new Map(all.map(({ use, brought }) => [isAlone(use.name) ? use.name : `${use.name}@${use.scope}`, brought]))
}
