import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { FeedRecord } from '@postroad/plugin'
import { delivery, greylisted, handFeed, NOW, testFolder, transaction } from '../fixture.test.ts'
import { parseRecord, type StoredRecord } from '../record.ts'
import { openRecords } from '../records.ts'
import { durationText, plainText } from './plain.ts'
import { transactionSentence } from './sentence.ts'

async function told(t: TestContext, ...list: readonly FeedRecord[]) {
  const records = openRecords({ folder: await testFolder(t), now: () => NOW })
  t.after(() => records.close())
  const feed = handFeed()
  records.keep(feed)
  feed.tell(...list)
  return async (id: string) => {
    const story = await records.story(id)
    return (
      story && {
        sentence: plainText(story.sentence),
        finished: story.finished,
        ids: story.transactions.map((one) => one.id),
        steps: story.steps.map(({ kind }) => kind),
      }
    )
  }
}

test('greylisted, came back, delivered: one story, whichever of its ids is asked for', async (t) => {
  const story = await told(
    t,
    greylisted('A.1', 0),
    greylisted('B.1', 60),
    transaction('C.1', 312, { remote: '192.0.2.99' }),
    delivery('delivered', 'C.1', 312.8),
    transaction('D.1', 900),
    greylisted('E.1', 1_000, { from: 'else@client.test' }),
  )
  for (const id of ['A.1', 'B.1', 'C.1', 'q-c.1'])
    assert.deepEqual(await story(id), {
      sentence:
        'Mail from alice@client.test to bob@mx.test, brought by 192.0.2.99 (mail.client.test): refused for now at RCPT by greylist with 451 4.7.1, because mail of this sender from this network was not known yet: “Greylisted, try again in 5 minutes”; came back 2 times, the last time 5 min 12 s later and was accepted by queue under the id q-c.1; delivered to mx.next.test with 250 2.0.0 0.8 s after that.',
      finished: true,
      ids: ['A.1', 'B.1', 'C.1'],
      steps: ['transaction', 'transaction', 'transaction', 'delivered'],
    })
  assert.deepEqual((await story('D.1'))?.ids, ['D.1'])
  assert.equal(await story('Z.1'), undefined)
})

const PASS = { facts: { spf: { mailFrom: { result: 'pass', domain: 'client.test' } } } }

test('it came back from another network that the domain has named: one story, which says from where it was first tried', async (t) => {
  const story = await told(
    t,
    greylisted('A.1', 0, { ...PASS, remote: '198.51.100.3', helo: 'out3.client.test' }),
    transaction('B.1', 720, PASS),
    // The next mail, from yet another one.
    transaction('C.1', 900, { ...PASS, remote: '203.0.113.9', messageId: '2@client.test' }),
  )
  for (const id of ['A.1', 'B.1'])
    assert.deepEqual(await story(id), {
      sentence:
        'Mail from alice@client.test to bob@mx.test, brought by 192.0.2.7 (mail.client.test): first tried from 198.51.100.3 (out3.client.test), and refused for now at RCPT by greylist with 451 4.7.1, because mail of this sender from this network was not known yet: “Greylisted, try again in 5 minutes”; came back 12 min later and was accepted by queue under the id q-b.1.',
      finished: false,
      ids: ['A.1', 'B.1'],
      steps: ['transaction', 'transaction'],
    })
  assert.deepEqual((await story('C.1'))?.ids, ['C.1'])
})

test('the same Message-ID is the same mail, wherever it comes from', async (t) => {
  const late = { reply: '451 4.3.0 Not now', receipt: undefined, queue: undefined }
  const story = await told(t, transaction('A.1', 0, late), transaction('B.1', 60, { remote: '203.0.113.9' }))
  assert.deepEqual((await story('A.1'))?.ids, ['A.1', 'B.1'])
})

test('from another network, and nobody says that it is the same sender: it is told, and not taken for one', async (t) => {
  const story = await told(
    t,
    greylisted('A.1', 0, { remote: '198.51.100.3', helo: 'out3.elsewhere.test' }),
    transaction('B.1', 720),
    transaction('C.1', 30_000, { remote: '203.0.113.9', messageId: '2@client.test' }),
  )
  const [first, second] = [await story('A.1'), await story('B.1')]
  assert.deepEqual([first?.ids, second?.ids], [['A.1'], ['B.1']])
  assert.match(first?.sentence ?? '', /minutes”; the same sender came to the same recipient from 192\.0\.2\.7 \(mail\.client\.test\), 12 min later, perhaps with this mail: accepted by queue under the id q-b\.1\.$/) // biome-ignore format: one line
  assert.match(second?.sentence ?? '', /q-b\.1; the same sender came to the same recipient from 198\.51\.100\.3 \(out3\.elsewhere\.test\), 12 min before, perhaps with this mail: refused for now at RCPT by greylist/) // biome-ignore format: one line
  assert.equal((await story('C.1'))?.sentence.includes('same sender'), false)
})

test('put off by the next hop, and given up', async (t) => {
  const late = { reply: '451 4.2.2 Mailbox full', next: Date.parse('2026-11-30T12:30:00Z') }
  const waiting = await told(t, transaction('A.1'), delivery('deferred', 'A.1', 2, late))
  assert.match(
    (await waiting('A.1'))?.sentence ?? '',
    /; an attempt to deliver it was put off by mx\.next\.test with 451 4\.2\.2 Mailbox full, and the next is made at 2026-11-30 12:30:00\.$/,
  )
  assert.equal((await waiting('A.1'))?.finished, false)
  const bounced = await told(
    t,
    transaction('A.1'),
    delivery('deferred', 'A.1', 2, late),
    delivery('bounced', 'A.1', 7_200, { reply: '550 5.1.1 Unknown' }),
  )
  assert.match(
    (await bounced('A.1'))?.sentence ?? '',
    /; given up, because mx\.next\.test said 550 5\.1\.1 Unknown 2 h after that\.$/,
  )
  assert.equal((await bounced('A.1'))?.finished, true)
})

