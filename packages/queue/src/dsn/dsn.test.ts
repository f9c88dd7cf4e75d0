import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memorySource } from '@postroad/mail'
import fc from 'fast-check'
import { address, at, makeMessage } from '../../../../test/contracts/queue/messages.ts'
import type { QueuedMessage, RecipientState } from '../model.ts'
import type { ReportAction } from '../state.ts'
import { QueueError } from '../store.ts'
import { type Dsn, writeDsn } from './dsn.ts'
import { oneLine } from './foreign-text.ts'
import { readReturned } from './return-part.ts'

const ORIGINAL = Buffer.from('From: a@example.org\r\nSubject: Hi\r\n\r\nbody line\r\n')

interface Over {
  readonly message?: Partial<QueuedMessage>
  readonly action?: ReportAction
  readonly state?: RecipientState
  readonly until?: number
  readonly octets?: Buffer
  readonly isWhole?: boolean
}

function write({ message = {}, action = 'failed', state, until, octets = ORIGINAL, isWhole = true }: Over = {}): Dsn {
  const decided: RecipientState = state ?? {
    fate: 'failed',
    reply: { code: 550, status: '5.1.1', text: 'User unknown' },
    remote: 'mx.example.com',
    at: at(60),
  }
  return writeDsn({
    message: { ...makeMessage(), ...message, parameters: message.parameters ?? { envid: 'QQ314159' } },
    recipients: [{ action, recipient: 0, delivery: 0, state: decided, ...(until !== undefined && { until }) }],
    returned: { octets, isWhole },
    id: '01m80kw13pa8e0ehpzy5',
    hostname: 'mx.example.net',
    now: at(61),
  })
}

/** Header and parts of a multipart. */
function parse({ octets }: Dsn): { header: string; parts: { header: string; body: string }[] } {
  const text = octets.toString('latin1')
  const boundary = /boundary="([^"]+)"/.exec(text)?.[1] ?? ''
  const [first = '', ...rest] = text.split(`\r\n--${boundary}`)
  assert.equal(rest.pop(), '--\r\n')
  const split = (part: string) => {
    const end = part.indexOf('\r\n\r\n')
    return { header: part.slice(2, end + 2), body: part.slice(end + 4) }
  }
  return { header: first.slice(0, first.indexOf('\r\n\r\n') + 2), parts: rest.map(split) }
}

test('RFC 3464 §2: a report has words for people, fields for machines, and the original, in this order', () => {
  const { header, parts } = parse(write())
  assert.match(header, /^Content-Type: multipart\/report; report-type=delivery-status;/m)
  assert.deepEqual(
    parts.map((part) => /^Content-Type: ([^;\r]+)/.exec(part.header)?.[1]),
    ['text/plain', 'message/delivery-status', 'message/rfc822'],
  )
  assert.equal(parts[2]?.body, ORIGINAL.toString('latin1'))
})

test('RFC 3464 §2.2, §2.3: the fields, of the message and of each recipient', () => {
  const [, status] = parse(write()).parts
  assert.equal(
    status?.body,
    [
      'Original-Envelope-Id: QQ314159',
      'Reporting-MTA: dns; mx.example.net',
      `Arrival-Date: ${new Date(at(0)).toUTCString().replace('GMT', '+0000')}`,
      '',
      'Original-Recipient: rfc822; Original+2B@example.net',
      'Final-Recipient: rfc822; rcpt@example.com',
      'Action: failed',
      'Status: 5.1.1',
      'Remote-MTA: dns; mx.example.com',
      'Diagnostic-Code: smtp; 550 5.1.1 User unknown',
      `Last-Attempt-Date: ${new Date(at(60)).toUTCString().replace('GMT', '+0000')}`,
      '',
    ].join('\r\n'),
  )
})

test('RFC 3464 §2.3.6: a reason of our own is not said to be the reply of another server', () => {
  const text = write({
    state: { fate: 'failed', reply: { code: 550, status: '5.4.4', text: 'No host' }, at: at(1) },
  }).octets.toString()
  assert.match(text, /^Diagnostic-Code: x-postroad; 550 5\.4\.4 No host\r$/m)
  assert.doesNotMatch(text, /^Remote-MTA/m)
})

test('RFC 3464 §2.3.9: a delay says until when it is tried, to people and to machines', () => {
  const text = write({ action: 'delayed', until: at(86_400) }).octets.toString()
  const date = new Date(at(86_400)).toUTCString().replace('GMT', '\\+0000')
  assert.match(text, new RegExp(`^    It will be tried until ${date}\\.\r$`, 'm'))
  assert.match(text, new RegExp(`^Will-Retry-Until: ${date}\r$`, 'm'))
})

test('RFC 3834 §5: it says that it is automatic, and goes to the reverse-path', () => {
  const { header } = parse(write())
  assert.match(header, /^Auto-Submitted: auto-replied\r$/m)
  assert.match(header, /^To: <sender@example.org>\r$/m)
  assert.match(header, /^From: Mail Delivery System <MAILER-DAEMON@mx.example.net>\r$/m)
})

test('RFC 3461 §6.1: nothing is ever reported about the null reverse-path', () => {
  assert.throws(() => write({ message: { from: undefined } }), TypeError)
})

