import type { Plugin, SchemaIssue } from '@postroad/plugin'
import { placeOf, type Use } from '../config/scope.ts'
import { unknownOption } from '../config/sentence.ts'
import type { Mistakes } from '../errors.ts'
import { knownKeys } from './known-keys.ts'

/** The plugin's options after its schema; undefined and a mistake when they do not fit. */
export async function validated(
  use: Pick<Use, 'name' | 'plugin' | 'options'>,
  mistakes: Mistakes,
): Promise<{ readonly value: unknown } | undefined> {
  const { name, plugin } = use
  if (!plugin.schema) return { value: plugin.options }
  try {
    const result = await plugin.schema['~standard'].validate(plugin.options)
    if (!result.issues) return { value: result.value }
    for (const { path, text } of result.issues.flatMap((issue) => told(plugin, issue)))
      mistakes.add(
        'ERR_OPTIONS',
        `${placeOf(use, ['options', ...path])}${[name, ...path.map(String)].join('.')}: ${text}`,
      )
  } catch (cause) {
    // A refinement of the author's, or an option that throws when it is read.
    mistakes.add('ERR_OPTIONS', `${placeOf(use, ['options'])}${name}: the options could not be checked`, cause)
  }
  return undefined
}

/** What is said, and of what: of each unknown key what may have been meant, where the schema can be asked. */
function told(
  { schema }: Plugin,
  issue: SchemaIssue,
): readonly { readonly path: readonly PropertyKey[]; readonly text: string }[] {
  const path = (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part))
  const unknown = 'keys' in issue && Array.isArray(issue.keys) ? issue.keys : []
  const known = unknown.length > 0 && schema ? knownKeys(schema, path) : undefined
  return known
    ? unknown.map((key) => ({ path: [...path, key], text: unknownOption(String(key), known) }))
    : [{ path, text: issue.message }]
}
