import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAll } from '@postroad/mail'
import { defer, reject, reroute } from '@postroad/plugin'
import { makeBench, OK, overriding, rest, siteRule } from '../../../../test/contracts/queue/engine-bench.ts'
import { address, makeMessage, memoryStore } from '../../../../test/contracts/queue/messages.ts'
import { DEFAULT_SCHEDULE } from '../schedule.ts'

const HOUR = 3_600_000
const GREYLISTED = { code: 450, status: '4.7.1', text: 'Greylisted' }
const UNKNOWN = { code: 550, status: '5.1.1', text: 'User unknown' }
const REFUSED = { code: 451, status: '4.4.1', text: 'Connection refused' }

/** Notifications among the jobs. */
const reports = (jobs: readonly { from: unknown; recipients: readonly { address: object }[] }[]) =>
  jobs.filter(({ from }) => from === undefined)

test('a message is carried once, ends in a recorded state, and its hook hears of it', async () => {
  const { send, jobs, told, store } = makeBench(() => OK)
  const { id } = await send()
  assert.equal(jobs.length, 1)
  assert.deepEqual(told, ['delivered rcpt@example.com 250'])
  assert.equal(await store.get(id), undefined)
  assert.equal((await store.getFinished(id))?.recipients[0]?.state.fate, 'relayed')
})

test('RFC 5321 §4.5.4.1: what is deferred is tried again after minutes, and not before', async () => {
  const { engine, send, jobs, told, time } = makeBench((_, attempt) => (attempt === 1 ? GREYLISTED : OK))
  engine.start()
  await send()
  await time.pass(90_000)
  assert.equal(jobs.length, 1)
  await time.pass(120_000)
  assert.deepEqual(told, ['deferred rcpt@example.com 450', 'delivered rcpt@example.com 250'])
})

test('RFC 5321 §4.5.4.1: after five days a message is given up, with one delay warning before and one failure at the end', async () => {
  const { engine, send, jobs, time, store } = makeBench(({ from }) => (from === undefined ? OK : GREYLISTED), {
    lookMs: HOUR,
  })
  engine.start()
  const { id, queuedAt } = await send()
  const expiresAt = queuedAt + 5 * 24 * HOUR
  await time.pass(5 * 24 * HOUR + HOUR)
  const state = (await store.getFinished(id))?.recipients[0]?.state
  assert.equal(state?.fate, 'expired')
  assert.ok(
    (state?.at ?? 0) >= expiresAt && (state?.at ?? 0) < expiresAt + 120_000,
    'the last attempt is at the end of its life',
  )
  const texts = await Promise.all(
    reports(jobs).map(async (job) => (await readAll((job as (typeof jobs)[number]).message)).toString()),
  )
  assert.deepEqual(
    texts.map((text) => /^Action: (\w+)/m.exec(text)?.[1]),
    ['delayed', 'failed'],
  )
  assert.match(texts[1] ?? '', /^Status: 4\.4\.7/m)
  assert.ok(jobs.length > 20 && jobs.length < 80, `${jobs.length} attempts in five days since ${queuedAt}`)
})

test('each destination has its own life, warning and waits, also for two of the same message', async () => {
  const short = { ...DEFAULT_SCHEDULE, lifeMs: 2 * HOUR, warnAfterMs: HOUR / 2, waits: [HOUR / 4], classWaits: {} }
  const { engine, send, jobs, time, store } = makeBench(({ from }) => (from === undefined ? OK : GREYLISTED), {
    lookMs: HOUR,
    scheduleOf: (destination) => (destination === 'smtp:lane-0.example.com' ? short : DEFAULT_SCHEDULE),
  })
  engine.start()
  const { id } = await send(makeMessage({ deliveries: 2 }))
  await time.pass(3 * HOUR)
  const { states } = (await store.get(id)) ?? { states: [] }
  assert.deepEqual(
    states.map(({ status, recipients, warned }) => [status.kind, recipients[0]?.fate, warned]),
    [
      ['done', 'expired', true],
      ['scheduled', 'pending', false],
    ],
  )
  assert.ok((states[0]?.attempts ?? 0) >= 6, `${states[0]?.attempts} attempts every quarter of an hour`)
  const texts = await Promise.all(
    reports(jobs).map(async (job) => (await readAll((job as (typeof jobs)[number]).message)).toString()),
  )
  assert.deepEqual(
    texts.map((text) => /^Action: (\w+)/m.exec(text)?.[1]),
    ['delayed', 'failed'],
  )
})

