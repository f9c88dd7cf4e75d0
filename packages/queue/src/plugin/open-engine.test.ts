import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAddress } from '@postroad/mail'
import { defer } from '@postroad/plugin'
import { reporterOf } from './open-engine.ts'

const sender = makeAddress('ann', 'sender.example')
type Asked = Parameters<typeof reporterOf>[0]

/** Of a queue of which only that is known which says where notifications go. */
function route(reports: object | undefined, asked: () => Promise<unknown>) {
  const errors: string[] = []
  const known = {
    options: { reports, returnLimit: 1 },
    hooks: { route: asked },
    hostname: 'mx.test',
    log: { error: (_: object, text: string) => void errors.push(text) },
    carries: () => true,
  }
  const reporter = reporterOf(known as unknown as Asked) // all that is read of it
  return { errors, answer: reporter.route(sender) }
}

test('the way of notifications is the operator’s, before that of plugins, before that by MX; an error is no way', async () => {
  const home = { via: 'maildir' }
  const fixed = { via: 'smtp', host: 'relay.example', port: 25 }
  assert.deepEqual(await route(fixed, () => assert.fail('nobody is asked')).answer, fixed)
  assert.deepEqual(await route(undefined, async () => home).answer, home)
  assert.deepEqual(await route(undefined, async () => undefined).answer, { via: 'smtp' })
  const { errors, answer } = route(undefined, () => Promise.reject(new Error('directory away')))
  assert.deepEqual(await answer, defer('The route could not be asked for', { status: '4.3.0', code: 451 }))
  assert.deepEqual(errors, ['no route for a notification: it is asked for again'])
})
