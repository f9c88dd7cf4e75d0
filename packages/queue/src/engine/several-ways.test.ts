/** A notification that goes several ways, some of which fail for now: only those are gone again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAddress, NotTried } from '@postroad/mail'
import { defer, type Route } from '@postroad/plugin'
import { type Answer, type Bench, makeBench, OK } from '../../../../test/contracts/queue/engine-bench.ts'

const HOUR = 3_600_000
/** Hours pass in these tests, and nobody waits for a second of them. */
const LOOK = 300_000
const BUSY = { code: 450, status: '4.2.1', text: 'Busy' }
const UNKNOWN = { code: 550, status: '5.1.1', text: 'User unknown' }
const to = (...locals: string[]) => locals.map((local) => makeAddress(local, 'example.org'))
const ROUTE: Route = { via: 'maildir', to: to('a', 'b'), also: [{ via: 'lmtp', to: to('c') }, { via: 'discard' }] }

/** `answer` is asked by mailbox, and which time this mailbox is asked; the first question for the way has no answer. */
async function sent(
  answer: (mailbox: string, nth: number) => typeof OK,
  routes: readonly Route[] = [ROUTE],
): Promise<Bench> {
  const asked = new Map<string, number>()
  const play: Answer = ({ from, recipients }) => {
    if (from !== undefined) return UNKNOWN
    return recipients.map(({ address: { local } }) => {
      const nth = (asked.get(local) ?? 0) + 1
      asked.set(local, nth)
      return { reply: answer(local, nth) }
    })
  }
  let questions = 0
  const routeReport = async () =>
    questions++ === 0 ? defer('away') : (routes[Math.min(questions - 2, routes.length - 1)] ?? ROUTE)
  const bench = makeBench(play, { routeReport, lookMs: LOOK })
  bench.engine.start()
  await bench.send()
  await bench.time.pass(3 * HOUR)
  return bench
}

const carried = ({ jobs }: Bench) =>
  jobs.slice(1).map(({ route, recipients }) => `${route.via} ${recipients.map((each) => each.address.local)}`)

test('who has it does not get it again because another way failed for now', async () => {
  const bench = await sent((mailbox, nth) => (mailbox === 'c' && nth < 3 ? BUSY : OK))
  assert.deepEqual(carried(bench), ['maildir a,b', 'lmtp c', 'lmtp c', 'lmtp c'])
  assert.deepEqual([(await bench.store.stats()).messages, (await bench.store.stats()).unreturned], [0, 0])
})

test('nor because another mailbox of the same way did, and who refused it is not asked again, but not forgotten either', async () => {
  const bench = await sent((mailbox, nth) => (mailbox === 'a' && nth === 1 ? BUSY : mailbox === 'c' ? UNKNOWN : OK))
  assert.deepEqual(carried(bench), ['maildir a,b', 'lmtp c', 'maildir a'])
  assert.deepEqual([bench.told.at(-1), (await bench.store.stats()).unreturned], ['bounced sender@example.org 550', 1])
})

test('a way that could not be tried at all does not undo what came before it', async () => {
  const bench = await sent((mailbox, nth) => {
    if (mailbox === 'c' && nth === 1) throw new NotTried()
    return OK
  })
  assert.deepEqual(carried(bench), ['maildir a,b', 'lmtp c', 'lmtp c'])
})

test('ways that have changed meanwhile are gone, but nobody gets it twice', async () => {
  const other: Route = { via: 'lmtp', to: to('d'), also: [{ via: 'maildir', to: to('b') }] }
  const bench = await sent((mailbox) => (mailbox === 'c' ? BUSY : OK), [ROUTE, other])
  assert.deepEqual(carried(bench), ['maildir a,b', 'lmtp c', 'lmtp d'])
})

test('what has come of the ways is kept by the store, not by the process', async () => {
  let isUp = false
  const bench = await sent((mailbox) => (mailbox === 'c' && !isUp ? BUSY : OK))
  const { store } = bench
  await bench.engine.close()
  isUp = true
  const jobs: string[] = []
  const answer: Answer = (job) => {
    jobs.push(...job.recipients.map(({ address }) => address.local))
    return OK
  }
  const next = makeBench(answer, { store, routeReport: async () => ROUTE, lookMs: LOOK })
  next.time.skip(48 * HOUR)
  next.engine.start()
  await next.time.pass(HOUR)
  assert.deepEqual(jobs, ['c'])
})