test('RFC 5321 §6.1: a failure is reported to the sender with the null reverse-path, and a failed report to nobody', async () => {
  const { send, jobs, told, store } = makeBench(() => UNKNOWN)
  await send()
  await rest()
  assert.equal(jobs.length, 2)
  const [, report] = jobs
  assert.equal(report?.from, undefined)
  assert.deepEqual(
    report?.recipients.map(({ address, parameters }) => [String(address), parameters.notify]),
    [['sender@example.org', ['NEVER']]],
  )
  assert.deepEqual(told, ['bounced rcpt@example.com 550', 'bounced sender@example.org 550'])
  assert.equal((await store.stats()).messages, 0)
})

test('a 4yz for one recipient and a 5yz for another are different fates', async () => {
  const message = makeMessage({
    recipients: [
      ['a', 'example.com'],
      ['b', 'example.com'],
      ['c', 'example.com'],
    ],
  })
  const { engine, send, jobs, told, time } = makeBench((job, attempt) =>
    job.from === undefined ? OK : attempt === 1 ? [{ reply: GREYLISTED }, { reply: UNKNOWN }, { reply: OK }] : OK,
  )
  engine.start()
  await send(message)
  await time.pass(10 * 60_000)
  const seen = jobs.map(
    ({ from, recipients }) => `${from ?? '<>'}: ${recipients.map(({ address }) => address).join(' ')}`,
  )
  assert.deepEqual(seen, [
    'sender@example.org: a@example.com b@example.com c@example.com',
    '<>: sender@example.org',
    'sender@example.org: a@example.com',
  ])
  assert.deepEqual(told.slice(0, 3), [
    'deferred a@example.com 450',
    'bounced b@example.com 550',
    'delivered c@example.com 250',
  ])
})

test('a bare 421 defers, and a transport that throws or forgets a recipient defers too', async () => {
  for (const answer of [() => ({ code: 421, text: '' }), () => Promise.reject(new Error('bug')), () => []]) {
    const { send, told, store } = makeBench(answer)
    const { id } = await send()
    assert.match(told[0] ?? '', /^deferred rcpt@example.com 4[25]1$/)
    assert.equal((await store.get(id))?.states[0]?.status.kind, 'scheduled')
  }
})

test('a route that nobody carries is deferred, not lost', async () => {
  const message = makeMessage()
  const { send, told } = makeBench(() => OK)
  await send({
    ...message,
    deliveries: message.deliveries.map((delivery) => ({ ...delivery, route: { via: 'nobody' } })),
  })
  assert.deepEqual(told, ['deferred rcpt@example.com 451'])
})

test('the delivery hook may defer, refuse and send another way', async () => {
  const deferred = makeBench(() => OK, { opinion: defer('Not now') })
  await deferred.send()
  assert.deepEqual([deferred.jobs.length, deferred.told], [0, ['deferred rcpt@example.com 451']])
  const refused = makeBench(() => OK, { opinion: reject('Never') })
  await refused.send()
  assert.equal(refused.told[0], 'bounced rcpt@example.com 550')
  const elsewhere = makeBench(() => OK, { opinion: reroute({ via: 'lmtp', host: 'other' }) })
  const { id } = await elsewhere.send()
  assert.deepEqual(elsewhere.jobs[0]?.route, { via: 'lmtp', host: 'other' })
  assert.equal(
    (await elsewhere.store.getFinished(id))?.recipients[0]?.state.fate,
    'delivered',
    'lmtp delivers for good',
  )
})

