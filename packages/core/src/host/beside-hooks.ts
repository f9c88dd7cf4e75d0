/** What the plugins of a scope have besides hooks and routes, as the scope has it. */
import type { HttpIdentify, PluginInstance } from '@postroad/plugin'
import type { ScopeSpec, Use } from '../config/scope.ts'

/** Of one scope. */
export interface BesideHooks {
  /** Who say who asks on its listeners of kind `http`, those of the scopes around it, too. */
  readonly identify: readonly HttpIdentify[]
  /** What its own plugins want said of them; each sentence begins with the plugin. */
  readonly remarks: { readonly notes: readonly string[]; readonly warnings: readonly string[] }
}

/** Collects it. */
export function besideHooks({ uses, visible }: ScopeSpec, instances: ReadonlyMap<Use, PluginInstance>): BesideHooks {
  const said = (kind: 'notes' | 'warnings'): readonly string[] =>
    uses.flatMap((use) => (instances.get(use)?.remarks?.[kind] ?? []).map((text) => `${use.name}: ${text}`))
  return {
    identify: visible.flatMap((use) => instances.get(use)?.identify ?? []),
    remarks: { notes: said('notes'), warnings: said('warnings') },
  }
}
