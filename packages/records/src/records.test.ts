import assert from 'node:assert/strict'
import { appendFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { delivery, greylisted, handFeed, NOW, testFolder, transaction } from './fixture.test.ts'
import { openRecords, type RecordOptions } from './records.ts'

async function open(t: TestContext, options: Partial<RecordOptions> = {}) {
  const folder = options.folder ?? (await testFolder(t))
  const records = openRecords({ now: () => NOW, ...options, folder })
  const feed = handFeed()
  const stop = records.keep(feed)
  t.after(() => records.close())
  const ids = async (q: string, more = {}) => (await records.search({ q, ...more })).items.map(({ id }) => id)
  return { folder, records, feed, stop, ids }
}

test('a record is found by everything a person may know of it, and by all of several words', async (t) => {
  const { feed, ids } = await open(t)
  feed.tell(
    transaction('A.1'),
    transaction('B.1', 1, {
      from: 'carol@other.test',
      messageId: '2@other.test',
      subject: 'Rechnung Nr. 5',
      remote: '2001:db8::7',
    }),
    greylisted('C.1', 2),
  )
  for (const q of [
    'alice@client.test',
    'ALICE@client.test',
    '<alice@client.test>',
    'client.test',
    '@client.test',
    '192.0.2.7',
  ])
    assert.deepEqual(await ids(q), ['C.1', 'A.1'], q)
  for (const q of ['A.1', 'a.1', 'A', 'q-a.1', '<1@client.test>', 'lunch friday', 'Friday, bob@mx.test'])
    assert.deepEqual(await ids(q), ['A.1'], q)
  for (const q of ['451', '4xx', '4.7.1', 'greylist', 'greylisted minutes']) assert.deepEqual(await ids(q), ['C.1'], q)
  for (const q of ['2001:db8::7', 'rechnung', 'carol@other.test 250']) assert.deepEqual(await ids(q), ['B.1'], q)
  assert.deepEqual(await ids('lunch rechnung'), [])
  assert.deepEqual(await ids('', { from: NOW + 1_000, to: NOW + 1_500 }), ['B.1'])
  assert.deepEqual(await ids('', { outcome: 'deferred' }), ['C.1'])
})

test('pages go on where the last one ended, newest first, also over blocks and several processes', async (t) => {
  const one = await open(t)
  const two = await open(t, { folder: one.folder })
  for (let at = 0; at < 300; at++)
    (at % 3 === 0 ? two : one).feed.tell(transaction(`T${String(at).padStart(3, '0')}.1`, at))
  await two.records.flush()
  const seen: string[] = []
  for (let before: string | undefined; ; ) {
    const { items, next } = await one.records.search({ limit: 70, before })
    seen.push(...items.map(({ id }) => id))
    if (next === undefined) break
    before = next
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 300 }, (_, at) => `T${String(299 - at).padStart(3, '0')}.1`),
  )
})

test('a clock that was set back misplaces nothing: order is by time, and the segments are searched all the same', async (t) => {
  let now = NOW
  const { feed, ids, records } = await open(t, { now: () => now })
  feed.tell(transaction('A.1', 100))
  await records.flush()
  now -= 86_400_000
  for (let at = 0; at < 200; at++) feed.tell(transaction(`B${at}.1`, at - 86_400))
  assert.deepEqual(await ids('', { limit: 2 }), ['A.1', 'B199.1'])
  assert.deepEqual(await ids('a.1'), ['A.1'])
  assert.deepEqual(await ids('b0.1'), ['B0.1'])
})

test('a segment whose end was cut is read up to it, and is no error; one whose index is gone is read without', async (t) => {
  const { folder, feed, records } = await open(t)
  for (let at = 0; at < 130; at++) feed.tell(transaction(`T${at}.1`, at))
  await records.close()
  const [log = ''] = (await readdir(folder)).filter((name) => name.endsWith('.log'))
  const { size } = await stat(join(folder, log))
  await truncate(join(folder, log), size - 20)
  const index = join(folder, log.replace('.log', '.idx'))
  for (const spoil of [
    async () => undefined,
    () => appendFile(join(folder, log), '{"event":"transaction","id":"X.1"'),
    () => appendFile(index, 'half an entry'),
    () => truncate(index, 2_500),
    () => writeFile(index, 'something else'),
    () => rm(index),
  ]) {
    await spoil()
    const again = openRecords({ folder })
    assert.equal((await again.search({ q: 'client.test', limit: 500 })).items.length, 129)
    assert.equal((await again.search({ q: 't128.1' })).items.length, 1)
    await again.close()
  }
})

test('what is too old, or too much, is deleted, the oldest first; what is being written stays', async (t) => {
  const { folder, feed, records, ids } = await open(t, { bytes: 1_048_576 })
  for (let round = 0; round < 40; round++) {
    for (let at = 0; at < 130; at++) feed.tell(transaction(`R${round}T${at}.1`, round * 130 + at))
    await records.flush()
  }
  await new Promise((resolve) => setTimeout(resolve, 50))
  const sizes = await Promise.all(
    (await readdir(folder)).filter((name) => !name.startsWith('n')).map((name) => stat(join(folder, name))),
  )
  assert.ok(sizes.reduce((sum, { size }) => sum + size, 0) < 1_200_000)
  assert.deepEqual(await ids('r0t0.1'), [])
  assert.deepEqual(await ids('r39t129.1'), ['R39T129.1'])
})

