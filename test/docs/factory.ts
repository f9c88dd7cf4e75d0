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

/** The schema itself. */
export interface PluginSchema {
  readonly title: string
  readonly folder: string
  readonly schema: z.ZodType
}

/** Every exported factory with a schema, and those that are properties of one. */
export async function loadFactories(): Promise<PluginOptions[]> {
  return (await loadSchemas()).map(({ title, folder, schema }) => ({
    title,
    folder,
    // `input` is what an operator writes, before defaults are filled in. `as`: the part of it that is read here.
    schema: toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as OptionSchema,
  }))
}

/** The schemas of {@link loadFactories} as they are in the code. */
export async function loadSchemas(): Promise<PluginSchema[]> {
  const found: PluginSchema[] = []
  for (const { folder, manifest, kind, sources } of readWorkspaces()) {
    // A folder that has only been begun is what the tests of manifests are about.
    if (kind !== 'plugins' || sources.length === 0) continue
    const exported: Record<string, unknown> = await import(manifest.name)
    for (const [name, value] of Object.entries(exported)) {
      add(found, { title: name, folder }, value)
      if (isFactory(value))
        for (const [key, inner] of Object.entries(value)) add(found, { title: `${name}.${key}`, folder }, inner)
    }
  }
  return found
}

function add(found: PluginSchema[], { title, folder }: Omit<PluginSchema, 'schema'>, value: unknown): void {
  if (!isFactory(value) || value.schema === undefined) return
  // `as`: the schemas of our own plugins are zod's.
  found.push({ title, folder, schema: value.schema as unknown as z.ZodType })
}

function isFactory(value: unknown): value is PluginFactory<Schema | undefined> {
  return typeof value === 'function' && 'pluginName' in value && 'schema' in value
}
