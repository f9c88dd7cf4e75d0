/** What the plugins think of a message, recipient by recipient, and the one refusal that it comes to where there can be only one. */
import type { RoutedRecipient } from '@postroad/mail'
import type { Stored } from '@postroad/message'
import { defer, type Message, type Refusal, reject } from '@postroad/plugin'
import type { Maybe, WireReply } from '@postroad/smtp'
import type { Wave } from '../plan/hook-table.ts'
import { type Decision, isRefusal, severer } from '../policy/severity.ts'
import { judge } from '../policy/thresholds.ts'
import { Verdicts } from '../policy/verdicts.ts'
import { askWave } from '../run/ask.ts'
import { HookCall } from '../run/call.ts'
import { opinions } from '../run/check.ts'
import type { Failure } from '../run/guard.ts'
import type { Transaction } from '../session/transaction.ts'
import { refuse } from './refuse.ts'

const TOO_MANY_HOPS = reject('Too many hops: this message is in a loop', { status: '5.4.6', code: 554 })
const HEADER_TOO_LARGE = reject('The header section is too large', { status: '5.3.4', code: 552 })
/** Nobody has looked at it to the end, or nobody has said what to do with it. */
export const NOT_TAKEN: WireReply = { code: 451, status: '4.3.0', text: 'Local error in processing, try again later' }
/** Where there is one reply for several, and they differ. */
export const ONE_BY_ONE = defer("The recipients' answers differ: send to one recipient at a time", {
  status: '4.5.3',
  code: 451,
})

/** What the message itself is refused for, whatever it says. */
export function structural(stored: Stored): Refusal | undefined {
  if (stored.excess.received) return TOO_MANY_HOPS // RFC 5321 §6.3
  if (stored.excess.headerSize || stored.excess.fields) return HEADER_TOO_LARGE
  return undefined
}

/** The `message` hook, then the thresholds. */
export function judgeMessage(transaction: Transaction, received: Message): Maybe<Verdicts> {
  const verdicts = new Verdicts(transaction.recipients)
  const waves = transaction.scope.table.message
  if (waves) return askAll(transaction, received, { waves, verdicts })
  applyThresholds(transaction, verdicts)
  return verdicts
}

async function askAll(
  transaction: Transaction,
  received: Message,
  { waves, verdicts }: { readonly waves: readonly Wave<'message'>[]; readonly verdicts: Verdicts },
): Promise<Verdicts> {
  const call = new HookCall('message', transaction, { message: received })
  for (const wave of waves) {
    const asked = askWave(wave, call, opinions)
    const decisions = asked instanceof Promise ? await asked : asked
    if (decisions) verdicts.take(decisions)
    if (transaction.isOver || verdicts.undecided.length === 0) break
  }
  applyThresholds(transaction, verdicts)
  return verdicts
}

/** Decides by points about those of whom nobody has said anything. */
export function applyThresholds(transaction: Transaction, verdicts: Verdicts): void {
  const { scope, points: shared } = transaction
  for (const recipient of verdicts.undecided) {
    const points = shared + transaction.pointsOf(recipient)
    const met = judge(points, scope.thresholds, recipient.address.domain)
    if (!met) continue
    transaction.meet(met, points, recipient.address)
    verdicts.decide(recipient, { opinion: met.opinion, plugin: 'thresholds' })
  }
}

/** One reply for several recipients, RFC 5321 §3.3: nothing is taken when they differ, so nothing is lost and nothing is doubled. */
export function oneRefusal(
  transaction: Transaction,
  refused: readonly (readonly [RoutedRecipient, Decision])[],
  total: number,
): WireReply {
  let worst: Decision | undefined
  for (const [, decision] of refused) worst = severer(worst, decision)
  const mixed = refused.length < total
  if (mixed && transaction.scope.mixed === 'defer-rest') {
    transaction.requireSingleRecipients()
    return refuse(transaction, 'message', { plugin: 'mixed', refusal: ONE_BY_ONE })
  }
  if (!worst || !isRefusal(worst.opinion)) return NOT_TAKEN
  return refuse(transaction, 'message', { plugin: worst.plugin, refusal: worst.opinion })
}

/** The reply where `rewrite` has failed. */
export function failed(transaction: Transaction, failure: Failure): WireReply {
  return failure.refusal ? refuse(transaction, 'message', { plugin: undefined, refusal: failure.refusal }) : NOT_TAKEN
}
