import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Agreement, agree, checkAgreement, hasStep, type MilterOffer } from './negotiation.ts'
import { ACTION, actionsOf, COMMAND, frameSizeOf, hasCommand, STEP, stepsOf } from './word.ts'

const POSTFIX: MilterOffer = { version: 6, actions: 0x1ff, steps: 0x1f_ffff }
const EVERYTHING = { actions: 0x1ff, steps: 0x1f_ffff }

test('a filter answers the lower version, and of what it wants only what was offered', () => {
  assert.deepEqual(agree(POSTFIX, { actions: 0x31, steps: STEP.leadingSpace | STEP.quietHeader }), {
    version: 6,
    actions: 0x31,
    steps: 0x10_0080,
  })
  assert.deepEqual(agree({ version: 7, actions: 1, steps: 0 }, EVERYTHING), { version: 6, actions: 1, steps: 0 })
  assert.deepEqual(agree({ version: 2, actions: 0x3f, steps: 0x7f }, EVERYTHING), {
    version: 2,
    actions: 0x3f,
    steps: 0x7f,
  })
})

test('a version below 2 is spoken by nobody', () => {
  assert.throws(() => agree({ version: 1, actions: 0, steps: 0 }, EVERYTHING), /version 1 is not spoken/)
})

test('macros are asked for only where the server lets a filter choose them', () => {
  const macros = { mail: ['auth_authen'] }
  const wanted = { actions: ACTION.chooseMacros, steps: 0, macros }
  assert.deepEqual(agree(POSTFIX, wanted).macros, macros)
  assert.equal(agree({ ...POSTFIX, actions: 0xff }, wanted).macros, undefined)
  assert.equal(agree({ ...POSTFIX, version: 4 }, wanted).macros, undefined)
})

/** What a server makes of an answer: what counts, or why it hangs up. */
const ANSWERS: readonly (readonly [string, MilterOffer, Agreement, Agreement | RegExp])[] = [
  ['all that was offered', POSTFIX, { ...POSTFIX }, { ...POSTFIX }],
  ['a newer version', POSTFIX, { ...POSTFIX, version: 7 }, /speaks version 7/],
  ['no version', POSTFIX, { ...POSTFIX, version: 0 }, /speaks version 0/],
  ['actions that were not offered', { ...POSTFIX, actions: 0x3f }, { ...POSTFIX, actions: 0x7f }, /not offered: 0x40/],
  [
    'steps that were not offered',
    { ...POSTFIX, steps: 0x7f },
    { ...POSTFIX, steps: 0x10_00ff },
    { ...POSTFIX, steps: 0x7f },
  ],
  [
    'steps that its version lacks',
    POSTFIX,
    { version: 2, actions: 0, steps: 0x1f_ffff },
    { version: 2, actions: 0, steps: 0x7f },
  ],
  ['actions that its version lacks', POSTFIX, { version: 4, actions: 0x40, steps: 0 }, /not offered: 0x40/],
  [
    'an older version that leaves DATA out',
    POSTFIX,
    { version: 4, actions: 1, steps: 0x300 },
    { version: 4, actions: 1, steps: 0x300 },
  ],
]

for (const [name, offer, answer, outcome] of ANSWERS)
  test(`a server that hears ${name}: ${outcome instanceof RegExp ? 'hangs up' : 'goes on'}`, () => {
    if (outcome instanceof RegExp)
      assert.throws(() => checkAgreement(offer, answer), { name: 'MilterError', message: outcome })
    else assert.deepEqual(checkAgreement(offer, answer), outcome)
  })

test('what exists in a version', () => {
  assert.deepEqual([2, 3, 4, 5, 6].map(stepsOf), [0x7f, 0x17f, 0x37f, 0x37f, 0x301f_ffff])
  assert.deepEqual([2, 4, 6].map(actionsOf), [0x3f, 0x3f, 0x1ff])
  const since = (command: number) => [2, 3, 4, 5, 6].find((version) => hasCommand(version, command))
  assert.deepEqual([COMMAND.mail, COMMAND.unknown, COMMAND.data, COMMAND.quitSession].map(since), [2, 3, 4, 6])
})

test('frames have 64 KiB, or what was agreed', () => {
  assert.deepEqual([0, STEP.frames256K, STEP.frames1M].map(frameSizeOf), [65_535, 262_143, 1_048_575])
  assert.equal(hasStep(STEP.frames1M, 'frames1M'), true)
  assert.equal(hasStep(STEP.frames1M, 'frames256K'), false)
})
