import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Address,
  accept,
  defer,
  defineFact,
  definePlugin,
  defineService,
  discard,
  HOOKS,
  type Plugin,
  quarantine,
  reject,
  reply,
  suspect,
} from './index.ts'

test('a refusal takes the basic code that IANA associates with its status', () => {
  assert.equal(reject('no').code, 550)
  assert.equal(reject('no', { status: '5.3.4' }).code, 552)
  assert.equal(reject('no', { status: '5.9.9' }).code, 554)
  assert.equal(defer('later').code, 451)
  assert.equal(defer('later', { status: '4.3.2' }).code, 421)
  assert.equal(defer('later', { status: '4.2.1', code: 452 }).code, 452)
})

test('a refusal of the wrong class throws where it is made, for authors without types', () => {
  assert.throws(() => reject('no', { status: '4.7.1' as never }), /status must be 5\.y\.z/)
  assert.throws(() => defer('later', { code: 550 }), /code must be 4yz/)
  assert.throws(() => reject('no', { status: '5.7.1\r\n250 ok' as never }), /status must be/)
  assert.throws(() => suspect(Number.NaN, 'x'), /finite/)
  assert.throws(() => reply(150, 'x'), /200 to 599/)
})

test('opinions are plain values', () => {
  assert.deepEqual(accept(), { kind: 'accept' })
  assert.deepEqual(quarantine('q'), { kind: 'quarantine', reason: 'q' })
  assert.deepEqual(discard('d'), { kind: 'discard', reason: 'd' })
  assert.deepEqual(suspect(-1, 'known'), { kind: 'suspect', points: -1, reason: 'known' })
  const to: Address = { local: 'a', domain: 'b', isInternational: false, toString: () => 'a@b' }
  assert.deepEqual(reject('no', { for: [to] }).for, [to])
})

test('definePlugin refuses bad names, unknown keys, and neither or both of hooks and setup', () => {
  assert.throws(() => definePlugin({ name: 'No Good', hooks: {} }), /lower-case/)
  assert.throws(() => definePlugin({ name: 'x', hooks: {}, hoks: 1 } as never), /unknown key "hoks"/)
  assert.throws(() => definePlugin({ name: 'x' } as never), /needs either hooks or setup/)
  assert.throws(() => definePlugin({ name: 'x', hooks: {}, setup: () => ({}) } as never), /needs either hooks or setup/)
})

test('the factory carries name and schema, and makes a plugin of options', () => {
  const rule = definePlugin({ name: 'rule', hooks: { mail: () => accept() } })
  assert.equal(rule.pluginName, 'rule')
  const plugin: Plugin = rule()
  assert.equal(plugin.name, 'rule')
  assert.deepEqual(plugin.options, {})
})

test('facts and services are frozen keys', () => {
  assert.deepEqual(defineFact<string>('x'), { name: 'x', scope: 'transaction' })
  assert.ok(Object.isFrozen(defineFact('x', 'session')))
  assert.deepEqual(defineService('y'), { name: 'y' })
})

test('the hook table names each hook once', () => {
  assert.equal(new Set(HOOKS.map((hook) => hook.name)).size, HOOKS.length)
  assert.equal(HOOKS.length, 24)
})
