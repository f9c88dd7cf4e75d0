import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definePlugin, type Plugin, type Schema } from '@postroad/plugin'
import { z } from 'zod'
import type { UseSettings } from '../config/config.ts'
import { BootError, Mistakes } from '../errors.ts'
import { validated } from './options.ts'

async function said(plugin: Plugin, options: UseSettings = {}): Promise<readonly string[]> {
  const mistakes = new Mistakes()
  await validated({ name: 'road', plugin, options }, mistakes)
  try {
    mistakes.throwIfAny()
    return []
  } catch (error) {
    assert.ok(error instanceof BootError)
    return error.errors.map(({ message }) => message)
  }
}

const schema = z.strictObject({
  delay: z.number().default(1),
  lists: z.array(z.strictObject({ file: z.string(), reload: z.number() }).partial()).optional(),
  by: z.record(z.string(), z.strictObject({ limit: z.number() })).optional(),
})
const road = definePlugin({ name: 'road', options: schema as unknown as Schema, hooks: {} }) as unknown as (
  options: unknown,
) => Plugin

test('an option that is not there: what may have been meant, at every depth', async () => {
  assert.deepEqual(await said(road({ delay: 1, lists: [{ file: 'x' }] })), [])
  assert.deepEqual(await said(road({ dealy: 1, other: 2 })), [
    'road.dealy: there is no such option; did you mean "delay"?',
    'road.other: there is no such option; there are delay, lists, by',
  ])
  assert.deepEqual(await said(road({ lists: [{ flie: 'x' }], by: { me: { limit: 1, limits: 2 } } })), [
    'road.lists.0.flie: there is no such option; did you mean "file"?',
    'road.by.me.limits: there is no such option; did you mean "limit"?',
  ])
})

test('an option that may be several things: what those say that come nearest, not that none of them fits', async () => {
  const part = z.enum(['address', 'network'])
  const union = z.strictObject({
    by: z.union([part, z.array(part)]).optional(),
    to: z.union([z.strictObject({ host: z.string() }), z.strictObject({ path: z.string() })]).optional(),
    limit: z.union([z.number(), z.string().regex(/\d/, 'not an amount')]).optional(),
  })
  const use = definePlugin({ name: 'road', options: union as unknown as Schema, hooks: {} }) as unknown as typeof road
  assert.deepEqual(await said(use({ by: 'client' })), ['road.by: Invalid option: expected one of "address"|"network"'])
  assert.deepEqual(await said(use({ by: ['address', 'client'] })), [
    'road.by.1: Invalid option: expected one of "address"|"network"',
  ])
  assert.deepEqual(await said(use({ limit: 'many' })), ['road.limit: not an amount'])
  assert.deepEqual(await said(use({ limit: true })), [
    'road.limit: Invalid input: expected number, received boolean; or: Invalid input: expected string, received boolean',
  ])
  assert.deepEqual(await said(use({ to: { path: 1 } })), [
    'road.to.path: Invalid input: expected string, received number',
  ])
})

test('a schema that cannot be asked says what it says', async () => {
  const issues = [{ message: 'not so', path: ['a', { key: 'b' }], keys: ['c'] }]
  const other = { '~standard': { version: 1 as const, vendor: 'other', validate: () => ({ issues }) } }
  assert.deepEqual(await said(definePlugin({ name: 'road', options: other, hooks: {} })()), ['road.a.b: not so'])
})
