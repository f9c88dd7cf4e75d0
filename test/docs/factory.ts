/** The plugins of this repository with the schemas of their options. */
import type { PluginFactory, Schema } from '@postroad/plugin'
import { toJSONSchema, type z } from 'zod'
import { readWorkspaces } from '../structure/workspace.ts'
import type { OptionSchema } from './option.ts'

/** One plugin that has options. */
export interface PluginOptions {
  /** As it is called: `dkim`, `dkim.sign`. */
  readonly title: string
  /** Folder of its package, from the root. */
  readonly folder: string
  readonly schema: OptionSchema
}

/** Every exported factory with a schema, and those that are properties of one. */
export async function loadFactories(): Promise<PluginOptions[]> {
  const found: PluginOptions[] = []
  for (const { folder, manifest, kind, sources } of readWorkspaces()) {
    // A folder that has only been begun is what the tests of manifests are about.
    if (kind !== 'plugins' || sources.length === 0) continue
    const exported: Record<string, unknown> = await import(manifest.name)
    for (const [name, value] of Object.entries(exported)) {
      add(found, { title: name, folder }, value)
      if (isFactory(value)) for (const [key, inner] of Object.entries(value)) add(found, { title: `${name}.${key}`, folder }, inner)
    }
  }
  return found
}

function add(found: PluginOptions[], { title, folder }: Omit<PluginOptions, 'schema'>, value: unknown): void {
  if (!isFactory(value) || value.schema === undefined) return
  // `as`: the schemas of our own plugins are zod's; `input` is what an operator writes, before defaults are filled in.
  const schema = toJSONSchema(value.schema as unknown as z.ZodType, { io: 'input', unrepresentable: 'any', reused: 'inline' })
  found.push({ title, folder, schema: schema as OptionSchema })
}

function isFactory(value: unknown): value is PluginFactory<Schema | undefined> {
  return typeof value === 'function' && 'pluginName' in value && 'schema' in value
}
