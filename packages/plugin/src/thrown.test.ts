import assert from 'node:assert/strict'
import { test } from 'node:test'
import vm from 'node:vm'
import { errorOf, textOf } from './thrown.ts'

const boo = (): never => {
  throw new Error('boo')
}
const traps = new Proxy({}, { get: () => boo })
const revoked = (target: object): object => {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

/** What may be thrown, and what is said of it. */
const THROWN: readonly (readonly [what: string, value: unknown, text: string])[] = [
  ['an error', new TypeError('no'), 'no'],
  ['an error without a message', new RangeError(), 'RangeError'],
  ['a frozen error', Object.freeze(new Error('no')), 'no'],
  ['an error of another realm', vm.runInNewContext('new Error("far")'), 'far'],
  ['undefined', undefined, 'undefined'],
  ['null', null, 'null'],
  ['a text', 'no', 'no'],
  ['a number', 0n, '0'],
  ['a symbol', Symbol('s'), 'Symbol(s)'],
  ['a function', boo, 'a function (boo)'],
  ['an object', { a: 1 }, '{"a":1}'],
  ['an object without a prototype', Object.create(null), '{}'],
  ['a circle', Object.defineProperty({}, 'self', { get() { return this }, enumerable: true }), 'a value that cannot be shown (object)'], // biome-ignore format: a table
  ['a toString that throws', { toString: boo, toJSON: boo }, 'a value that cannot be shown (object)'],
  [
    'an error whose message throws',
    Object.defineProperty(new Error('x'), 'message', { get: boo }),
    'a value that cannot be shown (object)',
  ],
  ['an error whose message is no text', Object.assign(new Error('x'), { message: 5 }), 'Error'],
  ['an error whose stack throws', Object.defineProperty(new Error('x'), 'stack', { get: boo }), 'x'],
  ['a proxy that throws', new Proxy({}, traps), 'a value that cannot be shown (object)'],
  ['a proxy of an error that throws', new Proxy(new Error('x'), traps), 'a value that cannot be shown (object)'],
  ['a revoked proxy', revoked({}), 'a value that cannot be shown (object)'],
  ['a revoked proxy of a function', revoked(boo), 'a value that cannot be shown (function)'],
]

for (const [what, value, text] of THROWN)
  test(`${what} has a text, and is an error that can be read`, () => {
    assert.equal(textOf(value), text)
    const error = errorOf(value)
    assert.ok(error instanceof Error && `${error}`.length > 0)
    assert.equal(typeof error.stack, 'string')
    assert.equal(error.message, what === 'an error without a message' ? '' : text)
  })

test('an error that can be read is itself; a page is cut', () => {
  const error = new TypeError('no')
  assert.equal(errorOf(error), error)
  assert.equal(errorOf(vm.runInNewContext('new TypeError("far")')).name, 'TypeError')
  assert.equal(textOf('x'.repeat(5_000)).length, 1_000)
})
