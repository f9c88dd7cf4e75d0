import type { Plugin, SchemaIssue } from '@postroad/plugin'
import type { Mistakes } from '../errors.ts'

/** The plugin's options after its schema; undefined and a mistake when they do not fit. */
export async function validated(name: string, plugin: Plugin, mistakes: Mistakes): Promise<{ readonly value: unknown } | undefined> {
  if (!plugin.schema) return { value: plugin.options }
  try {
    const result = await plugin.schema['~standard'].validate(plugin.options)
    if (!result.issues) return { value: result.value }
    for (const issue of result.issues) mistakes.add('ERR_OPTIONS', `${path(name, issue)}: ${issue.message}`)
  } catch (cause) {
    // A refinement of the author's, or an option that throws when it is read.
    mistakes.add('ERR_OPTIONS', `${name}: the options could not be checked`, cause)
  }
  return undefined
}

function path(name: string, { path = [] }: SchemaIssue): string {
  return [name, ...path.map((part) => String(typeof part === 'object' ? part.key : part))].join('.')
}
