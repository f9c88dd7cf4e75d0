/** JSON of whatever somebody has put into a line of the log: it never throws. */
import { types } from 'node:util'
import { errorOf, textOf } from '@postroad/plugin'

/** Fields of a line. */
export type LineFields = Readonly<Record<string, unknown>>

/** How a line is written. */
export type LineShape = (line: LineFields) => string

/** @throws what a field throws when it is looked at: see {@link writableFields} */
export function jsonOf(line: LineFields): string {
  // A function that is asked about every value takes as long again as the writing.
  return isPlain(line, DEPTH) ? JSON.stringify(line) : JSON.stringify(line, safely)
}

/** Objects within each other that are looked at. */
const DEPTH = 12

/** Whether there is nothing in it that JSON has another idea of than {@link safely}. */
function isPlain(value: unknown, depth: number): boolean {
  const kind = typeof value
  if (kind === 'string' || kind === 'number' || kind === 'boolean' || value === undefined || value === null) return true
  if (kind !== 'object' || depth === 0) return false
  if (Array.isArray(value)) {
    for (const one of value) if (!isPlain(one, depth - 1)) return false
    return true
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false
  const fields = value as LineFields // an object has fields
  for (const key in fields) if (!isPlain(fields[key], depth - 1)) return false
  return true
}

/** A field that cannot be written (a circle, a getter that throws) is no reason to lose the line, and none to throw at whoever logs. */
export function writableFields(fields: LineFields, shape: LineShape): LineFields {
  try {
    return Object.fromEntries(Object.keys(fields).map((key) => [key, writable(fields, key, shape)]))
  } catch {
    return { fields: '(cannot be written)' } // a proxy that does not even name them
  }
}

function writable(line: LineFields, key: string, shape: LineShape): unknown {
  try {
    const value = line[key]
    shape({ [key]: value })
    return value
  } catch {
    return '(cannot be written)'
  }
}

/** Of any realm. */
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value)
}

/** Errors with their causes, and nothing that cannot be written. */
function safely(_key: string, value: unknown): unknown {
  if (isError(value)) return errorFields(value)
  if (typeof value === 'symbol') return textOf(value)
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Map) return Object.fromEntries(value)
  if (value instanceof Uint8Array) return `${value.length} octets`
  return value
}

/** What the system says beside the words of an error: which call failed with what, where. */
const SYSTEM_FIELDS = ['code', 'errno', 'syscall', 'path', 'dest', 'address', 'port'] as const

/** Causes that are told of one error: a chain may be a circle. */
const CAUSES = 8

function errorFields(error: Error, depth = 0): LineFields {
  const { name, message, stack } = errorOf(error)
  const said = error as unknown as LineFields // any error may have any of them
  const system = SYSTEM_FIELDS.filter((key) => typeof said[key] === 'string' || typeof said[key] === 'number')
  const { cause } = error
  return {
    name,
    message,
    ...Object.fromEntries(system.map((key) => [key, said[key]])),
    stack,
    ...(error instanceof AggregateError && error.errors.length > 0 ? { errors: error.errors } : {}),
    ...(cause === undefined || depth >= CAUSES
      ? {}
      : { cause: isError(cause) ? errorFields(cause, depth + 1) : cause }),
  }
}
