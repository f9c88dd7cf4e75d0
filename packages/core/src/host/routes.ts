/** Routes that the plugins of a scope serve, on its listeners of kind `http`. */
import type { OwnedRoute } from '@postroad/http'
import type { PluginInstance } from '@postroad/plugin'
import { placeOf, type ScopeSpec, type Use } from '../config/scope.ts'
import type { Mistakes } from '../errors.ts'

/** Those of all plugins that the scope sees, in the order of `use`; what cannot be served is reported. */
export async function routesOf(
  scope: ScopeSpec,
  instances: ReadonlyMap<Use, PluginInstance>,
  mistakes: Mistakes,
): Promise<readonly OwnedRoute[]> {
  const owned = (uses: readonly Use[]): readonly OwnedRoute[] =>
    uses.flatMap((use) => (instances.get(use)?.routes ?? []).map((route) => ({ plugin: use.name, route })))
  const all = owned(scope.visible)
  const inherited = owned(scope.parent?.visible ?? [])
  // Those of the scopes around it were judged there.
  if (all.length === inherited.length) return all
  const { routeMistakes } = await import('@postroad/http')
  const known = new Set(routeMistakes(inherited))
  for (const mistake of routeMistakes(all))
    if (!known.has(mistake)) {
      const use = scope.uses.find(({ name }) => mistake.startsWith(`${name}: `))
      mistakes.add('ERR_HTTP_ROUTE', `${use ? placeOf(use) : ''}${mistake}`)
    }
  return all
}
