import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Handler } from './handler.ts'
import { CycleError, waves } from './waves.ts'

function handler(
  plugin: string,
  after: Handler['after'] = [],
  before: readonly string[] = [],
  provides: readonly string[] = [],
): Handler {
  return {
    plugin,
    ownName: plugin,
    hook: 'mail',
    run: () => undefined,
    after,
    before,
    provides: new Set(provides),
    timeout: 1,
    shadow: false,
    onError: 'defer',
    when: undefined,
    awaits: [],
    mechanisms: [],
    relays: false,
    supports: [],
    carries: undefined,
    ways: undefined,
    inTurn: false,
    observes: false,
    points: true,
    phase: 0,
    index: 0,
    asynchronous: false,
  } // prettier-ignore
}

const names = (list: readonly (readonly Handler[])[]): string[][] => list.map((wave) => wave.map((one) => one.plugin))

test('handlers that depend on none of each other run at the same time, in the order of use', () => {
  assert.deepEqual(names(waves('mail', [handler('b'), handler('a')])), [['b', 'a']])
})

test('after, before and facts order them by levels', () => {
  const spf = { name: 'spf' }
  const list = [
    handler('dmarc', [spf]),
    handler('spf', [], [], ['spf']),
    handler('first', [], ['spf']),
    handler('free'),
  ]
  assert.deepEqual(names(waves('mail', list)), [['first', 'free'], ['spf'], ['dmarc']])
})

test('uses of one plugin that go in turn wait for each other, and nobody else does; the operator may turn them round', () => {
  const use = (plugin: string, index: number, after: Handler['after'] = [], before: readonly string[] = []) => ({
    ...handler(plugin, after, before),
    ownName: 'milter',
    inTurn: true,
    index,
  })
  const free = { ...use('free', 4), inTurn: false }
  const list = [handler('spf'), use('dkim', 1), use('clam', 2), use('spam', 3), free]
  assert.deepEqual(names(waves('mail', list)), [['spf', 'dkim', 'free'], ['clam'], ['spam']])
  assert.deepEqual(names(waves('mail', [use('dkim', 1, ['clam']), use('clam', 2)])), [['clam'], ['dkim']])
  assert.deepEqual(names(waves('mail', [use('dkim', 1), use('clam', 2, [], ['dkim'])])), [['clam'], ['dkim']])
})

test('names that are not in use are ignored', () => {
  assert.deepEqual(names(waves('mail', [handler('a', ['nobody'], ['nobody'])])), [['a']])
})

test('a cycle is an error that names its members in order, without those that only wait for it', () => {
  const list = [handler('x', ['a']), handler('a', ['b']), handler('b', ['a'])]
  assert.throws(
    () => waves('mail', list),
    (error) => error instanceof CycleError && /wait for each other: a → b → a/.test(error.message),
  )
})

test('what changes bodies comes first, then envelopes, headers, seals; an order that says otherwise is a circle, and says why', () => {
  const at = (plugin: string, phase: number, after: readonly string[] = []) => ({ ...handler(plugin, after), phase })
  const list = [
    at('dkim', 3, ['arc']),
    at('arc', 3),
    at('tag', 2),
    at('archive', 1),
    at('disclaimer', 0),
    at('strip', 0),
  ]
  assert.deepEqual(names(waves('rewrite', list)), [['disclaimer', 'strip'], ['archive'], ['tag'], ['arc'], ['dkim']])
  assert.throws(() => waves('rewrite', [at('tag', 2, ['dkim']), at('dkim', 3)]), {
    name: 'CycleError',
    message: /: tag → dkim → tag; by what they say they change, bodies come first, then envelopes, headers, and seals$/,
  })
})

test('property: every handler is in exactly one wave, after all it waits for', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.nat(19), { maxLength: 3 }), { maxLength: 20 }), (edges) => {
      // Each waits only for earlier ones, so there is no cycle.
      const handlers = edges.map((targets, index) =>
        handler(
          `p${index}`,
          targets.filter((target) => target < index).map((target) => `p${target}`),
        ),
      )
      const sorted = waves('mail', handlers)
      const level = new Map(sorted.flatMap((wave, at) => wave.map((one) => [one.plugin, at] as const)))
      assert.equal(level.size, handlers.length)
      for (const one of handlers)
        for (const dependency of one.after)
          assert.ok((level.get(String(dependency)) ?? 0) < (level.get(one.plugin) ?? 0))
    }),
  )
})
