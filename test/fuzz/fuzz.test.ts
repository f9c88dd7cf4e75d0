import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzAsked } from './asked.ts'
import { fuzzAsking } from './asking.ts'
import { wireSubject } from './checked-stages.ts'
import { engineSubject } from './engine.ts'
import { fuzz } from './session.ts'

test('three seconds of random sessions with the wire: nothing is thrown, hangs, leaks or comes back malformed', async () => {
  const { sessions, messages } = await fuzz(wireSubject(), { limitMs: 3000 })
  assert.ok(sessions > 20, `${sessions} sessions`)
  assert.ok(messages > 0, `${messages} messages in ${sessions} sessions`)
})

test('three seconds of random sessions with the whole engine and a moody plugin at every hook', async () => {
  await using engine = await engineSubject()
  const { sessions, messages } = await fuzz(engine, { limitMs: 3000 })
  assert.ok(sessions > 20, `${sessions} sessions`)
  assert.ok(messages > 0, `${messages} messages in ${sessions} sessions`)
})

for (const kind of ['milter', 'policy'] as const) {
  test(`three seconds of random sessions with a listener of kind ${kind}: only answers come back, and no session stays`, async () => {
    const { sessions } = await fuzzAsked(kind, { limitMs: 3000 })
    assert.ok(sessions > 20, `${sessions} sessions`)
  })

  test(`three seconds of a ${kind} that says anything: the plugin that asks it has an answer for each message, in time`, async () => {
    const { sessions } = await fuzzAsking(kind, { limitMs: 3000 })
    assert.ok(sessions > 5, `${sessions} sessions`)
  })
}
