/** The book that says whether a kill cost anything: it must not be satisfied when it should not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Arrival, Book } from './kill/book.ts'

const T = Date.UTC(2026, 10, 29)

function bookOf(...arrivals: readonly Partial<Arrival>[]): Book {
  const book = new Book((recipient) => recipient.endsWith('@trash.test'))
  book.sent({ key: 'k', recipients: ['r@one.test'], text: '' })
  book.acknowledged('k')
  const usual = {
    key: 'k',
    recipient: 'r@one.test',
    pid: 1,
    transaction: 'T.1',
    beganAt: T,
    answeredAt: T + 10,
    isWhole: true,
  }
  for (const each of arrivals) book.arrived({ ...usual, ...each })
  return book
}

test('what was acknowledged and did not come is lost; what nobody acknowledged, or a command deletes, is not', () => {
  const book = bookOf()
  book.sent({ key: 'unheard', recipients: ['r@one.test'], text: '' })
  book.sent({ key: 'trash', recipients: ['r@trash.test'], text: '' })
  book.acknowledged('trash')
  book.sent({ key: 'half', recipients: ['r@one.test', 'r@two.test'], text: '' })
  book.acknowledged('half')
  book.arrived({
    key: 'half',
    recipient: 'r@one.test',
    pid: 1,
    transaction: 'T.2',
    beganAt: T,
    answeredAt: T,
    isWhole: true,
  })
  assert.deepEqual(book.account().lost, ['k to r@one.test', 'half to r@two.test'])
})

test('other octets are damage, also when they come once only', () => {
  assert.deepEqual(bookOf({ isWhole: false }).account().damaged, ['k r@one.test'])
})

test('twice: explained when the first died right after, and another brought it then', () => {
  const book = bookOf({}, { pid: 2, beganAt: T + 900, answeredAt: T + 950 })
  book.died(1, { at: T + 60, how: 'killed' })
  const { again, unexplained, longestGap } = book.account()
  assert.deepEqual([again, unexplained, longestGap], [{ killed: 1, unwritten: 0 }, [], 50])
})

test('twice: not explained while the first was alive, by the same process, or long after', () => {
  const said = (book: Book): string => book.account().unexplained.join()
  assert.match(said(bookOf({}, { pid: 2, beganAt: T + 900 })), /by 1, 250 at .*; the first was alive then$/)
  assert.match(said(bookOf({}, { beganAt: T + 900 })), /the same process$/)
  const later = bookOf({}, { pid: 2, beganAt: T + 900 })
  later.died(1, { at: T + 901, how: 'killed' })
  assert.match(said(later), /the first was alive then$/)
  const late = bookOf({}, { pid: 2, beganAt: T + 30_000 })
  late.died(1, { at: T + 20_000, how: 'killed' })
  assert.match(said(late), /the first had 19990 ms to write it down before it died$/)
})

test('twice: never explained when the log says that the first was written down', () => {
  const book = bookOf({}, { pid: 2, beganAt: T + 900 })
  book.died(1, { at: T + 60, how: 'killed' })
  book.recorded({ transaction: 'T.1', recipient: 'r@one.test', at: T + 30 })
  assert.match(book.account().unexplained.join(), /though it was written down at 00:00:00\.030$/)
})

test('twice: the line of the second delivery is no witness against the first', () => {
  const book = bookOf({}, { pid: 2, beganAt: T + 900 })
  book.died(1, { at: T + 60, how: 'killed' })
  book.recorded({ transaction: 'T.1', recipient: 'r@one.test', at: T + 960 })
  assert.deepEqual(book.account().again, { killed: 1, unwritten: 0 })
})

test('twice: a disk that refused to have it written down is a reason of its own, and only near that time', () => {
  const near = bookOf({}, { beganAt: T + 2_000 })
  near.troubled({ from: T + 5, to: T + 1_000, isDisk: true })
  assert.deepEqual(near.account().again, { killed: 0, unwritten: 1 })
  const far = bookOf({}, { beganAt: T + 60_000 })
  far.troubled({ from: T + 20_000, to: T + 21_000, isDisk: true })
  assert.match(far.account().unexplained.join(), /the same process$/)
})

test('twice: time in which a process was frozen is not time it had', () => {
  const book = bookOf({}, { pid: 2, beganAt: T + 30_000 })
  book.troubled({ from: T + 100, to: T + 19_000, isDisk: false })
  book.died(1, { at: T + 20_000, how: 'killed' })
  assert.deepEqual(book.account().again, { killed: 1, unwritten: 0 })
})

test('a refusal is written down, and told when the letter came nevertheless', () => {
  const book = bookOf({})
  book.refused('k', '451 4.3.0 Later')
  book.sent({ key: 'other', recipients: ['r@one.test'], text: '' })
  book.refused('other', '451 4.3.0 Later')
  assert.deepEqual([book.account().refused, book.account().refusedAndArrived], [2, ['k: 451 4.3.0 Later']])
})
