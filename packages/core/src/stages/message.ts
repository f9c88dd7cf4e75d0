/** After the final dot: what the plugins think of the message, and who takes responsibility for it. RFC 5321 §4.2.5, §6.1. */
import { createMessage, receivedField, type Stored } from '@postroad/message'
import { defer, type Message, type Recipient, type Refusal, type RoutedRecipient, reject } from '@postroad/plugin'
import type { WireReply } from '@postroad/smtp'
import { type Decision, isRefusal, severer } from '../policy/severity.ts'
import { judge } from '../policy/thresholds.ts'
import { Verdicts } from '../policy/verdicts.ts'
import { askWave } from '../run/ask.ts'
import { HookCall } from '../run/call.ts'
import { opinions } from '../run/check.ts'
import { Failure } from '../run/guard.ts'
import type { SessionState } from '../session/session.ts'
import type { Transaction } from '../session/transaction.ts'
import type { IncomingContent } from './content.ts'
import { rewrite, take } from './queue.ts'
import { refuse } from './refuse.ts'
import { tagged } from './tag.ts'

const TOO_MANY_HOPS = reject('Too many hops: this message is in a loop', { status: '5.4.6', code: 554 })
const HEADER_TOO_LARGE = reject('The header section is too large', { status: '5.3.4', code: 552 })
const NO_TRANSACTION: WireReply = { code: 451, status: '4.3.0', text: 'Local error in processing, try again later' }
const ONE_BY_ONE = defer('The recipients’ answers differ: send to one recipient at a time', { status: '4.5.3', code: 451 })

/** Everything from the final dot to the reply. */
export async function message(session: SessionState, incoming: IncomingContent): Promise<WireReply | readonly WireReply[]> {
  const { transaction } = session
  if (!transaction) {
    incoming.abort()
    return NO_TRANSACTION
  }
  const stored = await incoming.finish().catch((cause: unknown) => {
    incoming.release()
    throw cause
  })
  let reading: Promise<unknown> | undefined
  try {
    const refusal = incoming.failure?.refusal ?? structural(stored)
    if (refusal) return refuse(session, 'message', { plugin: undefined, refusal })
    const received = createMessage(stored, trace(session, transaction))
    transaction.size = received.size
    const verdicts = await judgeMessage(session, received)
    if (verdicts instanceof Failure) return failed(session, verdicts)
    const answered = await answer(session, received, verdicts)
    reading = answered.reading
    return answered.reply
  } finally {
    const over = (): void => {
      stored.dispose()
      incoming.release()
    }
    if (reading) void reading.finally(over)
    else over()
  }
}

function structural(stored: Stored): Refusal | undefined {
  if (stored.excess.received) return TOO_MANY_HOPS // RFC 5321 §6.3
  if (stored.excess.headerSize || stored.excess.fields) return HEADER_TOO_LARGE
  return undefined
}

/** RFC 5321 §4.4. */
function trace(session: SessionState, transaction: Transaction): Uint8Array {
  const [only] = transaction.recipients
  const { wire, scope, helo } = session
  return receivedField({
    helo: helo?.name ?? 'unknown',
    remoteAddress: wire.remote.address,
    by: scope.hostname,
    protocol: {
      base: wire.protocol === 'lmtp' ? 'LMTP' : helo?.extended ? 'ESMTP' : 'SMTP',
      tls: wire.tls !== undefined,
      auth: session.identity !== undefined,
      smtputf8: transaction.envelope.parameters.smtputf8 ?? false,
    },
    tls: wire.tls,
    id: transaction.envelope.id,
    // Several recipients must not learn of each other, RFC 5321 §7.2.
    for: transaction.recipients.length === 1 ? only?.address : undefined,
    date: scope.now(),
  })
}

/** The `message` hook, then the thresholds. */
async function judgeMessage(session: SessionState, received: Message): Promise<Verdicts | Failure> {
  const { scope, transaction } = session
  const verdicts = new Verdicts(transaction?.recipients ?? [])
  const waves = scope.table.message
  if (waves) {
    const call = new HookCall('message', session, { message: received })
    for (const wave of waves) {
      const asked = askWave(wave, call, opinions)
      const decisions = asked instanceof Promise ? await asked : asked
      if (decisions) verdicts.take(decisions)
      if (verdicts.undecided.length === 0) break
    }
  }
  applyThresholds(session, verdicts)
  return verdicts
}

