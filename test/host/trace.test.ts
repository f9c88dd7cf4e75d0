/** What a subscriber of `tracing:postroad:hook` sees of a run is what the guard made of it. */
import assert from 'node:assert/strict'
import { type TracingChannelSubscribers, tracingChannel } from 'node:diagnostics_channel'
import { test } from 'node:test'
import type { HookRun } from '@postroad/core'
import { definePlugin, type HookHandlers, reject, suspect } from '@postroad/plugin'
import { createTestServer, sessionOn } from '@postroad/testing'

type Event = 'start' | 'end' | 'asyncEnd' | 'error'

async function traced(
  mail: HookHandlers['mail'],
  beside: { readonly observes?: boolean; readonly points?: boolean } = {},
): Promise<{ readonly events: Event[]; readonly run: HookRun | undefined }> {
  const events: Event[] = []
  let run: HookRun | undefined
  const on = (event: Event) => (seen: object) => {
    if ((seen as HookRun).plugin !== 'subject') return // the channel's own message
    events.push(event)
    run = seen as HookRun // as above
  }
  const channel = tracingChannel<HookRun, HookRun>('postroad:hook')
  const subscribers = {
    start: on('start'),
    end: on('end'),
    asyncStart: () => {},
    asyncEnd: on('asyncEnd'),
    error: on('error'),
  } satisfies TracingChannelSubscribers<HookRun>
  const subject = definePlugin({ name: 'subject', hooks: { mail: { handler: mail, timeout: 20, ...beside } } })
  const server = await createTestServer([subject()])
  channel.subscribe(subscribers)
  try {
    await sessionOn(server).mail('a@b.test')
  } finally {
    channel.unsubscribe(subscribers)
    await server.close()
  }
  return { events, run }
}

const no = reject('No')

test('a run that answers at once has a start and an end, with the answer', async () => {
  const { events, run } = await traced(() => no)
  assert.deepEqual(events, ['start', 'end'])
  assert.deepEqual(run?.result, [no])
  assert.equal(run?.error, undefined)
})

test('a run that answers later ends twice: when it was called, and when it has answered', async () => {
  const { events, run } = await traced(async () => no)
  assert.deepEqual(events, ['start', 'end', 'asyncEnd'])
  assert.equal(run?.asynchronous, true)
  assert.deepEqual(run?.result, [no])
})

for (const [how, handler, message] of [
  ['that throws', () => assert.fail('broken'), /broken/],
  ['that answers what is no answer', () => 'yes' as never, /not an answer to mail/],
] satisfies [string, HookHandlers['mail'], RegExp][])
  test(`a run ${how} has its error`, async () => {
    const { events, run } = await traced(handler)
    assert.deepEqual(events, ['start', 'error', 'end'])
    assert.match(String(run?.error), message)
  })

for (const [how, handler, message] of [
  ['that rejects', () => Promise.reject(new Error('broken')), /broken/],
  ['that answers nonsense later', async () => 'yes' as never, /not an answer to mail/],
  ['that never answers', () => new Promise<undefined>(() => {}), /no answer within 20 ms/],
] satisfies [string, HookHandlers['mail'], RegExp][])
  test(`a run ${how} has its error`, async () => {
    const { events, run } = await traced(handler)
    assert.deepEqual(events, ['start', 'end', 'error', 'asyncEnd'])
    assert.match(String(run?.error), message)
  })

test('a run that only observes, as it says itself, has no opinion: one that it gives is its error', async () => {
  assert.equal((await traced(() => undefined, { observes: true })).run?.error, undefined)
  assert.match(
    String((await traced(() => no, { observes: true })).run?.error),
    /mail only observes, as it says itself, and answered/,
  )
})

test('a run that gives no points, as it says itself, may refuse: points are its error', async () => {
  assert.equal((await traced(() => no, { points: false })).run?.error, undefined)
  const points = await traced(() => [suspect(-1, 'known'), suspect(2, 'odd')], { points: false })
  assert.match(String(points.run?.error), /mail gives no points, as it says itself, and answered/)
})