test('RFC 3461 §4.1: success is reported when asked, as relayed where the next hop cannot, and not at all where it will', async () => {
  const asked = (relayed: boolean) => {
    const message = makeMessage()
    const [delivery] = message.deliveries
    const recipients =
      delivery?.recipients.map((each) => ({ ...each, parameters: { notify: ['SUCCESS'] as const } })) ?? []
    return {
      bench: makeBench(() => [{ reply: OK, dsnRelayed: relayed }]),
      message: { ...message, deliveries: [{ ...delivery, recipients } as never] },
    }
  }
  const without = asked(false)
  await without.bench.send(without.message)
  const [, report] = without.bench.jobs
  assert.match((await readAll((report as (typeof without.bench.jobs)[number]).message)).toString(), /^Action: relayed/m)
  const within = asked(true)
  await within.bench.send(within.message)
  assert.equal(within.bench.jobs.length, 1)
})

test('a dead destination is left alone after three failures, and probed later; others are not held up', async () => {
  const { engine, send, jobs, time } = makeBench(
    ({ recipients }) => (recipients[0]?.address.domain === 'dead.example' ? REFUSED : OK),
    {
      lookMs: 20_000,
    },
  )
  engine.start()
  for (let count = 0; count < 10; count++)
    await send(makeMessage({ recipients: [['x', 'dead.example']], destination: 'smtp:dead.example' }))
  const dead = () => jobs.filter(({ recipients }) => recipients[0]?.address.domain === 'dead.example').length
  assert.equal(dead(), 3, 'the others were deferred without a connection')
  await send()
  assert.equal(jobs.length, 4)
  await time.pass(HOUR)
  assert.ok(dead() > 3 && dead() < 40, `${dead()} connections in an hour`)
})

test('where a destination was closed one message goes first: the others are not taken out of the store for nothing', async () => {
  let taken = 0
  const memory = memoryStore()
  const store = overriding(memory, {
    claimDue: async (due) => {
      const found = await memory.claimDue(due)
      taken += found.leases.length
      return found
    },
  })
  let isUp = false
  const { engine, send, jobs, time } = makeBench(() => (isUp ? OK : REFUSED), { store })
  engine.start()
  for (let count = 0; count < 50; count++)
    await send(makeMessage({ recipients: [['x', 'dead.example']], destination: 'smtp:dead.example' }))
  const before = jobs.length
  await time.pass(3 * HOUR)
  assert.ok(jobs.length - before > 5, 'it is tried again')
  assert.ok(taken - (jobs.length - before) <= 2, `${taken} taken for ${jobs.length - before} connections`)
  isUp = true
  await time.pass(2 * HOUR)
  assert.equal((await memory.stats()).messages, 0)
})

test('what is late behind a closed destination is still warned about and still ends', async () => {
  const { engine, send, jobs, time, store } = makeBench(({ from }) => (from === undefined ? OK : REFUSED), {
    lookMs: HOUR,
    backoff: { failures: 1, firstMs: 100 * HOUR, maxMs: 100 * HOUR },
  })
  engine.start()
  const { id } = await send(makeMessage({ destination: 'smtp:dead.example' }))
  await time.pass(121 * HOUR)
  assert.equal((await store.getFinished(id))?.recipients[0]?.state.fate, 'expired')
  assert.equal(reports(jobs).length, 2)
})

test('a notification to a sender who is an alias goes to its addresses, each its way', async () => {
  const routeReport = async () => ({
    via: 'smtp',
    to: [address('x', 'one.example')],
    also: [{ via: 'maildir', to: [address('y', 'two.example')] }],
  })
  const { engine, send, jobs } = makeBench(({ from }) => (from === undefined ? OK : UNKNOWN), { routeReport })
  engine.start()
  await send()
  assert.deepEqual(
    reports(jobs).map(({ recipients }) => recipients.map(({ address: to }) => String(to))),
    [['x@one.example'], ['y@two.example']],
  )
})