test('RFC 3464 §2.3.4: the status fits the action even when the next hop said none, or another class', () => {
  const status = (action: ReportAction, state: RecipientState) =>
    /^Status: (.*)\r$/m.exec(write({ action, state }).octets.toString())?.[1]
  assert.equal(status('failed', { fate: 'failed', reply: { code: 550, text: '' } }), '5.0.0')
  assert.equal(status('failed', { fate: 'expired', reply: { code: 450, status: '4.2.0', text: '' } }), '4.4.7')
  assert.equal(status('failed', { fate: 'failed', reply: { code: 550, status: '4.2.0', text: '' } }), '5.0.0')
  assert.equal(status('delayed', { fate: 'pending', reply: { code: 450, status: '4.7.1', text: '' } }), '4.7.1')
  assert.equal(status('relayed', { fate: 'relayed', reply: { code: 250, text: 'OK' } }), '2.0.0')
  assert.equal(
    status('failed', { fate: 'failed', reply: { code: 550, status: '5.1.1\r\nAction: delivered', text: '' } }),
    '5.0.0',
  )
})

test('RFC 3461 §4.3: the whole original only when it was asked for and is small; else its header section', async () => {
  const source = memorySource([ORIGINAL])
  const read = async (whole: boolean, wholeLimit: number) => {
    const { octets, isWhole } = await readReturned(source, { whole, wholeLimit })
    return [octets.toString(), isWhole]
  }
  const header = 'From: a@example.org\r\nSubject: Hi\r\n'
  assert.deepEqual(await read(true, 1_000), [ORIGINAL.toString(), true])
  assert.deepEqual(await read(true, 10), [header, false])
  assert.deepEqual(await read(false, 1_000), [header, false])
  const endless = memorySource([Buffer.from('A: b\r\n'.repeat(50_000))])
  const { octets } = await readReturned(endless, { whole: false, wholeLimit: 0 })
  assert.ok(octets.length <= 65_536 && octets.toString().endsWith('b\r\n'))
})

test('a damaged original is not returned, and does not keep its sender from hearing', async () => {
  const broken = (error: Error) => ({
    size: 100_000,
    async *raw() {
      yield ORIGINAL
      throw error
    },
  })
  const damaged = broken(new QueueError('ERR_QUEUE_CORRUPT', 'not what was written'))
  assert.deepEqual(await readReturned(damaged, { whole: true, wholeLimit: 1e6 }), {
    octets: Buffer.alloc(0),
    isWhole: false,
  })
  assert.match(write({ octets: Buffer.alloc(0), isWhole: false }).octets.toString(), /^Action: failed\r$/m)
  await assert.rejects(readReturned(broken(new Error('disk')), { whole: true, wholeLimit: 1e6 }), /disk/)
})

test('RFC 6533: the international form when an address or a header needs it, and only then', () => {
  const message = makeMessage({ recipients: [['jürgen', 'example.com']] })
  const dsn = write({ message })
  assert.ok(dsn.needsUtf8 && dsn.needs8bit)
  const text = dsn.octets.toString()
  assert.match(text, /^Content-Type: message\/global-delivery-status\r$/m)
  assert.match(text, /^Final-Recipient: utf-8; jürgen@example\.com\r$/m)
  assert.match(text, /^Content-Type: message\/global\r$/m)
  const plain = write({ octets: Buffer.from('Subject: x\r\n\r\nü\r\n') })
  assert.deepEqual([plain.needsUtf8, plain.needs8bit], [false, true])
  const ascii = write()
  assert.deepEqual([ascii.needsUtf8, ascii.needs8bit], [false, false])
  const header = write({ octets: Buffer.from('Subject: ü\r\n\r\n'), message: { parameters: { smtputf8: true } } })
  assert.equal(header.needsUtf8, true)
})

test('what the next hop says cannot become a field, a part or a line of its own', () => {
  const evil =
    '\r\n\r\nAction: delivered\r\n--=_01m80kw13pa8e0ehpzy5/mx.example.net\r\nContent-Type: text/html\r\n\r\n<b>'
  const dsn = write({
    state: { fate: 'failed', reply: { code: 550, status: '5.0.0', text: evil }, remote: `mx\r\nX-Evil: 1` },
  })
  const { parts } = parse(dsn)
  assert.equal(parts.length, 3)
  assert.equal(parts[1]?.body.match(/^Action:/gm)?.length, 1)
  assert.doesNotMatch(dsn.octets.toString(), /^X-Evil/m)
})

test('whatever is quoted: ASCII unless international, lines within limits, every line ends in CRLF', () => {
  const state = fc.record({
    text: fc.string({ unit: 'binary', maxLength: 1_200 }),
    remote: fc.string({ unit: 'binary' }),
    envid: fc.string({ unit: 'binary' }),
    orcpt: fc.string({ unit: 'binary' }),
  })
  fc.assert(
    fc.property(state, ({ text, remote, envid, orcpt }) => {
      const message = makeMessage()
      const deliveries = message.deliveries.map((delivery) => ({
        ...delivery,
        recipients: [
          { address: address('x', 'example.com'), parameters: { orcpt: { type: 'rfc822', address: orcpt } } },
        ],
      }))
      const dsn = write({
        message: { deliveries, parameters: { envid } },
        state: { fate: 'failed', reply: { code: 550, text }, remote },
      })
      const lines = dsn.octets.toString('latin1').split('\r\n')
      assert.equal(parse(dsn).parts.length, 3)
      for (const line of lines)
        assert.ok(line.length <= 998 && !/[\r\n]|[^\x20-\x7e\t]/.test(line), JSON.stringify(line))
    }),
    { numRuns: 30 },
  )
})

test('foreign text loses what steers a terminal or the eye', () => {
  assert.equal(oneLine('a\x1b[31mb\u202Ec\r\nd', true), 'a [31mb?c  d')
  assert.equal(oneLine('ünï'), '?n?')
})