function applyThresholds(session: SessionState, verdicts: Verdicts): void {
  const { scope, transaction } = session
  if (!transaction) return
  const shared = session.points + transaction.decisions.points
  for (const recipient of verdicts.undecided) {
    const points = shared + transaction.pointsOf(recipient)
    const met = judge(points, scope.thresholds, recipient.address.domain)
    if (!met) continue
    transaction.meet(met, points, recipient.address)
    verdicts.decide(recipient, { opinion: met.opinion, plugin: 'thresholds' })
  }
}

interface Answered {
  readonly reply: WireReply | readonly WireReply[]
  readonly reading?: Promise<unknown> | undefined
}

/** Refuses, or takes, whom the verdicts say. */
async function answer(session: SessionState, received: Message, verdicts: Verdicts): Promise<Answered> {
  const refused = verdicts.withKind('reject', 'defer')
  const all = session.transaction?.recipients ?? []
  const perRecipient = session.wire.protocol === 'lmtp' || session.transaction?.envelope.parameters.prdr === true
  if (refused.length > 0 && !perRecipient) return { reply: oneRefusal(session, refused, all.length) }
  const answers = session.transaction?.answers ?? all
  if (refused.length === all.length) return { reply: answers.map((recipient) => refuseOne(session, recipient, verdicts.of(recipient))) }
  const final = await rewrite(session, tagged(session, received, verdicts))
  if (final instanceof Failure) return { reply: failed(session, final) }
  const taken = await take(session, final, verdicts)
  if (!perRecipient) return { reply: oneReply(session, taken.replies, all), reading: taken.reading }
  const replies = answers.map((recipient) => {
    const decision = verdicts.of(recipient)
    return decision && isRefusal(decision.opinion)
      ? refuseOne(session, recipient, decision)
      : (taken.replies.get(recipient) ?? taken.common)
  })
  return { reply: replies, reading: taken.reading }
}

/** One reply for several recipients, RFC 5321 §3.3: nothing is taken when they differ, so nothing is lost and nothing is doubled. */
function oneRefusal(session: SessionState, refused: readonly (readonly [RoutedRecipient, Decision])[], total: number): WireReply {
  let worst: Decision | undefined
  for (const [, decision] of refused) worst = severer(worst, decision)
  const mixed = refused.length < total
  if (mixed && session.scope.mixed === 'defer-rest') {
    session.requireSingleRecipients()
    return refuse(session, 'message', { plugin: 'mixed', refusal: ONE_BY_ONE })
  }
  if (!worst || !isRefusal(worst.opinion)) return NO_TRANSACTION
  return refuse(session, 'message', { plugin: worst.plugin, refusal: worst.opinion })
}

/** What the next hop said may differ too: a 250 would lose those it refused, so the client is to come again one by one. */
function oneReply(session: SessionState, replies: ReadonlyMap<Recipient, WireReply>, all: readonly RoutedRecipient[]): WireReply {
  const distinct = [...new Set(all.map((recipient) => replies.get(recipient) ?? NO_TRANSACTION))]
  const refusals = distinct.filter((reply) => reply.code >= 400)
  const [first = NO_TRANSACTION] = distinct
  if (refusals.length === 0) return first
  if (refusals.length === distinct.length) return refusals.toSorted((a, b) => b.code - a.code)[0] ?? NO_TRANSACTION
  session.requireSingleRecipients()
  return refuse(session, 'queue', { plugin: 'mixed', refusal: ONE_BY_ONE })
}

function refuseOne(session: SessionState, recipient: RoutedRecipient, decision: Decision | undefined): WireReply {
  if (!decision || !isRefusal(decision.opinion)) return NO_TRANSACTION
  return refuse(session, 'message', { plugin: decision.plugin, refusal: decision.opinion, recipient: recipient.address })
}

function failed(session: SessionState, failure: Failure): WireReply {
  return failure.refusal ? refuse(session, 'message', { plugin: undefined, refusal: failure.refusal }) : NO_TRANSACTION
}