test('no more transactions at once than a destination allows, nor faster', async () => {
  let [active, most] = [0, 0]
  const release: (() => void)[] = []
  const { engine, send, jobs, time } = makeBench(
    async () => {
      most = Math.max(most, ++active)
      await new Promise<void>((resolve) => release.push(resolve))
      active--
      return OK
    },
    { siteOf: (destination) => siteRule(destination, { concurrency: 3 }) },
  )
  engine.start()
  for (let count = 0; count < 9; count++) void send(makeMessage({ destination: 'smtp:one.example' }))
  for (let round = 0; round < 12; round++) {
    await time.pass(10)
    release.shift()?.()
  }
  await rest()
  assert.deepEqual([jobs.length, most], [9, 3])

  const slow = makeBench(() => OK, {
    siteOf: (destination) => siteRule(destination, { concurrency: 20, perSecond: 2 }),
  })
  slow.engine.start()
  for (let count = 0; count < 10; count++) void slow.send(makeMessage({ destination: 'smtp:slow.example' }))
  await slow.time.pass(2_000)
  assert.ok(slow.jobs.length >= 4 && slow.jobs.length <= 7, `${slow.jobs.length} in two seconds at two a second`)
  await slow.time.pass(5_000)
  assert.equal(slow.jobs.length, 10)
})

test('what a destination has no room for waits in the store, and comes when there is room', async () => {
  let open = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const { engine, send, jobs, store, time } = makeBench(
    async () => {
      await gate
      return OK
    },
    { destinationLimit: 4, siteOf: (destination) => siteRule(destination, { concurrency: 2 }) },
  )
  engine.start()
  for (let count = 0; count < 20; count++) await send(makeMessage({ destination: 'smtp:busy.example' }))
  assert.ok((await store.stats()).waiting > 10)
  assert.ok(engine.load.queued <= 4)
  open()
  await time.pass(5_000)
  assert.equal(jobs.length, 20)
  assert.equal((await store.stats()).messages, 0)
})

test('a suspended domain gets nothing until it is resumed; other domains do', async () => {
  const { engine, send, jobs, store, time } = makeBench(() => OK)
  await store.suspend({ target: 'example.com', since: 0, reason: '' })
  engine.start()
  await time.pass(1)
  await send(makeMessage({ destination: 'smtp:example.com' }))
  await send(makeMessage({ destination: 'smtp:example.org' }))
  await time.pass(60_000)
  assert.equal(jobs.length, 1)
  await store.resume('example.com')
  await time.pass(2_000)
  assert.equal(jobs.length, 2)
})

test('a store that fails at the end of an attempt is asked again: the message is not carried twice', async () => {
  const store = memoryStore()
  let failures = 3
  const flaky = overriding(store, {
    record: (end) => (failures-- > 0 ? Promise.reject(new Error('EIO')) : store.record(end)),
  })
  const { engine, send, jobs, time } = makeBench(() => OK, { store: flaky })
  engine.start()
  const { id } = await send()
  await time.pass(10_000)
  assert.equal(jobs.length, 1)
  assert.equal((await store.getFinished(id))?.recipientCount, 1)
})

test('a store that cannot take a message says so, and nothing is carried', async () => {
  const store = overriding(memoryStore(), { add: () => Promise.reject(new Error('ENOSPC')) })
  const { send, jobs } = makeBench(() => OK, { store })
  await assert.rejects(send(), /ENOSPC/)
  await rest()
  assert.equal(jobs.length, 0)
})

test('closing waits for what is under way, then aborts it, and gives back the rest', async () => {
  const { engine, send, jobs, store, time } = makeBench(
    ({ signal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve({ code: 451, text: 'aborted' }))),
    { siteOf: (destination) => siteRule(destination, { concurrency: 1 }) },
  )
  engine.start()
  for (let count = 0; count < 3; count++) await send(makeMessage({ destination: 'smtp:slow.example' }))
  const closed = engine.close(5_000)
  await time.pass(6_000)
  await closed
  assert.equal(jobs.length, 1)
  assert.deepEqual(
    { ...(await store.stats()), freeBytes: 0 },
    { messages: 3, scheduled: 3, waiting: 0, claimed: 0, held: 0, corrupt: 0, unreturned: 0, freeBytes: 0 },
  )
})

test('a transport that never answers loses its slot in the end', async () => {
  const { engine, send, told, time } = makeBench(
    ({ signal }) => new Promise((_, failed) => signal.addEventListener('abort', () => failed(signal.reason))),
  )
  engine.start()
  await send()
  await time.pass(61_000)
  assert.deepEqual(told, ['deferred rcpt@example.com 451'])
})
