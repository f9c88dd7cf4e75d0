/** Notifications that cannot be delivered: said aloud, counted, told to a postmaster, and never lost because nobody could say the way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAddress, readAll } from '@postroad/mail'
import { defer, type Route, reject } from '@postroad/plugin'
import { type Bench, makeBench, OK } from '../../../../test/contracts/queue/engine-bench.ts'
import { makeMessage } from '../../../../test/contracts/queue/messages.ts'
import type { EngineOptions } from './options.ts'

const HOUR = 3_600_000
const UNKNOWN = { code: 550, status: '5.1.1', text: 'User unknown' }
const LOOP = { code: 554, status: '5.4.6', text: 'The mail exchanger is this very host' }
const ADDRESS = 'sender@example.org'

/** Nobody takes anything, but for those named. */
function nobodyBut(takers: readonly string[], options: Partial<EngineOptions> = {}) {
  const logged: string[] = []
  const note = (level: string) => (fields: object, text?: string) =>
    void logged.push(
      `${level} ${text ?? ''}${'reportOn' in fields && fields.reportOn !== undefined ? ' (notification)' : ''}`,
    )
  const log = { debug() {}, info: note('info'), warn: note('warn'), error: note('error') }
  const answer: Parameters<typeof makeBench>[0] = ({ from, recipients: [to] }) =>
    takers.includes(`${to?.address}`) ? OK : from === undefined ? LOOP : UNKNOWN
  const bench = makeBench(answer, { log, ...options })
  bench.engine.start()
  return { ...bench, logged }
}

const received = ({ jobs }: Pick<Bench, 'jobs'>) =>
  jobs.map(({ route, recipients }) => `${route.via} ${recipients.map(({ address }) => address)}`)

test('a notification that nobody takes is an error in the log, counted, and told', async () => {
  const bench = nobodyBut([])
  await bench.send()
  await bench.time.pass(1_000)
  assert.deepEqual(bench.logged, ['info bounced', 'error bounced, and there is nobody to tell (notification)'])
  assert.equal((await bench.store.stats()).unreturned, 1)
  assert.deepEqual(bench.told.at(-1), `bounced ${ADDRESS} 554`)
})

test('what others returned to nobody is a warning, and counted; what was taken is neither', async () => {
  const bench = nobodyBut([])
  await bench.send({ ...makeMessage(), from: undefined })
  await bench.time.pass(1_000)
  assert.deepEqual(bench.logged, ['warn bounced, and there is nobody to tell'])
  assert.equal((await bench.store.stats()).unreturned, 1)
  const fine = nobodyBut([ADDRESS])
  await fine.send()
  await fine.time.pass(1_000)
  assert.deepEqual(
    [fine.logged, (await fine.store.stats()).unreturned],
    [['info bounced', 'info delivered (notification)'], 0],
  )
})

test('the postmaster hears of it, with all that was to be told', async () => {
  const bench = nobodyBut(['postmaster@example.org'], { postmaster: makeAddress('postmaster', 'example.org') })
  await bench.send()
  await bench.time.pass(1_000)
  const last = bench.jobs.at(-1)
  assert.ok(last)
  const text = (await readAll(last.message)).toString()
  assert.match(text, /^To: <postmaster@example\.org>\r\nSubject: Undelivered mail that cannot be returned\r$/m)
  assert.match(text, /^Final-Recipient: rfc822; sender@example\.org\r\nAction: failed\r\nStatus: 5\.4\.6\r$/m)
  assert.match(
    text,
    /^Final-Recipient: rfc822; rcpt@example\.com\r\nAction: failed\r\nStatus: 5\.1\.1\r$/m,
    'the notification itself',
  )
  assert.deepEqual([last.from, (await bench.store.stats()).messages], [undefined, 0])
})

test('a postmaster who cannot be reached is not told of that', async () => {
  const bench = nobodyBut([], { postmaster: makeAddress('postmaster', 'example.org') })
  await bench.send()
  await bench.time.pass(HOUR)
  assert.deepEqual(received(bench), ['smtp rcpt@example.com', `smtp ${ADDRESS}`, 'smtp postmaster@example.org'])
  assert.deepEqual([(await bench.store.stats()).messages, (await bench.store.stats()).unreturned], [0, 2])
})

test('nor is one whose address is an alias', async () => {
  const route: Route = { via: 'lmtp', to: [makeAddress('root', 'example.org')] }
  const bench = nobodyBut([], {
    postmaster: makeAddress('Postmaster', 'example.org'),
    routeReport: async ({ local }) => (local === 'Postmaster' ? route : { via: 'smtp' }),
  })
  await bench.send()
  await bench.time.pass(HOUR)
  assert.deepEqual(received(bench), ['smtp rcpt@example.com', `smtp ${ADDRESS}`, 'lmtp root@example.org'])
})

test('a sender whom routing does not know any more: given up aloud, and not sent out to come back', async () => {
  const bench = nobodyBut([ADDRESS], { routeReport: async () => reject('No such user here', { status: '5.1.1' }) })
  await bench.send()
  await bench.time.pass(1_000)
  assert.deepEqual(received(bench), ['smtp rcpt@example.com'])
  assert.deepEqual(bench.logged.slice(1), ['error bounced, and there is nobody to tell (notification)'])
  assert.equal((await bench.store.stats()).unreturned, 1)
})

test('routes that cannot be asked now are asked again, and the notification goes all the ways that they say', async () => {
  let answers = 0
  const members = ['a', 'b'].map((local) => makeAddress(local, 'example.org'))
  const route: Route = { via: 'maildir', to: members, also: [{ via: 'lmtp', to: [makeAddress('c', 'example.org')] }] }
  const taken = ['a@example.org', 'b@example.org', 'c@example.org']
  const bench = nobodyBut(taken, { routeReport: async () => (++answers < 4 ? defer('away') : route) })
  await bench.send()
  await bench.time.pass(1_000)
  assert.deepEqual([received(bench).length, (await bench.store.stats()).messages], [1, 1])
  await bench.time.pass(2 * HOUR)
  assert.deepEqual(received(bench).slice(1), ['maildir a@example.org,b@example.org', 'lmtp c@example.org'])
  assert.deepEqual([(await bench.store.stats()).messages, (await bench.store.stats()).unreturned], [0, 0])
})

test('a sender whose mail is dropped is not written to', async () => {
  const bench = nobodyBut([], { routeReport: async () => ({ via: 'discard' }) })
  await bench.send()
  await bench.time.pass(1_000)
  assert.deepEqual([received(bench), (await bench.store.stats()).messages], [['smtp rcpt@example.com'], 0])
})
