/** Which options a schema knows, as far as it can be asked: Standard Schema says nothing of it, and zod does. */
import type { Schema } from '@postroad/plugin'

/** What is read of zod's description of a schema. */
interface Described {
  readonly def?: {
    readonly shape?: Readonly<Record<string, unknown>>
    readonly element?: unknown
    readonly valueType?: unknown
    readonly innerType?: unknown
    readonly in?: unknown
  }
}

/** The keys of the object at a path; undefined where nobody can tell. */
export function knownKeys(schema: Schema, path: readonly PropertyKey[]): readonly string[] | undefined {
  if (schema['~standard'].vendor !== 'zod') return undefined
  let at = bare(schema)
  for (const key of path) at = bare(at?.def?.shape?.[String(key)] ?? at?.def?.element ?? at?.def?.valueType)
  const shape = at?.def?.shape
  return shape && Object.keys(shape)
}

/** Without what stands around it: defaults, optionality, conversions. */
function bare(schema: unknown): Described | undefined {
  let at = schema as Described | undefined
  for (let inner = innerOf(at); inner !== undefined; inner = innerOf(at)) at = inner as Described
  return at
}

function innerOf(schema: Described | undefined): unknown {
  return schema?.def?.innerType ?? schema?.def?.in
}
