/** Plugins as the configuration uses them: read from what `postroad explain` shows. */
import type { ApiShape } from '@postroad/admin-api'
import type { Host } from '@postroad/plugin'

/** What is known of a use without any number. */
export type KnownUse = Pick<ApiShape<'plugin'>, 'ownName' | 'scopes' | 'hooks' | 'mode' | 'onError'>

interface Explained {
  readonly name: string
  readonly hooks: Readonly<
    Record<
      string,
      readonly (readonly { plugin: string; ownName: string; mode: 'enforce' | 'shadow'; onError: string }[])[]
    >
  >
}

/** By name; those without a hook have no say, and are not among them. */
export function usesOf(host: Host): ReadonlyMap<string, KnownUse> {
  const uses = new Map<string, KnownUse>()
  for (const { name: scope, hooks } of host.explain() as readonly Explained[]) // the core's own
    for (const [hook, waves] of Object.entries(hooks))
      for (const { plugin, ownName, mode, onError } of waves.flat()) {
        const known = uses.get(plugin) ?? { ownName, scopes: [], hooks: [], mode, onError: {} }
        uses.set(plugin, {
          ...known,
          scopes: [...new Set([...known.scopes, scope])],
          hooks: [...new Set([...known.hooks, hook])],
          onError: { ...known.onError, [hook]: onError },
        })
      }
  return uses
}
