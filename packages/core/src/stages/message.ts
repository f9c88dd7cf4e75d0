/** After the final dot: what the plugins think of the message, and who takes responsibility for it. RFC 5321 §4.2.5, §6.1. */
import type { RoutedRecipient } from '@postroad/mail'
import { createMessage, disposeBodies, receivedField, type Stored } from '@postroad/message'
import { defer, type Message, type Recipient, type Refusal, reject } from '@postroad/plugin'
import type { WireReply } from '@postroad/smtp'
import { type Decision, isRefusal, severer } from '../policy/severity.ts'
import { judge } from '../policy/thresholds.ts'
import { Verdicts } from '../policy/verdicts.ts'
import { askWave } from '../run/ask.ts'
import { HookCall } from '../run/call.ts'
import { opinions } from '../run/check.ts'
import { Failure } from '../run/guard.ts'
import type { Transaction } from '../session/transaction.ts'
import type { IncomingContent } from './content.ts'
import { take } from './queue.ts'
import { refuse, refuseRecipient } from './refuse.ts'
import { rewrite } from './rewrite.ts'
import { tagged } from './tag.ts'

const TOO_MANY_HOPS = reject('Too many hops: this message is in a loop', { status: '5.4.6', code: 554 })
const HEADER_TOO_LARGE = reject('The header section is too large', { status: '5.3.4', code: 552 })
const NOT_TAKEN: WireReply = { code: 451, status: '4.3.0', text: 'Local error in processing, try again later' }
const ONE_BY_ONE = defer("The recipients' answers differ: send to one recipient at a time", {
  status: '4.5.3',
  code: 451,
})

/** Everything from the final dot to the reply. */
export async function message(
  transaction: Transaction,
  incoming: IncomingContent,
): Promise<WireReply | readonly WireReply[]> {
  const stored = await incoming.finish().catch((cause: unknown) => {
    incoming.release()
    throw cause
  })
  let reading: Promise<unknown> | undefined
  let arrived: Message | undefined
  try {
    const refusal = incoming.failure?.refusal ?? structural(stored)
    if (refusal) return refuse(transaction, 'message', { plugin: undefined, refusal })
    const received = createMessage(stored, trace(transaction), transaction.scope.spooling)
    arrived = received
    transaction.arrive(received.size)
    const verdicts = await judgeMessage(transaction, received)
    // The client has gone, and handlers were stopped with it: what they have not looked at is not taken, and will come again.
    if (transaction.isOver) return NOT_TAKEN
    const answered = await answer(transaction, received, verdicts)
    reading = answered.reading
    return answered.reply
  } finally {
    const over = (): void => {
      if (arrived) disposeBodies(arrived)
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
function trace({ session, envelope, recipients }: Transaction): Uint8Array {
  const [only] = recipients
  const { peer, scope, helo } = session
  return receivedField({
    helo: helo?.name ?? 'unknown',
    remoteAddress: peer.remote.address,
    by: scope.hostname,
    protocol: {
      base: peer.protocol === 'lmtp' ? 'LMTP' : helo?.extended ? 'ESMTP' : 'SMTP',
      tls: peer.tls !== undefined,
      auth: session.identity !== undefined,
      smtputf8: envelope.parameters.smtputf8 ?? false,
    },
    tls: peer.tls,
    id: envelope.id,
    // Several recipients must not learn of each other, RFC 5321 §7.2.
    for: recipients.length === 1 ? only?.address : undefined,
    date: scope.now(),
  })
}

/** The `message` hook, then the thresholds. */
async function judgeMessage(transaction: Transaction, received: Message): Promise<Verdicts> {
  const verdicts = new Verdicts(transaction.recipients)
  const waves = transaction.scope.table.message
  if (waves) {
    const call = new HookCall('message', transaction, { message: received })
    for (const wave of waves) {
      const asked = askWave(wave, call, opinions)
      const decisions = asked instanceof Promise ? await asked : asked
      if (decisions) verdicts.take(decisions)
      if (transaction.isOver || verdicts.undecided.length === 0) break
    }
  }
  applyThresholds(transaction, verdicts)
  return verdicts
}

function applyThresholds(transaction: Transaction, verdicts: Verdicts): void {
  const { scope, points: shared } = transaction
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
async function answer(transaction: Transaction, received: Message, verdicts: Verdicts): Promise<Answered> {
  const refused = verdicts.withKind('reject', 'defer')
  const { recipients: all, answers, session, envelope } = transaction
  const perRecipient = session.peer.protocol === 'lmtp' || envelope.parameters.prdr === true
  if (refused.length > 0 && !perRecipient) return { reply: oneRefusal(transaction, refused, all.length) }
  if (refused.length === all.length)
    return { reply: answers.map((recipient) => refuseOne(transaction, recipient, verdicts.of(recipient))) }
  const final = await rewrite(transaction, tagged(transaction, received, verdicts))
  if (final instanceof Failure) return { reply: failed(transaction, final) }
  const taken = await take(transaction, final, verdicts)
  if (!perRecipient) return { reply: oneReply(transaction, taken.replies, all), reading: taken.reading }
  const replies = answers.map((recipient) => {
    const decision = verdicts.of(recipient)
    return decision && isRefusal(decision.opinion)
      ? refuseOne(transaction, recipient, decision)
      : (taken.replies.get(recipient) ?? taken.common)
  })
  return { reply: replies, reading: taken.reading }
}

/** One reply for several recipients, RFC 5321 §3.3: nothing is taken when they differ, so nothing is lost and nothing is doubled. */
function oneRefusal(
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

/** What the next hop said may differ too: a 250 would lose those it refused, so the client is to come again one by one. */
function oneReply(
  transaction: Transaction,
  replies: ReadonlyMap<Recipient, WireReply>,
  all: readonly RoutedRecipient[],
): WireReply {
  const distinct = [...new Set(all.map((recipient) => replies.get(recipient) ?? NOT_TAKEN))]
  const refusals = distinct.filter((reply) => reply.code >= 400)
  const [first = NOT_TAKEN] = distinct
  if (refusals.length === 0) return first
  if (refusals.length === distinct.length) return refusals.toSorted((a, b) => b.code - a.code)[0] ?? NOT_TAKEN
  transaction.requireSingleRecipients()
  return refuse(transaction, 'queue', { plugin: 'mixed', refusal: ONE_BY_ONE })
}

function refuseOne(transaction: Transaction, recipient: RoutedRecipient, decision: Decision | undefined): WireReply {
  if (!decision || !isRefusal(decision.opinion)) return NOT_TAKEN
  return refuseRecipient(transaction, 'message', {
    plugin: decision.plugin,
    refusal: decision.opinion,
    recipient: recipient.address,
  })
}

function failed(transaction: Transaction, failure: Failure): WireReply {
  return failure.refusal ? refuse(transaction, 'message', { plugin: undefined, refusal: failure.refusal }) : NOT_TAKEN
}
