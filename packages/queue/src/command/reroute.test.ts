import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAddress, readAll } from '@postroad/mail'
import { type Route, reject } from '@postroad/plugin'
import { at, makeMessage, memoryStore, octetsOf, sourceOf } from '../../../../test/contracts/queue/messages.ts'
import { reroute } from '../reroute.ts'
import { DestinationRules } from '../rule/destination-rules.ts'
import type { QueueEntry } from '../store.ts'
import { queueCommands } from './commands.ts'

/** A queue with mail for a.test and b.test, of which the first delivery of `tried` is being tried. */
async function makeQueue(ask: (domain: string) => Route | ReturnType<typeof reject> = () => ({ via: 'smtp' })) {
  const store = memoryStore()
  const ids: string[] = []
  for (const domain of ['a.test', 'b.test']) {
    const message = makeMessage({ destination: `smtp:${domain}`, recipients: [['x', domain]] })
    ids.push(message.id)
    await store.release(await store.add(message, sourceOf(octetsOf(message.size))), { kind: 'scheduled', at: at(5) })
  }
  const reporter = {
    hostname: 'mx.test',
    returnLimit: 0,
    route: async () => ({ via: 'never' }),
    ask: async ({ domain }: { readonly domain: string }) => ask(domain),
    carries: (via: string) => ['smtp', 'lmtp'].includes(via),
  }
  const run = async (...args: readonly string[]) => {
    const printed: string[] = []
    const print = (line: string) => void printed.push(line)
    const io = {
      json: false,
      signal: new AbortController().signal,
      row: (fields: object) => print(JSON.stringify(fields)),
      print,
    }
    const rules = new DestinationRules({ lanes: [], life: 1, warnAfter: 0, retryByClass: {} })
    const code = await queueCommands({
      rules,
      reporter,
      plan: { maxRecipients: 2 },
      now: () => at(7),
      store: async () => store,
    })['reroute']?.run(args, io)
    return { code, printed }
  }
  const queued = async () => {
    const entries: QueueEntry[] = []
    for await (const entry of store.list()) entries.push(entry)
    return entries
      .flatMap(({ message: { deliveries } }) =>
        deliveries.map(({ destination, recipients }) => `${destination} ${recipients[0]?.address}`),
      )
      .sort()
  }
  return { store, ids, run, queued }
}

test('another next hop: the preview changes nothing, the command only what is meant; age and octets stay', async () => {
  const { store, ids: [id = '', other = ''], run, queued } = await makeQueue() // biome-ignore format: short
  const before = await store.get(id)
  assert.ok(before)
  const way = ['--domain', 'a.test', '--via', 'lmtp:new.test:24']
  const shown = await run(...way, '--dry-run')
  assert.match(
    shown.printed.join('\n'),
    /"to":"lmtp:new\.test:24".*\n1 deliveries would go another way; nothing was changed$/,
  )
  assert.deepEqual([shown.code, await store.get(id)], [0, before])
  const { code, printed } = await run(...way)
  const next = JSON.parse(printed[0] ?? '').as
  assert.deepEqual([code, await queued()], [0, ['lmtp:new.test:24 x@a.test', 'smtp:b.test x@b.test']])
  const after = await store.get(next)
  assert.ok(after)
  assert.deepEqual([after.message.queuedAt, after.message.from, after.message.parameters], [before.message.queuedAt, before.message.from, before.message.parameters]) // biome-ignore format: short
  assert.deepEqual(after.message.deliveries[0]?.route, { via: 'lmtp', host: 'new.test', port: 24 })
  assert.deepEqual(after.states[0]?.status, { kind: 'scheduled', at: at(7) })
  assert.deepEqual(await readAll(store.content(after.message)), octetsOf(before.message.size))
  assert.equal((await store.getFinished(id))?.recipients[0]?.state.reply?.text, 'Rerouted by the operator')
  assert.ok(await store.get(other))
  assert.equal((await run(...way)).code, 1, 'it goes that way already')
})

test('what is being tried now is left alone', async () => {
  const { store, ids: [id = ''], run } = await makeQueue() // biome-ignore format: short
  const lease = await store.claimOne(id, 0)
  assert.deepEqual(await run(id, '--via', 'lmtp:h'), { code: 1, printed: ['Nothing was changed'] })
  assert.ok(lease && (await store.get(id)))
})

test('the routes are asked again: with aliases, several ways, and those that refuse', async () => {
  const route: Route = {
    via: 'lmtp',
    to: [makeAddress('y', 'c.test')],
    also: [{ via: 'smtp', to: [makeAddress('z', 'd.test')] }],
  }
  const { run, queued } = await makeQueue((domain) =>
    domain === 'a.test' ? route : reject('No such user here', { status: '5.1.1' }),
  )
  const { printed } = await run('--all', '--again')
  assert.equal(printed.at(-1), 'x@b.test stays: 550 5.1.1 No such user here')
  assert.deepEqual(await queued(), ['lmtp y@c.test', 'smtp:b.test x@b.test', 'smtp:d.test z@d.test'])
})