test('where nothing can be written records are dropped and counted, with one line of the log; it goes on when there is room', async (t) => {
  const base = await testFolder(t)
  const folder = join(base, 'records')
  await writeFile(folder, 'in the way')
  const told: object[] = []
  const { feed, records, ids } = await open(t, { folder, log: { warn: (fields: object) => void told.push(fields) } })
  feed.tell(transaction('A.1'), transaction('A.2'))
  await records.flush()
  feed.tell(transaction('A.3'))
  await records.flush()
  assert.deepEqual([records.dropped, told.length], [3, 1])
  assert.deepEqual(await ids(''), [])
  await rm(folder)
  feed.tell(transaction('A.4'))
  assert.deepEqual(await ids(''), ['A.4'])
})

test('who floods it loses what is too much, counted; nothing waits without a bound', async (t) => {
  const { feed, records } = await open(t)
  for (let at = 0; at < 20_100; at++) feed.tell(transaction(`T${at}.1`, at))
  assert.equal(records.dropped, 100)
})

test('a record that cannot be written, or is of no shape, costs itself', async (t) => {
  const { feed, records, ids } = await open(t)
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  feed.tell(
    transaction('A.1', 0, { facts: circle }),
    transaction('A.2', 1, { to: 5, refused: 'x', opinions: [1], plugins: 3, reply: {}, from: [] }),
    transaction('A.3', 2),
  )
  assert.deepEqual(await ids(''), ['A.3', 'A.2'])
  assert.equal(records.dropped, 1)
})

test('two who keep the same feed keep it once, until the last of them stops', async (t) => {
  const { feed, records, stop, ids } = await open(t)
  const other = records.keep(feed)
  feed.tell(transaction('A.1'))
  stop()
  stop()
  feed.tell(transaction('A.2', 1))
  other()
  feed.tell(transaction('A.3', 2))
  assert.deepEqual(await ids(''), ['A.2', 'A.1'])
})

test('hashed addresses are found by the address and by the digest', async (t) => {
  const { feed, ids } = await open(t)
  // sha256 of alice, twelve digits: as the log has it.
  feed.tell(transaction('A.1', 0, { from: '2bd806c97f0e@client.test', messageId: '9a1d', to: [] }))
  assert.deepEqual(await ids('alice@client.test'), ['A.1'])
  assert.deepEqual(await ids('2bd806c97f0e@client.test'), ['A.1'])
})

test('a transaction is found by its id, its session, its receipt, or a notification of it', async (t) => {
  const { feed, records } = await open(t)
  feed.tell(transaction('S.1'), delivery('delivered', 'S.1', 3), {
    ...transaction('S'),
    event: 'session',
    reply: undefined,
    closed: 'quit',
    refused: 2,
  })
  assert.equal((await records.transaction('S.1'))?.row.outcome, 'accepted')
  assert.equal((await records.transaction('q-s.1'))?.row.id, 'S.1')
  const session = await records.transaction('S')
  assert.deepEqual([session?.row.outcome, session?.row.reply], ['refused', 'closed: quit'])
  assert.equal(await records.transaction('nobody'), undefined)
})

test('numbers are added up by the minute, over processes, and drawn without reading a record', async (t) => {
  let now = NOW
  const one = await open(t, { now: () => now })
  const two = await open(t, { now: () => now, folder: one.folder })
  one.feed.tell(
    transaction('A.1'),
    greylisted('A.2'),
    transaction('A.3', 0, { tls: { version: 'TLSv1.3', cipher: 'x', group: 'X25519MLKEM768' } }),
  )
  await one.records.series({ names: [], span: 60_000 })
  now += 60_000
  one.feed.tell(
    transaction('A.4', 60),
    transaction('A.5', 60, {
      opinions: [
        { plugin: 'spf', hook: 'mail', kind: 'reject', shadow: true },
        { plugin: 'dnsbl', hook: 'connect', kind: 'error', reason: 'no answer' },
      ],
    }),
  )
  two.feed.tell(transaction('B.1', 60, { plugins: { spf: 40 } }), delivery('delivered', 'B.1', 61))
  await two.records.series({ names: [], span: 60_000 })
  for (const name of await readdir(one.folder)) if (name.endsWith('.log')) await rm(join(one.folder, name))
  const { series, stepMs } = await one.records.series({
    names: ['accepted', 'deferred', 'delivered', 'away:greylist', 'p99:spf', 'nonsense'],
    span: 180_000,
    step: 60_000,
  })
  assert.equal(stepMs, 60_000)
  assert.deepEqual(Object.fromEntries(series.map(({ name, values }) => [name, values.slice(1)])), {
    accepted: [2, 3],
    deferred: [1, 0],
    delivered: [0, 1],
    'away:greylist': [1, 0],
    'p99:spf': [2.47, 44.28],
    nonsense: [null, null],
  })
  const summary = await one.records.summary({ span: 180_000 })
  assert.deepEqual(summary.totals, {
    accepted: 5,
    quarantined: 0,
    discarded: 0,
    deferred: 1,
    refused: 0,
    left: 0,
    octets: 2_500,
  })
  assert.deepEqual(summary.turnedAway, [{ plugin: 'greylist', outcome: 'deferred', count: 1 }])
  assert.deepEqual(
    summary.tls.toSorted((a, b) => b.count - a.count),
    [
      { version: 'none', count: 5 },
      { version: 'TLSv1.3', group: 'X25519MLKEM768', count: 1 },
    ],
  )
  const spf = summary.latency.find(({ plugin }) => plugin === 'spf')
  assert.ok(spf && spf.runs === 6 && spf.p50 >= 2 && spf.p50 < 2.7 && spf.p99 >= 40 && spf.p99 < 53)
  const { plugins } = await one.records.plugins({ span: 180_000 })
  assert.equal(plugins.find(({ name }) => name === 'spf')?.wouldHave, 1)
  assert.deepEqual(plugins.find(({ name }) => name === 'dnsbl')?.failures, [
    { kind: 'error', count: 1, text: 'no answer' },
  ])
  const day = await one.records.summary({ span: 86_400_000 })
  assert.equal(day.totals.accepted, 5)
})

