/** What plugins are given is what the server goes by: no plugin changes it by writing into it, by mistake least of all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definePlugin } from '@postroad/plugin'
import { session } from '@postroad/testing'

const SHOWN = [
  'session',
  'envelope',
  'recipient',
  'helo',
  'deliveries',
  'receipt',
  'parameters',
  'route',
  'message',
] as const

/** Every place below the value where something else can be written. */
function writable(value: unknown, path: string, found: Set<string>, seen = new Set<unknown>()): void {
  // What a message holds inside is its own; what it shows of its fields is looked at.
  if (/^\w+:message\.(?!from|to|cc|replyTo)/.test(path) || typeof value !== 'object' || value === null) return
  if (seen.has(value) || value instanceof AbortSignal) return
  seen.add(value)
  if (Array.isArray(value) && !Object.isFrozen(value)) found.add(`${path}[]`)
  const holder = value as Record<string, unknown> // any object has keys
  for (const key of keysOf(value)) {
    const before = holder[key]
    if (typeof before === 'function') continue
    try {
      holder[key] = 'written'
      if (holder[key] === 'written') found.add(`${path}.${key}`)
      holder[key] = before
    } catch {
      // As it should be.
    }
    writable(before, `${path}.${key}`, found, seen)
  }
}

function keysOf(value: object): Set<string> {
  const keys = new Set(Object.keys(value))
  for (let type = Object.getPrototypeOf(value); type && type !== Object.prototype; type = Object.getPrototypeOf(type))
    for (const [key, { get }] of Object.entries(Object.getOwnPropertyDescriptors(type)))
      if (get && key !== '__proto__') keys.add(key)
  return keys
}

test('nothing that plugins are given of session, envelope, deliveries and addresses can be written into', async () => {
  const found = new Set<string>()
  const seen = new Set<string>()
  const look = (hook: string) => (context: object) => {
    for (const part of SHOWN)
      if (part in context) {
        seen.add(part)
        writable((context as Record<string, unknown>)[part], `${hook}:${part}`, found)
      }
    return undefined
  }
  // Those of a usual transaction that may stay silent.
  const names = ['connect', 'helo', 'mail', 'rcpt', 'data', 'message', 'rewrite', 'accepted', 'closed'] as const
  const hooks = Object.fromEntries(names.map((name) => [name, look(name)]))
  await session(definePlugin({ name: 'spy', hooks })())
    .helo('client.example')
    .mail('a@b.example', { size: 5 })
    .rcpt('c@postroad.test', { notify: ['NEVER'], orcpt: { type: 'rfc822', address: 'c@postroad.test' } })
    .rcpt('d@postroad.test')
    .data('From: A <a@b.example>\r\nTo: c@postroad.test\r\nSubject: x\r\n\r\nHello\r\n')
    .expectAccepted()
  assert.deepEqual([...found].sort(), [])
  for (const part of ['session', 'envelope', 'recipient', 'deliveries', 'receipt', 'message'])
    assert.ok(seen.has(part), part)
})

test('a receipt without an id is no receipt: nobody has stored the message under none', async () => {
  const empty = definePlugin({ name: 'empty', hooks: { queue: () => ({ id: '' }) } })
  await session(empty()).mail('a@b.example').rcpt('c@postroad.test').data().expectRefusal('4.3.0')
})
