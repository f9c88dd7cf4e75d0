/** Messages for tests, by number: spam and wanted mail with words of their own, as an ordinary client and a mailbox write them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

const SPAM =
  'cheap pills offer winner prize casino loan bonus click limited discount miracle lottery credit viagra'.split(' ')
const HAM =
  'meeting minutes report draft invoice schedule review patch release lunch budget agenda server question thanks'.split(
    ' ',
  )
const BOTH = 'the a and of to in for you we it is on with this that please today have from your'.split(' ')

/** A generator that gives the same numbers for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = (seed + 1) * 2_654_435_761
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 374_761_393) >>> 0
    return state % below
  }
}

/** One message. @param id makes it another message */
export function mailOf(kind: 'spam' | 'ham', id: number, { to = 'bob@mx.test' } = {}): string {
  const pick = numbers(id * 2 + (kind === 'spam' ? 1 : 0))
  const own = kind === 'spam' ? SPAM : HAM
  const words = Array.from({ length: 60 }, () => {
    const list = pick(3) === 0 ? own : BOTH
    return list[pick(list.length)]
  })
  const site = kind === 'spam' ? `http://deal${pick(40)}.top/buy` : `https://wiki.office${pick(9)}.test/page${id}`
  return [
    `Received: from host${pick(90)}.client.test by relay.client.test; Mon, 30 Nov 2026 10:00:00 +0000`,
    `From: ${kind === 'spam' ? 'Offers' : 'Colleague'} <u${pick(60)}@${kind === 'spam' ? 'promo' : 'office'}${pick(9)}.test>`,
    `To: ${to}`,
    `Subject: ${own[pick(own.length)]} ${own[pick(own.length)]} ${id}`,
    `Message-ID: <${kind}.${id}@client.test>`,
    'Date: Mon, 30 Nov 2026 10:00:00 +0000',
    '',
    `${words.join(' ')}`,
    site,
    '',
  ].join('\r\n')
}

/** The same message as a mailbox has it: other line ends, and fields of servers on the way. */
export function deliveredOf(mail: string): string {
  return [
    'Return-Path: <x@client.test>',
    'Delivered-To: bob@mx.test',
    'Received: from mx.test by imap.mx.test with LMTP; Mon, 30 Nov 2026 10:00:01 +0000',
    'X-Spam-Status: No, score=-3 required=2 tests=JUNK',
    mail.replaceAll('\r\n', '\n'),
  ].join('\n')
}

test('messages for tests are the same for the same number', () => {
  assert.equal(mailOf('spam', 3), mailOf('spam', 3))
  assert.notEqual(mailOf('spam', 3), mailOf('spam', 4))
  assert.match(deliveredOf(mailOf('ham', 1)), /^Return-Path: .*\n\nwe|\n\n/s)
})
