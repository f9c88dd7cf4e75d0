import type { Plugin, SchemaIssue } from '@postroad/plugin'
import { unknownOption } from '../config/sentence.ts'
import type { Mistakes } from '../errors.ts'
import { knownKeys } from './known-keys.ts'

/** The plugin's options after its schema; undefined and a mistake when they do not fit. */
export async function validated(name: string, plugin: Plugin, mistakes: Mistakes): Promise<{ readonly value: unknown } | undefined> {
  if (!plugin.schema) return { value: plugin.options }
  try {
    const result = await plugin.schema['~standard'].validate(plugin.options)
    if (!result.issues) return { value: result.value }
    for (const issue of result.issues) for (const text of sentences(plugin, issue)) mistakes.add('ERR_OPTIONS', `${name}${text}`)
  } catch (cause) {
    // A refinement of the author's, or an option that throws when it is read.
    mistakes.add('ERR_OPTIONS', `${name}: the options could not be checked`, cause)
  }
  return undefined
}

/** What is said after the plugin's name: of each unknown key what may have been meant, where the schema can be asked. */
function sentences({ schema }: Plugin, issue: SchemaIssue): readonly string[] {
  const path = (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part))
  const place = path.map((part) => `.${String(part)}`).join('')
  const unknown = 'keys' in issue && Array.isArray(issue.keys) ? issue.keys : []
  const known = unknown.length > 0 && schema ? knownKeys(schema, path) : undefined
  return known ? unknown.map((key) => `${place}.${key}: ${unknownOption(String(key), known)}`) : [`${place}: ${issue.message}`]
}
