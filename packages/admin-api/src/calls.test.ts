import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { calls, events, shapes } from './calls.ts'
import type { ApiAnswer, ApiBody, ApiEvent, ApiQuery, ApiShape } from './index.ts'

test('no two calls have the same method and path', () => {
  const places = Object.values(calls).map(({ method, path }) => `${method} ${path}`)
  assert.equal(new Set(places).size, places.length)
})

test('every schema can be said as JSON Schema, for the description', () => {
  const of = (call: object, key: string): unknown => (key in call ? call[key as keyof typeof call] : undefined)
  for (const [name, call] of Object.entries(calls))
    for (const [key, io] of [
      ['answer', 'output'],
      ['query', 'input'],
      ['body', 'input'],
    ] as const) {
      const schema = of(call, key)
      if (schema) assert.ok(z.toJSONSchema(schema as z.ZodType, { io }), name) // of the table
    }
  for (const schema of Object.values({ ...events, ...shapes })) assert.ok(z.toJSONSchema(schema))
})

test('what changes something, or shows bodies, is not for the role read', () => {
  const open = Object.entries(calls).flatMap(([name, { method, access }]) =>
    method !== 'GET' && access === 'read' ? [name] : [],
  )
  assert.deepEqual(open, ['logout'])
})

test('types follow from the table', () => {
  const part: ApiShape<'part'> = { kind: 'plugin', name: 'greylist' }
  const body: ApiBody<'suspend'> = { target: 'example.com' }
  const query: ApiQuery<'transactions'> = { q: '' }
  const skipped: ApiEvent<'skipped'> = { count: 2 }
  const items = (answer: ApiAnswer<'suspensions'>): number => answer.suspensions.length
  // @ts-expect-error there is no part of this kind
  const wrong: ApiShape<'part'> = { kind: 'picture' }
  const base = { generation: 1, workers: { asked: 1, answered: 1 } }
  assert.ok(part && body && query && wrong)
  assert.equal(skipped.count, 2)
  assert.equal(items({ ...base, suspensions: [] }), 0)
})
