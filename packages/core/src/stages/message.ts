/** After the final dot: what the plugins think of the message, and who takes responsibility for it. RFC 5321 §4.2.5, §6.1. */
import type { RoutedRecipient } from '@postroad/mail'
import { createMessage, disposeBodies, receivedField, type Stored } from '@postroad/message'
import type { Message, Recipient } from '@postroad/plugin'
import type { Maybe, WireReply } from '@postroad/smtp'
import { type Decision, isRefusal } from '../policy/severity.ts'
import type { Verdicts } from '../policy/verdicts.ts'
import { after } from '../run/after.ts'
import { Failure } from '../run/guard.ts'
import type { Transaction } from '../session/transaction.ts'
import type { IncomingContent } from './content.ts'
import { type Taken, take } from './queue.ts'
import { refuse, refuseRecipient } from './refuse.ts'
import { rewrite } from './rewrite.ts'
import { tagged } from './tag.ts'
import { failed, judgeMessage, NOT_TAKEN, ONE_BY_ONE, oneRefusal, structural } from './verdict.ts'

/** Everything from the final dot to the reply. */
export async function message(
  transaction: Transaction,
  incoming: IncomingContent,
  hasOnlyCrlf: boolean,
): Promise<WireReply | readonly WireReply[]> {
  let stored: Stored
  try {
    const finished = incoming.finish(hasOnlyCrlf)
    stored = finished instanceof Promise ? await finished : finished
  } catch (cause) {
    incoming.release()
    throw cause
  }
  let reading: Promise<unknown> | undefined
  let arrived: Message | undefined
  try {
    const refusal = incoming.failure?.refusal ?? structural(stored)
    if (refusal) return refuse(transaction, 'message', { plugin: undefined, refusal })
    const received = createMessage(stored, trace(transaction), transaction.scope.spooling)
    arrived = received
    transaction.arrive(received)
    const judged = judgeMessage(transaction, received)
    const verdicts = judged instanceof Promise ? await judged : judged
    // The client has gone, and handlers were stopped with it: what they have not looked at is not taken, and will come again.
    if (transaction.isOver) return NOT_TAKEN
    const answering = answer(transaction, received, verdicts)
    const answered = answering instanceof Promise ? await answering : answering
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

interface Answered {
  readonly reply: WireReply | readonly WireReply[]
  readonly reading?: Promise<unknown> | undefined
}

/** Refuses, or takes, whom the verdicts say. */
function answer(transaction: Transaction, received: Message, verdicts: Verdicts): Maybe<Answered> {
  const refused = verdicts.withKind('reject', 'defer')
  const { recipients: all, answers } = transaction
  if (refused.length > 0 && !isPerRecipient(transaction)) return { reply: oneRefusal(transaction, refused, all.length) }
  if (refused.length === all.length)
    return { reply: answers.map((recipient) => refuseOne(transaction, recipient, verdicts.of(recipient))) }
  return after(rewrite(transaction, tagged(transaction, received, verdicts)), onwards, transaction, verdicts)
}

function isPerRecipient({ session, envelope }: Transaction): boolean {
  return session.peer.protocol === 'lmtp' || envelope.parameters.prdr === true
}

function onwards(final: Message | Failure, transaction: Transaction, verdicts: Verdicts): Maybe<Answered> {
  if (final instanceof Failure) return { reply: failed(transaction, final) }
  return after(take(transaction, final, verdicts), answered, transaction, verdicts)
}

function answered(taken: Taken, transaction: Transaction, verdicts: Verdicts): Answered {
  const { recipients: all, answers } = transaction
  if (!isPerRecipient(transaction)) return { reply: oneReply(transaction, taken.replies, all), reading: taken.reading }
  const replies = answers.map((recipient) => {
    const decision = verdicts.of(recipient)
    return decision && isRefusal(decision.opinion)
      ? refuseOne(transaction, recipient, decision)
      : (taken.replies.get(recipient) ?? taken.common)
  })
  return { reply: replies, reading: taken.reading }
}

/** What the next hop said may differ too: a 250 would lose those it refused, so the client is to come again one by one. */
function oneReply(
  transaction: Transaction,
  replies: ReadonlyMap<Recipient, WireReply>,
  all: readonly RoutedRecipient[],
): WireReply {
  const [only] = all
  if (only && all.length === 1) return replies.get(only) ?? NOT_TAKEN
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
