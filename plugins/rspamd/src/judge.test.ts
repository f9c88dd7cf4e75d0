import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgementsOf } from './judge.ts'
import { readReply } from './reply.ts'

type Options = Parameters<typeof judgementsOf>[1]

const PLAIN: Options = { trust: 'action', weight: 1, actions: {}, symbols: {} }

const judged = (reply: object, options: Partial<Options> = {}) =>
  judgementsOf(readReply(JSON.stringify({ score: 0, ...reply })), { ...PLAIN, ...options }, undefined).map((one) =>
    typeof one === 'string'
      ? one
      : one.kind === 'suspect'
        ? one.points
        : one.kind === 'reject' || one.kind === 'defer'
          ? `${one.kind} ${one.status} ${one.text}${one.disconnect ? ' and disconnect' : ''}`
          : one.kind,
  )

const SPAM = 'reject 5.7.1 This message was found to be spam'

test('each action is worth what its name says', () => {
  assert.deepEqual(
    ['no action', 'greylist', 'add header', 'rewrite subject', 'soft reject', 'reject', 'quarantine', 'discard'].map(
      (action) => judged({ action })[0],
    ),
    [
      undefined,
      'greylist',
      undefined,
      undefined,
      'defer 4.7.1 This message cannot be taken now, try again later',
      SPAM,
      'quarantine',
      'discard',
    ],
  )
})

test('a rule may have another thing done than to reject, or have the action only noted', () => {
  assert.deepEqual(judged({ action: 'reject', milter: { reject: 'discard' } }), ['discard'])
  assert.deepEqual(judged({ action: 'reject', milter: { reject: 'quarantine' } }), ['quarantine'])
  assert.deepEqual(judged({ action: 'soft reject', milter: { reject: 'quarantine' } }).length, 1)
  assert.deepEqual(judged({ action: 'reject', milter: { no_action: true } }), [])
})

test('the client is told the words of the rule, with the status that they begin with', () => {
  const said = (action: string, smtp_message: string) => judged({ action, messages: { smtp_message } })[0]
  assert.equal(said('reject', 'Gtube pattern'), 'reject 5.7.1 Gtube pattern')
  assert.equal(said('reject', '550 5.3.1 Go away'), 'reject 5.3.1 Go away')
  assert.equal(said('reject', '5.3.1 Go away'), 'reject 5.3.1 Go away')
  assert.equal(said('soft reject', '451 4.3.0 Later'), 'defer 4.3.0 Later')
  assert.equal(said('soft reject', '5.7.1 Never'), 'defer 4.7.1 Never')
  assert.equal(said('reject', '5.7.1 '), 'reject 5.7.1 5.7.1 ')
})

test('the operator says what an action is worth', () => {
  const actions: Options['actions'] = {
    reject: 'quarantine',
    greylist: 2,
    'soft reject': 'none',
    'my action': 'disconnect',
  }
  assert.deepEqual(
    ['reject', 'greylist', 'soft reject', 'my action'].map((action) => judged({ action }, { actions })[0]),
    ['quarantine', 2, undefined, `${SPAM} and disconnect`],
  )
})

test('an action that nobody knows is a failure, and not a good message', () => {
  assert.throws(() => judged({ action: 'invalid' }), /the action "invalid".*"actions"/)
  assert.throws(() => judged({ action: 'constructor' }), /the action "constructor"/)
})

test('with trust: "score" the score is points, and only a soft reject is obeyed', () => {
  const options = { trust: 'score', weight: 0.5 } as const
  assert.deepEqual(judged({ action: 'reject', score: 15.011 }, options), [7.51])
  assert.deepEqual(judged({ action: 'no action', score: -3 }, options), [-1.5])
  assert.deepEqual(judged({ action: 'soft reject', score: 0 }, options).length, 1)
  assert.deepEqual(judged({ action: 'of a rule', score: 0 }, options), [])
})

test('symbols are worth something besides, by their names or patterns', () => {
  const symbols: Options['symbols'] = { CLAM_VIRUS: 'reject', 'DBL_*': 2, NOT_THERE: 'defer' }
  const found = { CLAM_VIRUS: { score: 0 }, DBL_SPAM: { score: 1 }, DBL_PHISH: { score: 1 } }
  assert.deepEqual(judged({ action: 'no action', symbols: found }, { symbols }), [SPAM, 2, 2])
})

test('the log is told verdict, score, and the five symbols that weigh most', () => {
  const symbols = Object.fromEntries(['A', 'B', 'C', 'D', 'E', 'F', 'G'].map((name, i) => [name, { score: i - 3 }]))
  const [one] = judgementsOf(
    readReply(JSON.stringify({ action: 'quarantine', score: 6.125, required_score: 15, symbols })),
    PLAIN,
    undefined,
  )
  assert.ok(typeof one === 'object' && one.kind === 'quarantine')
  assert.equal(one.reason, 'rspamd: quarantine, 6.13 of 15: A -3, G 3, B -2, F 2, C -1')
})
