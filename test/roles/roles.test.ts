/** One configuration in three roles: some of the dialogues of `npm run roles`, and what the comparison is worth. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skip } from '../interop/policy-postfix.ts'
import { compare } from './compare.ts'
import type { Dialogue } from './dialogue.ts'
import { differences, REASONS } from './difference.ts'
import type { Heard } from './leg.ts'

// Both at the same time: most of what they take is Postfix' start and end.
test('a gateway says the same as server, as milter and as policy service of Postfix', { skip }, async () => {
  const play = (role: 'milter' | 'policy') => compare({ role, refuseAt: 'rcpt', seed: 15, count: 12 })
  for (const { faults, trouble, refusals } of await Promise.all([play('milter'), play('policy')])) {
    assert.deepEqual(faults, [])
    assert.deepEqual(trouble, [])
    assert.ok(refusals >= 8, `${refusals} refusals`)
  }
})

const dialogue: Dialogue = {
  index: 0,
  client: '192.0.2.1',
  helo: 'client.test',
  letters: [{ from: 'joe@plain.test', to: ['bob@example.test'], subject: 'plain', author: 'plain.test' }],
  wait: 0,
}

/** A session that ends with the last of these. */
function session(...replies: readonly string[]): Heard[] {
  const stages = ['banner', 'EHLO', 'MAIL', 'RCPT 0', 'DATA', 'end'] as const
  return replies.flatMap((reply, index) => {
    const at = stages[index]
    return at ? [{ letter: index < 2 ? -1 : 0, at, reply, hungUp: /^[45]21/.test(reply) }] : []
  })
}

const PASSED = ['220 hi', '250 hi', '250 2.1.0 Ok', '250 2.1.5 Ok', '354 Go on', '250 2.0.0 Ok'] as const

test('no reason excuses a refusal that gets lost, at whatever stage', () => {
  for (const role of ['milter', 'policy'] as const)
    for (const [stage, refusal] of [
      '554',
      '550',
      '550 5.1.8 No',
      '451 4.7.1 No',
      '550 5.7.1 No',
      '554 5.6.0 No',
    ].entries())
      assert.ok(
        differences(dialogue, {
          mta: session(...PASSED.slice(0, stage), refusal),
          other: session(...PASSED),
          role,
        }).some(({ reason }) => reason === undefined),
        `${role}, ${refusal} at stage ${stage}`,
      )
})

test('a refusal that is not ours, another status and another class are differences without a reason', () => {
  const held = session(...PASSED).map((heard): Heard => (heard.at === 'end' ? { ...heard, fate: 'held' } : heard))
  const refused = (reply: string): Heard[] => session(...PASSED.slice(0, 3), reply)
  for (const role of ['milter', 'policy'] as const)
    for (const [mta, other] of [
      [session(...PASSED), refused('451 4.3.5 Server configuration problem')],
      [session(...PASSED), held],
      [refused('550 5.7.1 No'), refused('550 5.7.23 No')],
      [refused('550 5.7.1 No'), refused('450 4.7.1 No')],
      [refused('451 4.7.1 No'), refused('550 5.7.1 No')],
    ] as const)
      assert.ok(differences(dialogue, { mta, other, role }).some(({ reason }) => reason === undefined))
})

test('what policy says at RCPT and with 450 has its reasons, and milter has none for it', () => {
  const mta = session(...PASSED.slice(0, 2), '452 4.3.1 No')
  const other = session(...PASSED.slice(0, 3), '450 4.3.1 No')
  const reasons = differences(dialogue, { mta, other, role: 'policy' }).map(({ reason }) => reason)
  assert.deepEqual(reasons, [REASONS.asked, REASONS.asked])
  const deferral = {
    mta: session(...PASSED.slice(0, 3), '451 4.7.1 No'),
    other: session(...PASSED.slice(0, 3), '450 4.7.1 No'),
  }
  assert.deepEqual(
    (['policy', 'milter'] as const).map((role) => differences(dialogue, { ...deferral, role })[0]?.reason),
    [REASONS.deferral, undefined],
  )
})
