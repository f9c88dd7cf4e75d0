import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import addressparser from 'nodemailer/lib/addressparser'
import { checked } from '../../plugins/injection/src/check.ts'
import { readMailbox } from '../../plugins/injection/src/mailbox.ts'
import { message } from '../../plugins/injection/src/schema.ts'
import { simpleMessage } from '../../plugins/injection/src/simple.ts'

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('\ud800', '\udc00', '\u0000', '\n', '\u007f', '\u0080', 'é', '😀', 'a', ' ') }),
  fc.constantFrom('', 'a'.repeat(1_000), 'a'.repeat(1_001), 'a'.repeat(5_000), 'a'.repeat(5_001), 'a@b.example'),
)
const value = fc.oneof(
  { weight: 9, arbitrary: text },
  { weight: 1, arbitrary: fc.constantFrom(null, 1, [], ['a'], {}) },
)
const KEYS = ['from', 'to', 'subject', 'text', 'html'] as const
const known = fc.subarray([...KEYS]).chain((keys) => fc.record(Object.fromEntries(keys.map((key) => [key, value]))))
const odd = fc.record({ x: text, at: text }, { requiredKeys: [] })

test('what is taken without the schema is what the schema takes, unchanged', () => {
  let taken = 0
  fc.assert(
    fc.property(known, fc.option(odd), (parts, more) => {
      const input: unknown = { ...parts, ...more }
      const simple = simpleMessage(input)
      if (simple === undefined) return
      taken++
      assert.deepEqual({ ...simple }, checked(message, input))
    }),
    { numRuns: 3_000 },
  )
  assert.ok(taken > 50, `${taken} were simple`)
  for (const input of [undefined, null, 'x', [], [{}]]) assert.equal(simpleMessage(input), undefined)
})

test('a name and an address that need no grammar are read as by the grammar', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'B', '7', 'é', '.', '-', '"'), minLength: 1, maxLength: 4 })
  const names = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join(' '))
  const label = fc.stringMatching(/^[a-z0-9]{1,5}$/)
  const address = fc.tuple(label, label).map(([local, domain]) => `${local}@${domain}.example`)
  fc.assert(
    fc.property(names, address, (name, address) => {
      const input = `${name} <${address}>`
      const read = readMailbox(input)
      const [first, ...more] = addressparser(input)
      if (typeof read === 'string' || !first || more.length > 0) return
      assert.deepEqual([read.name, read.address.toString()], [first.name, first.address])
    }),
    { numRuns: 1_000 },
  )
})
