/** From a value to what the schema says, or all that is wrong with it. */
import { suggestion } from '@postroad/options'
import type { z } from 'zod'
import { type Fault, pointerOf, RequestRefused } from './refusal.ts'

/** Faults that an answer lists at most. */
const MOST = 50

type Issue = z.core.$ZodIssue

/**
 * The value, as the schema has it.
 *
 * @throws {RequestRefused} 422 with all faults
 */
export function checked<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new RequestRefused(422, { faults: faultsOf(schema, result.error.issues).slice(0, MOST) })
}

function faultsOf(schema: z.ZodType, issues: readonly Issue[], path: readonly PropertyKey[] = []): readonly Fault[] {
  return issues.flatMap((issue) => {
    const place = [...path, ...issue.path]
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({
        pointer: pointerOf([...place, key]),
        detail: unknown(key, keysAt(schema, place)),
      }))
    if (issue.code === 'invalid_union') return unionFaults(schema, issue, place)
    return [{ pointer: pointerOf(place), detail: sentence(issue) }]
  })
}

/** Of several shapes the one is meant that comes furthest. */
function unionFaults(
  schema: z.ZodType,
  issue: z.core.$ZodIssueInvalidUnion,
  place: readonly PropertyKey[],
): readonly Fault[] {
  const meant = issue.errors.filter(
    (some) => !some.every(({ code, path }) => code === 'invalid_type' && path.length === 0),
  )
  const [first] = meant
  if (first) return faultsOf(schema, first, place)
  const kinds = issue.errors.flatMap((some) =>
    some.flatMap((each) => (each.code === 'invalid_type' ? [kindOf(each.expected)] : [])),
  )
  return [{ pointer: pointerOf(place), detail: `must be ${[...new Set(kinds)].join(' or ')}` }]
}

function sentence(issue: Issue): string {
  if (issue.code === 'invalid_type')
    return issue.message.endsWith('received undefined') ? 'is missing' : `must be ${kindOf(issue.expected)}`
  if (issue.code === 'too_big') return `has more than ${issue.maximum}${UNITS[issue.origin] ?? ''}`
  if (issue.code === 'too_small') return issue.minimum === 1 ? 'is empty' : `has less than ${issue.minimum}`
  return issue.message
}

const UNITS: Readonly<Record<string, string>> = { string: ' characters', array: ' entries' }

function kindOf(expected: string): string {
  return expected === 'object' || expected === 'array'
    ? `an ${expected}`
    : expected === 'null'
      ? 'null'
      : `a ${expected}`
}

function unknown(key: string, known: readonly string[]): string {
  const near = suggestion(key, known)
  return `is not known${near === undefined ? '' : `: did you mean ${JSON.stringify(near)}?`}`
}

/** Keys that may stand at a place. */
function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  const { def } = schema._zod as unknown as { readonly def: z.core.$ZodTypeDef & Readonly<Record<string, unknown>> } // every schema has one
  const inner = def['innerType'] as z.core.$ZodType | undefined // of what may be absent or has a default
  if (inner) return keysAt(inner, path)
  const options = def['options'] as readonly z.core.$ZodType[] | undefined // of a union
  if (options) return options.flatMap((one) => keysAt(one, path))
  const [head, ...rest] = path
  const element = def['element'] as z.core.$ZodType | undefined // of a list
  if (element) return typeof head === 'number' ? keysAt(element, rest) : []
  const shape = def['shape'] as Readonly<Record<string, z.core.$ZodType>> | undefined // of an object
  if (!shape) return []
  if (head === undefined) return Object.keys(shape)
  const next = shape[String(head)]
  return next ? keysAt(next, rest) : []
}
