import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { transaction } from '../fixture.test.ts'
import type { StoredRecord } from '../record.ts'
import { outcomeOf } from '../story/outcome.ts'
import { giveWords, wordsOf } from '../words.ts'
import { BlockFilter, mayHave, probesOf } from './block.ts'

const HEAD = { offset: 0, length: 0, count: 1, first: 0, last: 0 }

/** The filter of a record, as the writer makes it, and one of the words by which a search reads it. */
function both(record: StoredRecord): readonly [Buffer, Buffer] {
  const [given, read] = [new BlockFilter(), new BlockFilter()]
  giveWords(record, outcomeOf(record), given)
  for (const word of wordsOf(record)) read.word(word)
  return [given.entry(HEAD), read.entry(HEAD)]
}

const LONG = `${'x'.repeat(150)}.-_${'y'.repeat(150)}--`

test('a filter has the words that a search looks for, and no others, whatever letters they are of', () => {
  for (const text of [
    'Lunch on FRIDAY',
    "don't stop_it -- e-mail. 5.7.1 a.b.. c'",
    'Überraschung für ΑΣΣΟΣ İstanbul Straße',
    'plain at first, and then größer',
    'a'.repeat(400),
    LONG,
    Array.from({ length: 40 }, (_, n) => `Word${n}`).join(' '),
    `${'- '.repeat(600)}hidden`,
    '',
  ]) {
    const more = { subject: text, reply: `250 2.0.0 ${text}`, from: `${text}@MX.Example`, helo: text, identity: text }
    const [given, read] = both(transaction('T.1', 0, more) as StoredRecord) // of the shape that is known
    assert.deepEqual(given, read, text)
  }
})

test('the same of any text', () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }))
  fc.assert(
    fc.property(text, text, text, fc.array(text), (from, subject, reply, to) => {
      const [given, read] = both(transaction('T.1', 0, { from, subject, reply, to }) as StoredRecord) // as above
      return given.equals(read)
    }),
  )
})

test('a block of two parts has the words of both', () => {
  const [one, two] = [new BlockFilter(), new BlockFilter()]
  one.word('Alpha')
  two.text('beta gamma')
  one.add(two)
  const entry = one.entry(HEAD)
  const has = (word: string) => mayHave(entry, 0, probesOf([[word]]))
  assert.deepEqual(['alpha', 'beta', 'gamma', 'delta'].map(has), [true, true, true, false])
})
