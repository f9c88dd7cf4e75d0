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
  if (known) return unknown.map((key) => ({ path: [...path, key], text: unknownOption(String(key), known) }))
  const nearest = nearestOf(issue)
  return [
    {
      path: [...path, ...(nearest[0]?.path ?? [])],
      text: [...new Set(nearest.map(({ text }) => text))].join('; or: '),
    },
  ]
}

/**
 * Of an option that may be several things, zod says "Invalid input", and beside it what each of them has against the value. Told is what those
 * have that come nearest: that have the fewest mistakes, got deepest into the value, and take its type.
 */
function nearestOf(
  issue: SchemaIssue,
): readonly { readonly path: readonly PropertyKey[]; readonly text: string; readonly isType: boolean }[] {
  const branches = 'errors' in issue && Array.isArray(issue.errors) ? (issue.errors as readonly SchemaIssue[][]) : [] // of zod
  const fewest = Math.min(...branches.map(({ length }) => length))
  const near = branches.filter(({ length }) => length === fewest)
  const all = near.flat().flatMap((one) => {
    const path = (one.path ?? []).map((part) => (typeof part === 'object' ? part.key : part))
    return nearestOf(one).map((each) => ({ ...each, path: [...path, ...each.path] }))
  })
  if (all.length === 0)
    return [{ path: [], text: issue.message, isType: 'code' in issue && issue.code === 'invalid_type' }]
  const deepest = Math.max(...all.map(({ path }) => path.length))
  const deep = all.filter(({ path }) => path.length === deepest)
  const fitting = deep.filter(({ isType }) => !isType)
  return fitting.length > 0 ? fitting : deep
}
