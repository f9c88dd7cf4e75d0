import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseAction } from '@postroad/policy-service/codec'
import { startService } from './fixture.test.ts'
import { type Meaning, meaningOf } from './opinion.ts'
import { options } from './options.ts'
import { PolicyService } from './service.ts'

const file = new URL('../../../packages/policy-service/pairs/answers.json', import.meta.url)
const { answers } = JSON.parse(readFileSync(file, 'utf8')) as { answers: { action: string; means: string }[] }
const forever = new AbortController().signal
const question = { request: 'smtpd_access_policy', protocol_state: 'RCPT' }

function shown({ opinion, wish }: Meaning): string {
  if (wish?.kind === 'field') return `field ${wish.name}: ${wish.value}`
  if (wish) return `${wish.kind} ${'to' in wish ? wish.to : wish.reason}`
  if (!opinion) return 'nothing'
  if (opinion.kind !== 'reject' && opinion.kind !== 'defer') return opinion.kind
  const { kind, code, status, text, disconnect } = opinion
  return `${kind} ${code} ${status} ${text}${disconnect ? ' (disconnect)' : ''}`
}

for (const { action, means } of answers)
  test(`${JSON.stringify(action)} means: ${means}`, () => {
    if (!means.startsWith('refused: ')) assert.equal(shown(meaningOf(parseAction(action))), means)
    else
      assert.throws(() => meaningOf(parseAction(action)), {
        message: `the policy service answered what cannot be done here: ${means.slice('refused: '.length)}`,
      })
  })

test('one connection for one question after the other, more for questions at one time, and no more than there may be', async () => {
  await using fake = await startService('DUNNO')
  const service = new PolicyService(options.parse({ at: fake.at, connections: 2 }))
  for (let each = 0; each < 5; each++) assert.equal((await service.ask(question, forever)).kind, 'dunno')
  assert.equal(fake.connections, 1)
  await Promise.all(Array.from({ length: 10 }, () => service.ask(question, forever)))
  assert.equal(fake.connections, 2)
  assert.equal(fake.asked.length, 15)
  service.close()
})

test('a connection that was kept and is closed costs one more try; a fresh one that is closed is a failure', async () => {
  await using fake = await startService('DUNNO')
  const service = new PolicyService(options.parse({ at: fake.at }))
  await service.ask(question, forever)
  fake.answers = ['close', 'OK']
  assert.equal((await service.ask(question, forever)).kind, 'ok')
  fake.hangUp()
  assert.equal((await service.ask(question, forever)).kind, 'ok')
  fake.answers = ['close']
  await assert.rejects(service.ask(question, forever), /closed the connection without an answer/)
  service.close()
})

test('who is late, or whose asker waits no longer, has failed', async () => {
  await using fake = await startService('silence')
  const service = new PolicyService(options.parse({ at: fake.at, timeout: 20 }))
  await assert.rejects(service.ask(question, forever), /did not answer within 20 ms/)
  await assert.rejects(service.ask(question, AbortSignal.timeout(1)), /aborted|timeout/i)
})
test('where a service listens is written as in main.cf', () => {
  const at = (text: string) => options.safeParse({ at: text }).data?.at
  assert.deepEqual(at('inet:127.0.0.1:10023'), { host: '127.0.0.1', port: 10_023 })
  assert.deepEqual(at('[::1]:10023'), { host: '::1', port: 10_023 })
  assert.deepEqual(at('unix:/run/x.sock'), { path: '/run/x.sock' })
  for (const wrong of ['10023', 'inet:127.0.0.1', 'unix:x', 'inet:a:99999']) assert.equal(at(wrong), undefined, wrong)
})
