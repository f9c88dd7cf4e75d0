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
  reroute,
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

test('an option that is not understood throws where it is made: it would silently mean nothing, or nobody', () => {
  const wrong: readonly (readonly [() => unknown, RegExp])[] = [
    [
      () => reject('no', { for: ['a@x.test'] as never }),
      /^TypeError: reject: for takes addresses of recipients, `recipient\.address` for one, not "a@x\.test"$/,
    ],
    [() => defer('no', { for: [{ address: 1 }] as never }), /defer: for takes addresses/],
    [
      () => quarantine('no', { for: 'a@x.test' as never }),
      /quarantine: for must be an array of addresses, not "a@x\.test"/,
    ],
    [() => discard('no', { for: [undefined] as never }), /discard: for takes addresses/],
    [() => discard('no', { to: [] } as never), /discard: there is no option "to"; there are for/],
    [
      () => reject('no', { Status: '5.1.1' } as never),
      /reject: there is no option "Status"; there are status, code, disconnect, for/,
    ],
    [() => reject('no', { disconnect: 'yes' as never }), /disconnect must be true or false, not "yes"/],
    [() => reject('no', '5.7.1' as never), /options must be an object, not "5\.7\.1"/],
    [() => reject(undefined as never), /reject: text must be a text, not undefined/],
    [() => quarantine(5 as never), /quarantine: reason must be a text, not 5/],
    [() => suspect(1, undefined as never), /suspect: reason must be a text/],
    [() => reroute({} as never), /reroute: route\.via must be a text/],
    [() => reply(250, undefined as never), /reply: text must be a text/],
  ]
  for (const [make, said] of wrong) assert.throws(make, said)
  assert.deepEqual(reject('no', { for: [], code: 550, disconnect: true }).for, [])
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
  assert.equal(HOOKS.length, 26)
})
