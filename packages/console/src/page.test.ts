/** What the page makes of events and numbers, without a browser. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { cellOf, cellsOf, roadInWords, stagesOf } from '../page/now/road.ts'
import { fits, MOST, Traffic } from '../page/now/traffic.ts'
import { stepped } from '../page/state/stepped.ts'
import { whenIn } from '../page/why/when.ts'
import { ageOf, bare, counted, lasted, octets, percent, took } from '../page/word.ts'

const handler = (plugin: string, mode: 'enforce' | 'shadow' = 'enforce') => ({
  plugin,
  ownName: plugin,
  mode,
  onError: 'defer',
  timeout: 1_000,
  provides: [],
  conditional: false,
})
const explain = (hooks: ApiAnswer<'explain'>['scopes'][number]['hooks']): ApiAnswer<'explain'> => ({
  generation: 1,
  workers: { asked: 1, answered: 1 },
  scopes: [
    { name: 'mx', listeners: [{ name: 'mx', place: ':25', protocol: 'smtp' }], keywords: [], hooks, warnings: [] },
    {
      name: 'admin',
      listeners: [{ name: 'admin', place: ':80', protocol: 'http' }],
      keywords: [],
      hooks: { connect: [[handler('nobody')]] },
      warnings: [],
    },
  ],
})
const row = (id: string, more: Partial<ApiShape<'row'>> = {}): ApiShape<'row'> => ({
  id,
  at: 1_000,
  ms: 5,
  listener: 'mx',
  remote: '192.0.2.1',
  from: 'bob@example.net',
  to: ['alice@example.com'],
  recipients: 1,
  size: 10,
  points: 0,
  outcome: 'accepted',
  reply: '250 2.0.0 Ok',
  shadow: false,
  failed: false,
  ...more,
})
const record = (id: string, more: Partial<ApiShape<'record'>> = {}): ApiShape<'record'> => ({
  event: 'transaction',
  id,
  ...more,
})

test('columns follow the protocol; routes stand with the recipients; scopes without mail have none', () => {
  const stages = stagesOf(
    explain({
      message: [[handler('dkim')], [handler('dmarc')]],
      route: [[handler('routing')]],
      rcpt: [[handler('recipients')]],
      connect: [[handler('dnsbl'), handler('new', 'shadow')]],
      closed: [[handler('telemetry')]],
    }),
    new Set(),
  )
  const names = stages.map(({ hook, columns, from }) => [hook, from, columns.map(({ plugin }) => plugin).join()])
  assert.deepEqual(names, [
    ['connect', 0, 'dnsbl,new'],
    ['rcpt', 2, 'recipients,routing'],
    ['message', 4, 'dkim,dmarc'],
  ])
  assert.equal(stages[0]?.columns[1]?.isShadow, true)
})

test('of very many plugins only those are drawn that had something to say; the others are counted', () => {
  const many = Array.from({ length: 40 }, (_, n) => handler(`p${n}`))
  const [stage] = stagesOf(explain({ message: [many] }), new Set(['message p7', 'message p9']))
  assert.deepEqual(
    stage?.columns.map(({ plugin }) => plugin),
    ['p7', 'p9'],
  )
  assert.equal(stage?.hidden, 38)
})

test('a cell shows the gravest opinion, and what counts before what is in shadow', () => {
  const say = (kind: string, more = {}) => ({ plugin: 'a', hook: 'rcpt', kind, ...more })
  assert.equal(cellOf([]).kind, 'silent')
  assert.equal(cellOf([say('accept'), say('reject')]).kind, 'reject')
  assert.deepEqual(cellOf([say('suspicion', { points: 1.5 }), say('suspicion', { points: 1 })]), {
    kind: 'points',
    points: 2.5,
  })
  assert.deepEqual(cellOf([say('reject', { shadow: true, reason: '31 links' })]), {
    kind: 'reject',
    isShadow: true,
    text: '31 links',
  })
  assert.deepEqual(cellOf([say('reject', { shadow: true }), say('accept')]), { kind: 'accept' })
  assert.equal(cellOf([say('late')]).kind, 'fail')
})

test('a plugin that ran and said nothing is a point; one that did not run has no cell', () => {
  const stages = stagesOf(explain({ connect: [[handler('dnsbl'), handler('access')]] }), new Set())
  const cells = cellsOf(
    record('1', {
      plugins: { dnsbl: 3 },
      opinions: [{ plugin: 'other', hook: 'connect', kind: 'reject' }],
    }),
    stages,
  )
  assert.deepEqual([...cells], [['connect dnsbl', { kind: 'silent', ms: 3 }]])
  assert.equal(roadInWords(cells), 'no objections')
  assert.equal(roadInWords(new Map([['rcpt greylist', { kind: 'defer' }]])), 'greylist: deferred')
})

test('the road ends where the mail ended: a plugin is drawn at none of its hooks behind, and its time stands once', () => {
  const stages = stagesOf(
    explain({
      connect: [[handler('helo')]],
      mail: [[handler('queue'), handler('helo')]],
      rcpt: [[handler('recipients')], [handler('greylist')]],
      route: [[handler('routing')]],
      data: [[handler('rate-limit')]],
      message: [[handler('dmarc')]],
      queue: [[handler('queue')]],
    }),
    new Set(),
  )
  const plugins = { helo: 5, queue: 1, recipients: 0.1, routing: 0.2, 'rate-limit': 0.3, dmarc: 2 }
  const drawn = (more: Partial<ApiShape<'record'>>) => [...cellsOf(record('1', { plugins, from: 'a@b.test', ...more }), stages).keys()] // biome-ignore format: one line
  const refused = { to: [], refused: [{ to: 'x@y.test', reply: '550 5.1.1 No' }], reply: '550 5.1.1 No', size: 0 }
  const start = ['connect helo', 'mail queue', 'mail helo', 'rcpt recipients']
  assert.deepEqual(drawn(refused), start)
  assert.deepEqual(drawn({ to: ['x@y.test'], size: 900, reply: '550 5.7.1 No' }), [...start, 'route routing', 'data rate-limit', 'message dmarc']) // biome-ignore format: one line
  assert.deepEqual(drawn({ to: ['x@y.test'], size: 900, reply: '250 2.0.0 Ok' }).at(-1), 'queue queue')
  assert.deepEqual(
    [...cellsOf(record('1', { plugins, from: 'a@b.test', ...refused }), stages).values()].map(({ ms }) => ms),
    [5, 1, undefined, 0.1],
  )
})

test('a transaction is a row from its first event on, and one row until its end', () => {
  const traffic = new Traffic()
  traffic.take([{ name: 'open', data: { id: 'a', at: 1, listener: 'mx', remote: '192.0.2.1', worker: 0 } }], false)
  assert.equal(traffic.list[0]?.isOpen, true)
  const runs = [{ plugin: 'greylist', ms: 1, opinions: [{ plugin: 'greylist', hook: 'rcpt', kind: 'defer' }] }]
  traffic.take([{ name: 'hook', data: { id: 'a', at: 2, hook: 'rcpt', from: '', to: 'x@y', runs } }], false)
  assert.equal(traffic.list[0]?.cells.get('rcpt greylist')?.kind, 'defer')
  traffic.take([{ name: 'end', data: { row: row('a', { outcome: 'deferred', reply: '451 4.7.1 no' }), record: record('a') } }], false) // biome-ignore format: short
  assert.equal(traffic.list.length, 1)
  assert.equal(traffic.list[0]?.isOpen, false)
})

test('what is told of a session when its transaction has its row makes no row', () => {
  const traffic = new Traffic()
  traffic.take(
    [
      { name: 'open', data: { id: 'S', at: 1, listener: 'mx', remote: '192.0.2.7', worker: 1 } },
      { name: 'hook', data: { id: 'S.1', hook: 'rcpt', at: 2, runs: [{ plugin: 'greylist', ms: 1, opinions: [] }] } },
      { name: 'hook', data: { id: 'S', hook: 'closed', at: 3, runs: [{ plugin: 'telemetry', ms: 1, opinions: [] }] } },
    ],
    false,
  )
  assert.deepEqual(
    traffic.list.map(({ id }) => id),
    ['S.1'],
  )
})

test('what was said of a session stands in each of its transactions; its own row becomes the first of them', () => {
  const traffic = new Traffic()
  const runs = (plugin: string, hook: string) => [{ plugin, ms: 1, opinions: [{ plugin, hook, kind: 'accept' }] }]
  const hook = (id: string, name: string, plugin: string) => ({
    name: 'hook',
    data: { id, at: 2, hook: name, runs: runs(plugin, name) },
  })
  traffic.take([{ name: 'open', data: { id: 's', at: 1, listener: 'mx', remote: '192.0.2.1', worker: 0 } }], false)
  traffic.take([hook('s', 'connect', 'dnsbl'), hook('s.1', 'mail', 'spf'), hook('s.2', 'mail', 'spf')], false)
  assert.deepEqual(
    traffic.list.map(({ id, remote, cells }) => [id, remote, [...cells.keys()].join()]),
    [
      ['s.2', '192.0.2.1', 'connect dnsbl,mail spf'],
      ['s.1', '192.0.2.1', 'connect dnsbl,mail spf'],
    ],
  )
  traffic.forget(10)
  assert.equal(traffic.list.length, 0)
})

test('while one reads, new rows are counted and do not move those in view', () => {
  const traffic = new Traffic()
  traffic.take([{ name: 'end', data: { row: row('a'), record: record('a') } }], false)
  traffic.take([{ name: 'end', data: { row: row('b'), record: record('b') } }], true)
  traffic.take([{ name: 'end', data: { row: row('c'), record: record('c') } }], true)
  assert.deepEqual([traffic.list.map(({ id }) => id), traffic.waiting.length], [['a'], 2])
  traffic.show()
  assert.deepEqual(
    traffic.list.map(({ id }) => id),
    ['c', 'b', 'a'],
  )
})

test('the list is bounded, and what fell off is forgotten', () => {
  const traffic = new Traffic()
  const events = Array.from({ length: MOST + 10 }, (_, n) => ({ name: 'end', data: { row: row(`${n}`), record: record(`${n}`) } })) // biome-ignore format: short
  traffic.take(events, false)
  assert.equal(traffic.list.length, MOST)
  assert.equal(traffic.find('0'), undefined)
  assert.equal(traffic.list[0]?.id, `${MOST + 9}`)
})

test('rows of the past come below, once, and have cells when their records came along', () => {
  const traffic = new Traffic()
  traffic.setStages(stagesOf(explain({ rcpt: [[handler('greylist')]] }), new Set()))
  traffic.take([{ name: 'end', data: { row: row('b', { at: 9 }), record: record('b') } }], false)
  const opinions = [{ plugin: 'greylist', hook: 'rcpt', kind: 'defer' }]
  traffic.fill([row('b', { at: 9 }), row('a', { at: 5 })], [record('b'), record('a', { opinions })])
  assert.deepEqual(
    traffic.list.map(({ id }) => id),
    ['b', 'a'],
  )
  assert.equal(traffic.list[1]?.cells.get('rcpt greylist')?.kind, 'defer')
})

test('a filter meets addresses, replies by class, plugins that objected, and outcomes', () => {
  const traffic = new Traffic()
  traffic.setStages(stagesOf(explain({ rcpt: [[handler('greylist')]] }), new Set()))
  const opinions = [{ plugin: 'greylist', hook: 'rcpt', kind: 'defer' }]
  traffic.fill([row('a', { outcome: 'deferred', reply: '451 4.7.1 Greylisted' })], [record('a', { opinions })])
  const [tx] = traffic.list
  assert.ok(tx)
  for (const words of [['4xx'], ['alice@'], ['greylist', '192.0.2.'], []]) assert.ok(fits(tx, words, 'all'), `${words}`)
  assert.ok(!fits(tx, ['5xx'], 'all'))
  assert.ok(fits(tx, [], 'deferred'))
  assert.ok(!fits(tx, [], 'refused'))
  assert.ok(!fits(tx, [], 'shadow'))
})

test('numbers and times are words a person reads', () => {
  assert.deepEqual([ageOf(12_000), ageOf(7_800_000), ageOf(273_600_000)], ['12 s', '2 h 10 min', '3 d 4 h'])
  assert.deepEqual([took(0.4), took(120), took(2_100)], ['0.4 ms', '120 ms', '2.1 s'])
  assert.deepEqual([bare(0.05), bare(3.2), bare(1_900)], ['0.05', '3.2', '1,900'])
  assert.deepEqual([percent(0), percent(0.0001), percent(0.584)], ['0.0 %', '< 0.1 %', '58.4 %'])
  assert.deepEqual(
    [octets(999), octets(1), octets(48_212), octets(41.2e9)],
    ['999 octets', '1 octet', '48.2 KB', '41.2 GB'],
  )
  assert.equal(counted(12_345, 'message'), '12,345 messages')
})

test('a step goes on from where one stood, also when that row is gone', () => {
  const among = { count: 5, at: 2, last: 2 }
  assert.equal(stepped({ ...among, by: 1 }), 3)
  assert.equal(stepped({ ...among, by: -9 }), 0)
  assert.equal(stepped({ ...among, by: 9 }), 4)
  // The row at 2 is gone: the one that came after it stands there now.
  assert.equal(stepped({ count: 4, at: -1, last: 2, by: 1 }), 2)
  assert.equal(stepped({ count: 4, at: -1, last: 2, by: -1 }), 1)
  // None was chosen yet: the first one, and the second with two keys.
  assert.equal(stepped({ count: 5, at: -1, last: undefined, by: 1 }), 0)
  assert.equal(stepped({ count: 5, at: -1, last: undefined, by: 2 }), 1)
})

test('words that say when are taken from a question, in the time of who asks', () => {
  const now = new Date(2026, 10, 30, 16, 0).getTime()
  const spanOf = (text: string) => {
    const { q, from = Number.NaN, to = Number.NaN } = whenIn(text, now)
    const said = (time: number) => {
      const date = new Date(time)
      return `${date.getDate()} ${date.getHours()}:${String(date.getMinutes()).padStart(2, '0')}`
    }
    return [q, said(from), said(to + 1)]
  }
  assert.deepEqual(whenIn('ann@a.test 5xx'), { q: 'ann@a.test 5xx' })
  assert.deepEqual(spanOf('ann@a.test 2026-11-29'), ['ann@a.test', '29 0:00', '30 0:00'])
  assert.deepEqual(spanOf('14:05'), ['', '30 14:05', '30 14:06'])
  assert.deepEqual(spanOf('17:30 lunch'), ['lunch', '29 17:30', '29 17:31'])
  assert.deepEqual(spanOf('2026-11-28T9:05'), ['', '28 9:05', '28 9:06'])
  assert.deepEqual(spanOf('14:00..15:30 2026-11-28'), ['', '28 14:00', '28 15:31'])
  assert.deepEqual(spanOf('2026-11-27..2026-11-29'), ['', '27 0:00', '30 0:00'])
  assert.deepEqual(spanOf('23:00..00:30'), ['', '29 23:00', '30 0:31'])
  assert.deepEqual(spanOf('2026-11-27T23:00..2026-11-29T1:00'), ['', '27 23:00', '29 1:01'])
  for (const word of [
    '2026-13-01',
    '2026-02-30',
    '25:00',
    '14:75',
    '192.0.2.1',
    '2001:db8::5',
    '..',
    '12:30..',
    'a..b',
  ])
    assert.deepEqual(whenIn(word, now), { q: word })
})

test('in a sentence a duration has the words that `postroad why` has', () => {
  assert.deepEqual([5, 80, 800, 1_000, 1_500, 9_000, 95_000, 312_000, 420_000, 7_500_000, 90_000_000].map(lasted), [
    '0.005 s',
    '0.080 s',
    '0.8 s',
    '1 s',
    '1.5 s',
    '9 s',
    '95 s',
    '5 min 12 s',
    '7 min',
    '2 h 5 min',
    '1 d 1 h',
  ])
})