const SENTENCES: readonly (readonly [string, Readonly<Record<string, unknown>>, RegExp])[] = [
  [
    'no route',
    {
      to: [],
      receipt: undefined,
      refused: [{ to: 'x@else.test', reply: '550 5.7.1 Relaying denied' }],
      reply: '550 5.7.1 Relaying denied',
    },
    /: refused at RCPT with 550 5\.7\.1, because no plugin knows a way for that recipient: this server takes no mail for it\.$/,
  ],
  [
    'points',
    {
      receipt: undefined,
      points: 9.5,
      thresholds: [{ level: 'reject', at: 9, points: 9.5, to: ['bob@mx.test'] }],
      opinions: [
        { plugin: 'dnsbl', hook: 'connect', kind: 'suspect', points: 5, reason: 'listed at zen' },
        { plugin: 'spf', hook: 'mail', kind: 'suspect', points: 4.5 },
      ],
      reply: '550 5.7.1 We do not want this',
    },
    /: refused at the end of the message with 550 5\.7\.1, because its points came to 9\.5, and from 9 on it is refused: dnsbl 5 \(listed at zen\), spf 4\.5\.$/,
  ],
  [
    'a plugin that failed',
    {
      receipt: undefined,
      opinions: [{ plugin: 'clamav', hook: 'message', kind: 'error', reason: 'no answer within 100 ms' }],
      reply: '451 4.3.0 Local error in processing, try again later',
    },
    /: refused for now at the end of the message by clamav with 451 4\.3\.0, because it did not answer in time\.$/,
  ],
  [
    'connect, told at RCPT',
    {
      to: [],
      receipt: undefined,
      refused: [{ to: 'bob@mx.test', plugin: 'dnsbl', reply: '550 5.7.1 Listed' }],
      opinions: [{ plugin: 'dnsbl', hook: 'connect', kind: 'reject', status: '5.7.1', text: 'Listed' }],
      reply: '550 5.7.1 Listed',
    },
    /: refused at RCPT by dnsbl with 550 5\.7\.1, because the client stands on a list: “Listed”, which it had found out at the beginning of the connection\.$/,
  ],
  [
    'quarantine',
    {
      opinions: [{ plugin: 'rspamd', hook: 'message', kind: 'quarantine', reason: 'looks bad' }],
      queue: 'quarantine',
      receipt: 'k1',
    },
    /: set aside in the quarantine under the id k1 because of rspamd: “looks bad”\.$/,
  ],
  [
    'lost',
    { to: ['a@mx.test'], receipt: undefined, reply: '451 4.4.2 Connection lost before the end of the message' },
    /: the client went away before it had sent a message\.$/,
  ],
  [
    'reset',
    { receipt: undefined, reply: '250 2.0.0 Reset' },
    /: the client took it back before it had sent a message\.$/,
  ],
  ['null reverse-path', { from: '' }, /^Mail with no reverse-path \(<>\) to bob@mx\.test/],
  [
    'some refused',
    { refused: [{ to: 'x@mx.test', plugin: 'recipients', reply: '550 5.1.1 No such user' }] },
    /accepted by queue under the id q-a\.1; refused for x@mx\.test by recipients with 550 5\.1\.1, because nobody of that name gets mail here: “No such user”\.$/,
  ],
  [
    'shadow',
    { opinions: [{ plugin: 'spf', hook: 'mail', kind: 'reject', shadow: true, text: 'x' }] },
    /; spf would have turned it away at MAIL, and runs in shadow\.$/,
  ],
  ['hostile words', { helo: 'a\u001b[2J\u202e' }, /\(a·\[2J·\)/],
]

for (const [what, more, expected] of SENTENCES)
  test(`a whole sentence says why: ${what}`, () => {
    const record = parseRecord(JSON.stringify(transaction('A.1', 0, more)))
    assert.match(plainText(transactionSentence(record as StoredRecord)), expected)
  })

test('durations are said as people say them', () => {
  assert.deepEqual(
    [5, 80, 800, 1_000, 1_500, 9_000, 95_000, 312_000, 420_000, 7_500_000, 90_000_000].map(durationText),
    ['0.005 s', '0.080 s', '0.8 s', '1 s', '1.5 s', '9 s', '95 s', '5 min 12 s', '7 min', '2 h 5 min', '1 d 1 h'],
  )
})

test('the lines of the queue in a log are deliveries', () => {
  const line =
    '{"time":"2026-11-30T12:00:00.000Z","level":"info","text":"deferred","plugin":"queue","id":"q1","transaction":"A.1","to":"b@c.test","code":451,"status":"4.2.2","reply":"full","remote":"mx.c.test","next":5}'
  const record = parseRecord(`Nov 30 mx postroad[1]: ${line}`)
  assert.deepEqual(
    [record?.event, record?.to, record?.host, record?.reply, record?.next],
    ['deferred', ['b@c.test'], 'mx.c.test', '451 4.2.2 full', 5],
  )
  for (const other of ['', 'x', '{', '{"a":1}', 'null', '[]', '{"event":"transaction","id":"a","time":"never"}'])
    assert.equal(parseRecord(other), undefined)
})
