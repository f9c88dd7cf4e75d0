/** Several recipients, one mailbox: it gets the message once, and each recipient is reported on by itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAddress, type RcptParameters } from '@postroad/mail'
import { makeBench, OK } from '../../../../test/contracts/queue/engine-bench.ts'
import { makeMessage } from '../../../../test/contracts/queue/messages.ts'
import { split } from '../plan.ts'

const UNKNOWN = { code: 550, status: '5.1.1', text: 'User unknown' }
const address = (text: string) => makeAddress(text.split('@')[0] ?? '', text.split('@')[1] ?? '')
const to = (text: string, parameters: RcptParameters = {}) => ({
  address: address(text),
  parameters,
  route: { via: 'lmtp' },
})

/** Sends to these; what a transport got, in one line each. */
async function carried(deliveries: ReturnType<typeof split>, reply = OK) {
  const bench = makeBench(({ from }) => (from === undefined ? OK : reply))
  bench.engine.start()
  const message = await bench.send({ ...makeMessage(), deliveries })
  await bench.time.pass(30_000)
  const jobs = bench.jobs.filter(({ from }) => from !== undefined).map(({ recipients }) => recipients)
  return { ...bench, jobs, message, finished: await bench.store.getFinished(message.id) }
}

test('two aliases of one mailbox, and the mailbox itself', async () => {
  const route = { via: 'lmtp', to: [address('bob@a.test'), address('eve@a.test')] }
  const recipients = [to('info@a.test'), to('sales@a.test'), to('bob@a.test')]
  const { jobs, finished, told } = await carried(split({ route, recipients }, { maxRecipients: 100 }), UNKNOWN)
  assert.deepEqual(jobs.map((each) => each.map((one) => `${one.address}`)), [['bob@a.test', 'eve@a.test']]) // biome-ignore format: short
  assert.deepEqual(finished?.recipients.map(({ state }) => state.fate), Array(6).fill('failed')) // biome-ignore format: short
  assert.equal(told[0], 'bounced bob@a.test bob@a.test bob@a.test eve@a.test eve@a.test eve@a.test 550')
})

test('a thousand recipients of one mailbox are one transaction with one recipient, whatever ORCPT they have', () => {
  const recipients = Array.from({ length: 1_000 }, (_, at) =>
    to('bob@a.test', { orcpt: { type: 'rfc822', address: `${at}@a.test` } }),
  )
  const deliveries = split({ route: { via: 'lmtp' }, recipients }, { maxRecipients: 10 })
  assert.deepEqual(deliveries.map((each) => each.recipients.length), [1_000]) // biome-ignore format: short
})

test('the next hop is asked for whatever one of them wants to hear', async () => {
  const cases: readonly (readonly [RcptParameters['notify'], RcptParameters['notify'], readonly string[]])[] = [
    [['NEVER'], ['SUCCESS'], ['SUCCESS']],
    [['NEVER'], ['NEVER'], ['NEVER']],
    [undefined, ['SUCCESS'], ['FAILURE', 'DELAY', 'SUCCESS']],
    [['FAILURE'], undefined, ['FAILURE', 'DELAY']],
  ]
  for (const [one, two, asked] of cases) {
    const recipients = [one, two].map((notify) => to('bob@a.test', notify ? { notify } : {}))
    const { jobs } = await carried(split({ route: { via: 'lmtp' }, recipients }, { maxRecipients: 100 }))
    assert.deepEqual(jobs.map((each) => each.map(({ parameters }) => parameters.notify)), [[asked]]) // biome-ignore format: short
  }
})
