/** Whom an order names: plugins by their own names, whatever labels an operator gave them with `as`. */
import type { Use } from '../config/scope.ts'

/** The uses of a scope, by the plugins' own names; their names in the scope are unique. */
export interface NamedUses {
  readonly byPlugin: ReadonlyMap<string, readonly string[]>
  readonly labels: ReadonlySet<string>
}

/** What a scope sees. */
export function namedUses(uses: readonly Use[]): NamedUses {
  const byPlugin = new Map<string, string[]>()
  for (const { plugin, name } of uses) {
    const known = byPlugin.get(plugin.name)
    if (known) known.push(name)
    else byPlugin.set(plugin.name, [name])
  }
  return { byPlugin, labels: new Set(uses.map(({ name }) => name)) }
}

/** All uses of the plugin: its author knows no labels. What it says of itself orders nothing, or two uses of it would wait for each other. */
export function namedByAuthor(name: string, use: Use, { byPlugin }: NamedUses): readonly string[] {
  return name === use.plugin.name ? [] : (byPlugin.get(name) ?? [])
}

/**
 * All other uses of the plugin. A name that no plugin in use has may be a label, which only the operator knows: it is the one way to
 * name one of several uses.
 */
export function namedByOperator(name: string, use: Use, { byPlugin }: NamedUses): readonly string[] {
  return (byPlugin.get(name) ?? [name]).filter((label) => label !== use.name)
}

/** Whether anything in use is called so. */
export function isNamed(name: string, { byPlugin, labels }: NamedUses): boolean {
  return byPlugin.has(name) || labels.has(name)
}
