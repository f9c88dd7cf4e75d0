/** What a case of a table expects, and the check of it. */
import assert from 'node:assert/strict'
import type { Route } from '@postroad/plugin'
import type { WireReply } from '@postroad/smtp'
import {
  assertEdits,
  assertEnvelope,
  assertOutcome,
  isJudging,
  type JudgedEnvelope,
  type JudgedMessage,
  mustBeJudged,
  notTaken,
} from './judged.ts'
import { shownReply } from './reply.ts'
import type { Said, SessionStage } from './session-script.ts'
import type { Delivered, TestServer } from './test-server.ts'
import type { HandlerAnswer, Watch } from './watch.ts'

/** What is expected; everything that is named must hold. */
export interface Expectation {
  /** Every command of the session was answered 2yz (354 at DATA). */
  readonly accepted?: true
  /** The session ended with a refusal; a string is its enhanced status, RFC 3463. */
  readonly refused?: true | string
  /** Where it was refused. Default: at the last thing the case sends. */
  readonly at?: SessionStage
  /** Code of the last reply. */
  readonly code?: number
  /** Text of the last reply. */
  readonly text?: RegExp
  /** Codes of the replies after the final dot, one a recipient (LMTP). */
  readonly codes?: readonly number[]
  /** Sum of the plugin's `suspect`. */
  readonly points?: number
  /** Facts by name; `undefined`: not set. */
  readonly facts?: Readonly<Record<string, unknown>>
  /** Route of the last accepted recipient. */
  readonly route?: Partial<Route>
  /** What the server that takes the mail was told of the message: `protocol: 'milter'`, `'policy'`. */
  readonly outcome?: JudgedMessage['outcome']
  /**
   * Exactly these edits of the message, header first: `Name: value` is new, `~Name: value` was changed, `-Name` is gone, `another body` comes
   * last. A text is the whole edit; a pattern is found in it. `[]`: it is as it came.
   */
  readonly edits?: readonly (string | RegExp)[]
  /** Exactly these edits of the envelope; `{}`: it is as the client said. */
  readonly envelope?: JudgedEnvelope
  /** The message was set aside, and why. */
  readonly quarantined?: RegExp
  /** The message arrived (and looks like this), or did not. */
  readonly delivered?: boolean | ((delivered: Delivered) => void)
  /** Fields of the message that arrived, by name; `undefined`: not there. */
  readonly headers?: Readonly<Record<string, string | RegExp | undefined>>
  /** The plugin's own failure, which is meant to happen. */
  readonly failure?: RegExp
  /** The configuration is refused with this: no session takes place. */
  readonly mistake?: RegExp
  /** Anything else. */
  readonly check?: (outcome: CaseOutcome) => void | Promise<void>
}

/** What came of a case. */
export interface CaseOutcome {
  readonly said: readonly Said[]
  readonly reply: WireReply | undefined
  /** What was said of its message where another server takes it. */
  readonly judged: JudgedMessage | undefined
  /** What the plugin under test answered, in order. */
  readonly answers: readonly HandlerAnswer[]
  readonly watch: Watch
  readonly server: TestServer
  /** What plugins failed with, from the log. */
  readonly failures: readonly string[]
}

type ExpectationCheck<K extends keyof Expectation> = (
  wanted: NonNullable<Expectation[K]>,
  outcome: CaseOutcome,
) => void | Promise<void>

