/** One attempt: what the transport is asked to do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defer, reject, reroute } from '@postroad/plugin'
import { makeBench, OK } from '../../../../test/contracts/queue/engine-bench.ts'
import { address, makeMessage } from '../../../../test/contracts/queue/messages.ts'

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

test('whom hooks refuse is decided, and the others go the way that they say, in one transaction', async () => {
  const [gone, later, there] = ['gone', 'later', 'there'].map((local) => address(local, 'one.example'))
  assert.ok(gone && later && there)
  const { send, jobs, told, store } = makeBench(() => OK, {
    opinion: [
      defer('not before noon', { for: [gone, later] }),
      reject('she has unsubscribed', { for: [gone] }),
      reroute({ via: 'lmtp' }),
    ],
  })
  const message = makeMessage({
    recipients: [there, gone, later].map(({ local, domain }) => [local, domain] as const),
  })
  await send(message)
  const [job, ...more] = jobs.filter(({ from }) => from)
  assert.deepEqual([job?.route.via, job?.recipients.map((one) => one.address.local), more], ['lmtp', ['there'], []])
  assert.deepEqual(told.filter((line) => !line.includes('sender@')).toSorted(), [
    'bounced gone@one.example 550',
    'deferred later@one.example 451',
    'delivered there@one.example 250',
  ])
  const [state] = (await store.get(message.id))?.states ?? []
  assert.deepEqual(
    state?.recipients.map(({ fate }) => fate),
    ['delivered', 'failed', 'pending'],
  )
})

test('when each of them is refused nothing is carried', async () => {
  const opinion = ['x', 'y'].map((local) => reject('no', { for: [address(local, 'one.example')] }))
  const { send, jobs, told } = makeBench(() => OK, { opinion })
  await send(
    makeMessage({
      recipients: [
        ['x', 'one.example'],
        ['y', 'one.example'],
      ],
    }),
  )
  assert.deepEqual([jobs.filter(({ from }) => from), told[0]], [[], 'bounced x@one.example y@one.example 550'])
})
