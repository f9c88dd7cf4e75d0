import assert from 'node:assert/strict'
import { test } from 'node:test'
import { at, makeMessage, memoryStore, octetsOf, sourceOf } from '../../../../test/contracts/queue/messages.ts'
import { meansDestination } from '../plan.ts'
import { DestinationRules } from '../rule/destination-rules.ts'
import { queueCommands } from './commands.ts'

/** Runs `suspend` where mail for `a.test` goes by its domain, and mail for `b.test` to a host. Resolves to what was printed. */
async function suspend(...args: readonly string[]) {
  const store = memoryStore()
  for (const [destination, domain] of [
    ['smtp:a.test', 'a.test'],
    ['lmtp:mail.internal:24', 'b.test'],
  ] as const) {
    const message = makeMessage({ destination, recipients: [['x', domain]] })
    await store.add(message, sourceOf(octetsOf(message.size)))
  }
  const reporter = { hostname: 'mx.test', returnLimit: 0, route: async () => ({ via: 'smtp' }) }
  const rules = new DestinationRules({ lanes: [], life: 1, warnAfter: 0, retryByClass: {} })
  const printed: string[] = []
  const io = {
    json: false,
    signal: new AbortController().signal,
    row() {},
    print: (line: string) => void printed.push(line),
  }
  const code = await queueCommands({
    rules,
    reporter,
    plan: { maxRecipients: 100 },
    now: () => at(0),
    store: async () => store,
  })['suspend']?.run(args, io)
  assert.deepEqual([code ?? 0, (await store.suspensions()).map(({ target }) => target)], [0, [args[0]]])
  return printed.join('\n')
}

test('suspend says when mail for the domain goes another way, and how to stop that', async () => {
  assert.match(await suspend('b.test'), /that is not stopped.*suspend lmtp:mail\.internal:24$/)
})

test('suspend says when nothing in the queue is meant', async () => {
  assert.match(await suspend('c.test', 'why'), /^Nothing that is in the queue now goes by "c\.test"$/)
})

test('suspend is quiet when it stops what was meant: a domain, a host with or without its port, a destination', async () => {
  for (const target of [
    'a.test',
    'smtp:a.test',
    'mail.internal',
    'mail.internal:24',
    'lmtp:mail.internal:24',
    '*',
    'smtp:*',
    'lmtp:*',
    'mx:*.example.com',
    'group:g',
  ])
    assert.equal(await suspend(target), '', target)
})

test('"*" means every destination, "smtp:*" those of a transport, and no other pattern means anything', async () => {
  for (const [name, destination, means] of [
    ['*', 'smtp:a.test', true],
    ['*', 'maildir:', true],
    ['smtp:*', 'smtp:a.test', true],
    ['smtp:*', 'lmtp:a.test', false],
    ['a*', 'smtp:a.test', false],
    [':*', 'smtp:a.test', false],
  ] as const)
    assert.equal(meansDestination(name, destination), means, `${name} ${destination}`)
  assert.match(await suspend('maildir:*'), /^Nothing that is in the queue now goes by "maildir:\*"$/)
})

test('summary says by destination how much waits', async () => {
  const store = memoryStore()
  for (const destination of ['smtp:a.test', 'smtp:b.test', 'smtp:a.test']) {
    const message = makeMessage({ destination, recipients: [['x', destination.slice(5)]] })
    await store.add(message, sourceOf(octetsOf(message.size)))
  }
  await store.suspend({ target: '*', since: at(0), reason: 'under repair' })
  const reporter = { hostname: 'mx.test', returnLimit: 0, route: async () => ({ via: 'smtp' }) }
  const rules = new DestinationRules({ lanes: [], life: 1, warnAfter: 0, retryByClass: {} })
  const rows: unknown[] = []
  const io = {
    json: false,
    signal: new AbortController().signal,
    row: (row: object) => void rows.push(row),
    print() {},
  }
  const commanded = { rules, reporter, plan: { maxRecipients: 100 }, now: () => at(1_000), store: async () => store }
  await queueCommands(commanded)['summary']?.run([], io)
  assert.deepEqual(
    rows.map((row) => Object.values(row as object).slice(0, 2)),
    [
      ['smtp:a.test', 2],
      ['smtp:b.test', 1],
    ],
  )
  assert.match(JSON.stringify(rows), /"suspended":"under repair"/)
})