const CHECKS: {
  readonly [K in Exclude<keyof Expectation, 'at' | 'refused' | 'mistake' | 'failure'>]-?: ExpectationCheck<K>
} = {
  accepted: (_, outcome) => {
    const refusal = outcome.said.find(({ reply }) => reply.code >= 400)
    assert.ok(!refusal, `expected acceptance, got ${refusal && shown(refusal, outcome)}`)
  },
  code: (code, outcome) => assert.equal(outcome.reply?.code, code, last(outcome)),
  text: (text, outcome) => assert.match(last(outcome), text),
  codes: (codes, { said }) => {
    const replies = said.filter(({ at }) => at === 'message').map(({ reply }) => reply.code)
    assert.deepEqual(replies, codes)
  },
  points: (points, outcome) => assert.equal(pointsOf(outcome), points, 'the sum of suspect()'),
  facts: (facts, { watch }) => {
    for (const [name, value] of Object.entries(facts))
      assert.deepEqual(watch.facts.get(name), value, `the fact "${name}"`)
  },
  route: (route, outcome) => {
    mustTake(outcome)
    const found = outcome.server.routes.at(-1)
    assert.ok(found, `no recipient was accepted: ${last(outcome)}`)
    for (const [key, value] of Object.entries(route))
      assert.deepEqual(found[key as keyof Route], value, `the route’s ${key}`) // its own keys
  },
  outcome: (wanted, outcome) => assertOutcome(judged(outcome), wanted),
  edits: (edits, outcome) => assertEdits(judged(outcome), edits),
  envelope: (envelope, outcome) => assertEnvelope(judged(outcome), envelope),
  quarantined: (reason, outcome) => {
    if (isJudging(outcome.server.protocol)) return assertOutcome(judged(outcome), 'quarantine', reason)
    const { quarantined } = outcome.server.delivered.at(-1) ?? {}
    assert.ok(quarantined !== undefined, `nothing was quarantined: ${last(outcome)}`)
    assert.match(quarantined, reason)
  },
  delivered: (wanted, outcome) => {
    mustTake(outcome)
    const delivered = outcome.server.delivered.findLast((one) => one.quarantined === undefined)
    if (wanted === false) assert.equal(delivered, undefined, 'a message was delivered')
    else assert.ok(delivered, `nothing was delivered: ${last(outcome)}`)
    if (typeof wanted === 'function' && delivered) wanted(delivered)
  },
  headers: (headers, outcome) => {
    mustTake(outcome)
    const { message } = outcome.server.delivered.at(-1) ?? {}
    assert.ok(message, `no message arrived: ${last(outcome)}`)
    for (const [name, wanted] of Object.entries(headers)) {
      const value = message.headers.get(name)
      if (wanted instanceof RegExp) assert.match(value ?? '', wanted, `the field ${name}`)
      else assert.equal(value, wanted, `the field ${name}`)
    }
  },
  check: (check, outcome) => check(outcome),
}

/** The keys of an {@link Expectation}. */
export const EXPECTATION_KEYS: readonly string[] = [...Object.keys(CHECKS), 'at', 'refused', 'mistake', 'failure']

/** Throws an AssertionError where the outcome is not what was expected. `end`: the last thing the case sends. */
export async function checkExpectation(expected: Expectation, outcome: CaseOutcome, end: SessionStage): Promise<void> {
  checkFailures(expected.failure, outcome)
  if (expected.refused !== undefined) checkRefusal(expected, outcome, end)
  for (const [key, check] of Object.entries(CHECKS)) {
    const wanted = expected[key as keyof typeof CHECKS] // a key of that table
    if (wanted !== undefined) await (check as ExpectationCheck<never>)(wanted as never, outcome) // each check gets the value of its own key
  }
}

function checkRefusal({ refused, at = undefined }: Expectation, outcome: CaseOutcome, end: SessionStage): void {
  const refusal = outcome.said.findLast(({ reply }) => reply.code >= 400)
  assert.ok(refusal, `expected a refusal, got ${last(outcome)}`)
  const place = at ?? end
  // A message is refused at DATA or after it: to the client it is the same.
  const isThere = refusal.at === place || (at === undefined && place === 'message' && refusal.at === 'data')
  assert.ok(isThere, `refused at ${refusal.at}, not at ${place}: ${shown(refusal, outcome)}`)
  if (typeof refused === 'string') assert.equal(refusal.reply.status, refused, shown(refusal, outcome))
}

function checkFailures(wanted: RegExp | undefined, { failures }: CaseOutcome): void {
  if (wanted) assert.match(failures.join('\n'), wanted, 'the plugin’s own failure')
  else assert.deepEqual(failures, [], 'a plugin failed; when that is the point of the case, expect { failure: /…/ }')
}

function pointsOf({ answers }: CaseOutcome): number {
  const opinions = answers.flatMap(({ value }) => (Array.isArray(value) ? value : [value])) as readonly {
    kind?: unknown
    points?: number
  }[] // whatever they are, a kind is looked for
  const sum = opinions.reduce((total, opinion) => total + (opinion?.kind === 'suspect' ? (opinion.points ?? 0) : 0), 0)
  return Math.round(sum * 1_000) / 1_000
}

function judged(outcome: CaseOutcome): JudgedMessage {
  return mustBeJudged(outcome.judged, { protocol: outcome.server.protocol, last: `the last reply is ${last(outcome)}` })
}

/** Who looks for mail where none arrives is told so. */
function mustTake({ server }: CaseOutcome): void {
  const wrong = notTaken(server.protocol)
  if (wrong) assert.fail(wrong)
}

function last(outcome: CaseOutcome): string {
  const said = outcome.said.at(-1)
  return said ? shown(said, outcome) : 'no reply at all'
}

function shown({ at, reply }: Said, { failures }: CaseOutcome): string {
  const text = `${shownReply(reply)} (at ${at})`
  return failures.length > 0 ? `${text}\n${failures.join('\n')}` : text
}