test('a plugin in shadow: what it would have done, and what became of that mail', async (t) => {
  const { feed, records } = await open(t)
  const shadow = (kind: string) => ({
    opinions: [{ plugin: 'dnsbl', hook: 'connect', kind, shadow: true }],
    plugins: { dnsbl: 1 },
  })
  feed.tell(
    transaction('A.1', 0, shadow('reject')),
    transaction('A.2', 1, shadow('suspect')),
    greylisted('A.3', 2, shadow('reject')),
  )
  const answer = await records.shadow('dnsbl', { span: 3_600_000 })
  assert.deepEqual(
    [answer.would, answer.ofThese, answer.disputed.map(({ id }) => id)],
    [{ reject: 2, suspect: 1 }, { accepted: 1, quarantined: 0, turnedAwayByOthers: 1 }, ['A.1']],
  )
})

test('what became of a mail finds the mail: a reply of the next hop, its name', async (t) => {
  const { feed, ids } = await open(t)
  feed.tell(
    transaction('A.1'),
    transaction('B.1', 1),
    delivery('deferred', 'A.1', 60, { reply: '452 4.2.2 Mailbox overflowing', host: 'mx.full.test' }),
    delivery('delivered', 'B.1', 61),
    delivery('delivered', 'GONE.1', 62, { host: 'mx.full.test' }),
  )
  assert.deepEqual(await ids('overflowing'), ['A.1'])
  assert.deepEqual(await ids('mx.full.test'), ['A.1'])
  assert.deepEqual(await ids('client.test'), ['B.1', 'A.1'], 'each once')
  assert.deepEqual(await ids(''), ['B.1', 'A.1'])
  assert.deepEqual(await ids('overflowing', { outcome: 'accepted' }), [], 'the record itself has to meet both')
})

test('a search that has no more time says how far it came, and goes on from there', async (t) => {
  const { records, feed } = await open(t)
  for (let at = 0; at < 640; at++)
    feed.tell(
      transaction(`T${at}.1`, at, {
        subject: at === 3 ? 'zeppelin lunch' : `lunch ${at % 2 ? 'zeppelin' : ''}`.trim(),
      }),
    )
  const found: string[] = []
  const stops: number[] = []
  for (let before: string | undefined, round = 0; ; round++) {
    assert.ok(round < 1_000)
    const { items, next, until } = await records.search({ q: 'lunch zeppelin', before, patience: 0, limit: 500 })
    found.push(...items.map(({ id }) => id))
    if (until !== undefined) stops.push(until)
    if (next === undefined) break
    before = next
  }
  assert.equal(found.length, new Set(found).size, 'nothing twice')
  assert.equal(found.length, 320)
  assert.ok(stops.length >= 5 && stops.every((at, n) => n === 0 || at < (stops[n - 1] ?? 0)), 'always further back')
})

test('what there is to search counts what no index has yet, too', async (t) => {
  const { records, feed } = await open(t)
  for (let at = 0; at < 70; at++) feed.tell(transaction(`T${at}.1`, at))
  const { kept } = await records.search({ q: 'nowhere' })
  assert.deepEqual([kept?.records, kept?.from], [70, NOW])
})

test('an outcome that no mail had is not looked for in all records', async (t) => {
  const { records, feed } = await open(t)
  for (let at = 0; at < 6_400; at++) feed.tell(transaction(`T${at}.1`, at))
  await records.flush()
  const { items, next } = await records.search({ outcome: 'quarantined', patience: 0 })
  // With no patience it would end at the second block, if there were one to look at.
  assert.deepEqual([items, next], [[], undefined])
})
