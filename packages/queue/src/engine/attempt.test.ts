/** One attempt: what the transport is asked to do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeBench, OK } from '../../../../test/contracts/queue/engine-bench.ts'
import { makeMessage } from '../../../../test/contracts/queue/messages.ts'

/** The reverse-path that the next hop hears, when the route says this one. */
async function reversePathWith(reversePath: string | number | boolean): Promise<string> {
  const { send, jobs } = makeBench(() => OK)
  const message = makeMessage()
  const deliveries = message.deliveries.map((each) => ({
    ...each,
    route: { ...each.route, settings: { reversePath } },
  }))
  await send({ ...message, deliveries })
  assert.equal(jobs.length, 1)
  return String(jobs[0]?.from)
}

test('a route may say another reverse-path: for SRS, and for masquerading', async () => {
  assert.equal(await reversePathWith('SRS0=x=y=client.test=alice@mx.test'), 'SRS0=x=y=client.test=alice@mx.test')
})

test('what is no address leaves the reverse-path as it was', async () => {
  const sender = String(makeMessage().from)
  for (const wrong of [7, true, '', 'no address']) assert.equal(await reversePathWith(wrong), sender)
})