test('who got the message while the ways were asked for does not get it again', async () => {
  const store = memoryStore()
  const message = makeMessage({ destination: 'smtp:a.test', recipients: [['x', 'a.test'], ['y', 'a.test']] }) // biome-ignore format: short
  await store.release(await store.add(message, sourceOf(octetsOf(message.size))), { kind: 'scheduled', at: at(5) })
  const wayOf = async () => {
    const lease = await store.claimOne(message.id, 0)
    if (lease?.state.recipients.every((each) => each.fate === 'pending')) {
      const [, second = lease.state.recipients[0]] = lease.state.recipients
      assert.ok(second)
      const first = { fate: 'delivered', reply: { code: 250, text: 'OK' }, at: at(6) } as const
      await store.record({
        lease,
        state: { ...lease.state, status: { kind: 'scheduled', at: at(9) }, recipients: [first, second] },
        now: at(6),
      })
    } else if (lease) await store.release([lease], { kind: 'scheduled', at: at(9) })
    return [{ via: 'lmtp', host: 'h' }]
  }
  assert.deepEqual(await reroute(store, { id: message.id, now: at(7), maxRecipients: 100, wayOf }), {
    deliveries: [],
    id: undefined,
  })
  const { deliveries } = await reroute(store, { id: message.id, now: at(7), maxRecipients: 100, wayOf })
  assert.deepEqual(deliveries, [0])
  const left: string[] = []
  for await (const { message: { deliveries } } of store.list()) left.push(...deliveries.flatMap(({ recipients }) => recipients.map(({ address }) => `${address}`))) // biome-ignore format: long
  assert.deepEqual(left, ['y@a.test'])
})

test('transactions are as large as the queue may make them, and one mailbox is in one of them', async () => {
  const { store, run } = await makeQueue((domain) => ({
    via: 'smtp',
    host: 'hub.test',
    ...(domain === 'c.test' && { to: [makeAddress('w', 'd.test')] }),
  }))
  const names = ['w', 'x', 'y', 'z'].map((local) => [local, 'd.test'] as const)
  const message = makeMessage({ destination: 'lmtp:old', recipients: [...names, ['alias', 'c.test']] })
  await store.release(await store.add(message, sourceOf(octetsOf(message.size))), { kind: 'scheduled', at: at(5) })
  const { printed } = await run(message.id, '--again')
  const after = await store.get(JSON.parse(printed[0] ?? '').as)
  assert.deepEqual(
    after?.message.deliveries.map(({ destination, recipients }) =>
      [destination, ...recipients.map(({ address }) => `${address}`)].join(' '),
    ),
    ['smtp:hub.test w@d.test w@d.test x@d.test', 'smtp:hub.test y@d.test z@d.test'],
  )
})

for (const kept of [
  { warned: true },
  { warned: true, countedFrom: at(-60) },
  { warned: false, countedFrom: at(-60) },
  { warned: false },
])
  test(`who was warned is not warned again, and a life goes on: ${JSON.stringify(kept)}`, async () => {
    const { store, run } = await makeQueue()
    const message = makeMessage({ deliveries: 2 })
    const [first, second] = await store.add(message, sourceOf(octetsOf(message.size)))
    assert.ok(first && second)
    const status = { kind: 'scheduled', at: at(5) } as const
    await store.record({ lease: first, state: { ...first.state, status, attempts: 3, ...kept }, now: at(1) })
    await store.release([second], status)
    const { printed } = await run(message.id, '--via', 'lmtp:h')
    const states = (await store.get(JSON.parse(printed[0] ?? '').as))?.states
    assert.deepEqual(
      states?.map(({ status, attempts, warned, countedFrom }) => ({
        status,
        attempts,
        warned,
        ...(countedFrom !== undefined && { countedFrom }),
      })),
      [kept, { warned: false }].map((each) => ({ status: { kind: 'scheduled', at: at(7) }, attempts: 0, ...each })),
    )
  })

test('mistakes are answers: no way, two ways, no messages, no such transport, what is no way', async () => {
  const { run } = await makeQueue()
  for (const args of [
    ['--all'],
    ['--all', '--again', '--via', 'smtp'],
    ['--again'],
    ['--all', '--via', 'uucp'],
    ['--all', '--via', 'smtp:h:x'],
  ])
    assert.equal((await run(...args)).code, 2, args.join(' '))
  for (const way of ['smtp:h:x', 'smtp:h:65536', ':h'])
    assert.deepEqual((await run('--all', '--via', way)).printed, [
      `--via takes transport, transport:host or transport:host:port, not "${way}"`,
    ])
})
