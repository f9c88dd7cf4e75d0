import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { EventRing } from './event-ring.ts'
import { eventStream } from './events.ts'

const ALL = { key: 'all', isWanted: () => true }

/** A stream of events that is read by the test, as a client would. */
function reader(ring: EventRing, wants: Parameters<EventRing['batch']>[1] = ALL) {
  const controller = new AbortController()
  const answer = eventStream({ signal: controller.signal, request: new Request('http://localhost/') }, ({ follow }) =>
    follow(ring, wants),
  )
  const body = answer.body?.getReader()
  let text = ''
  return {
    close: () => controller.abort(),
    async until(what: RegExp): Promise<string> {
      while (!what.test(text)) {
        const part = await body?.read()
        if (!part || part.done) throw new Error(`ended: ${text}`)
        text += Buffer.from(part.value).toString()
      }
      return text
    },
  }
}

test('readers are given what they want, in order, from when they came', async () => {
  const ring = new EventRing()
  ring.add({ event: 'a', data: 'before' })
  const [all, some] = [reader(ring), reader(ring, { key: 'b', isWanted: ({ event }) => event === 'b' })]
  for (const at of [1, 2, 3]) ring.add({ event: at === 2 ? 'b' : 'a', data: at })
  assert.equal(await all.until(/data: 3/), ': open\n\nevent: a\ndata: 1\n\nevent: b\ndata: 2\n\nevent: a\ndata: 3\n\n')
  assert.equal(await some.until(/data: 2/), ': open\n\nevent: b\ndata: 2\n\n')
  ring.add({ event: 'a', data: 4 })
  assert.match(await all.until(/data: 4/), /data: 3\n\nevent: a\ndata: 4\n\n$/)
  for (const { close } of [all, some]) close()
})

test('who was too slow is told how many were counted, and goes on with what is kept', async () => {
  const ring = new EventRing(({ event }) => event === 'end')
  const slow = reader(ring)
  await slow.until(/open/)
  for (let at = 0; at < 8_000; at++) ring.add({ event: at % 2 === 0 ? 'end' : 'hook', data: at })
  const text = await slow.until(/data: 7999\n/)
  assert.match(text, /^: open\n\nevent: skipped\ndata: \{"count":2976\}\n\nevent: end\ndata: 5952\n/)
})

test('events of readers that want the same are written into the same octets', () => {
  const ring = new EventRing()
  for (let at = 0; at < 10; at++) ring.add({ data: 'x'.repeat(100_000) })
  const batch = ring.batch(0, ALL)
  assert.equal(ring.batch(0, { ...ALL }), batch)
  assert.deepEqual([batch.next, batch.octets?.length], [2, 2 * 100_008], 'as many as go into one batch')
  assert.equal(ring.batch(9, { key: 'none', isWanted: () => false }).octets, undefined)
})

test('an event costs the same for any number of readers that do not read', async () => {
  const ring = new EventRing()
  let taken = 0
  const readers = Array.from({ length: 1_000 }, () => ({ take: () => void taken++ }))
  for (const one of readers) ring.wait(one, ring.end)
  ring.add({ data: 1 })
  while (taken < readers.length) await sleep(5)
  // They took it, and did not say that there is room for more.
  for (let at = 0; at < 100; at++) ring.add({ data: at })
  await sleep(100)
  assert.equal(taken, readers.length)
})
