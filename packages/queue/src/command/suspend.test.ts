import assert from 'node:assert/strict'
import { test } from 'node:test'
import { at, makeMessage, memoryStore, octetsOf, sourceOf } from '../../../../test/contracts/queue/messages.ts'
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
    'mx:*.example.com',
    'group:g',
  ])
    assert.equal(await suspend(target), '', target)
})
