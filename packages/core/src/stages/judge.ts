/** Judging for another server: the same opinions, and nothing is taken, routed or traced. What they come to is a value. */
import { createMessage, disposeBodies, editsOf, type Stored } from '@postroad/message'
import type { Address, Message } from '@postroad/plugin'
import type { EnvelopeDifference, Judgement, WireReply } from '@postroad/smtp'
import { Verdicts } from '../policy/verdicts.ts'
import { HookCall, outliving } from '../run/call.ts'
import { Failure } from '../run/guard.ts'
import { tell } from '../run/tell.ts'
import type { Transaction } from '../session/transaction.ts'
import type { IncomingContent } from './content.ts'
import { refuse } from './refuse.ts'
import { carried, rewrite } from './rewrite.ts'
import { flagged, tagged } from './tag.ts'
import { applyThresholds, failed, judgeMessage, NOT_TAKEN, ONE_BY_ONE, oneRefusal, structural } from './verdict.ts'

/** A judgement before somebody sees to its memory. */
export type Decided = Omit<Judgement, 'dispose'>

/** The judgement of a message, or without content of the envelope alone; the memory it stands in is freed by `dispose`. */
export async function judge(transaction: Transaction, incoming: IncomingContent | undefined): Promise<Judgement> {
  let stored: Stored | undefined
  let arrived: Message | undefined
  let isFreed = false
  const free = (): void => {
    if (isFreed) return
    isFreed = true
    if (arrived) disposeBodies(arrived)
    stored?.dispose()
    incoming?.release()
  }
  try {
    stored = await incoming?.finish()
    const refusal = incoming?.failure?.refusal ?? (stored && structural(stored))
    // The trace field is the business of the server in charge.
    arrived = stored && !refusal ? createMessage(stored, undefined, transaction.scope.spooling) : undefined
    if (arrived) transaction.arrive(arrived)
    const decided = refusal
      ? refusing(refuse(transaction, 'message', { plugin: undefined, refusal }))
      : await decide(transaction, arrived)
    const reading = announce(transaction, arrived, decided)
    const dispose = (): void => {
      if (reading) void reading.finally(free)
      else free()
    }
    // Only of another body something is read later on.
    if (decided.edits?.body === undefined) dispose()
    return { ...decided, dispose }
  } catch (error) {
    free()
    throw error
  }
}

async function decide(transaction: Transaction, arrived: Message | undefined): Promise<Decided> {
  const verdicts = arrived ? await judgeMessage(transaction, arrived) : byPoints(transaction)
  // The other end has gone, and handlers were stopped with it: nobody has looked at this to the end.
  if (transaction.isOver) return refusing(NOT_TAKEN)
  const { recipients: all, scope } = transaction
  const refused = verdicts.withKind('reject', 'defer')
  if (refused.length > 0) return refusing(oneRefusal(transaction, refused, all.length))
  const discarded = verdicts.withKind('discard')
  if (discarded.length > 0 && discarded.length === all.length)
    return { outcome: 'discard', reason: reasonOf(verdicts, 'discard') }
  const held = verdicts.withKind('quarantine')
  if (held.length > 0 && held.length + discarded.length < all.length && scope.mixed === 'defer-rest') {
    transaction.requireSingleRecipients()
    return refusing(refuse(transaction, 'message', { plugin: 'mixed', refusal: ONE_BY_ONE }))
  }
  const final = arrived && (await rewrite(transaction, tagged(transaction, arrived, verdicts)))
  if (final instanceof Failure) return refusing(failed(transaction, final))
  if (transaction.isOver) return refusing(NOT_TAKEN)
  const rest = all.filter((recipient) => verdicts.of(recipient)?.opinion.kind !== 'discard')
  if (transaction.edits && carried(transaction, rest).length === 0)
    return { outcome: 'discard', reason: 'no recipient was left' }
  return {
    ...(held.length > 0 ? { outcome: 'quarantine', reason: reasonOf(verdicts, 'quarantine') } : { outcome: 'pass' }),
    ...(arrived ? edited(arrived, final) : flagged(transaction, verdicts)),
    ...differing(
      transaction,
      discarded.map(([{ address }]) => address),
    ),
  }
}

/** What points alone decide, where there is no message. */
function byPoints(transaction: Transaction): Verdicts {
  const verdicts = new Verdicts(transaction.recipients)
  applyThresholds(transaction, verdicts)
  return verdicts
}

function refusing(reply: WireReply): Decided {
  return { outcome: 'refuse', reply }
}

/** The reasons, each once, in the order of the recipients. */
function reasonOf(verdicts: Verdicts, kind: 'quarantine' | 'discard'): string {
  const reasons = verdicts.withKind(kind).map(([, { opinion }]) => ('reason' in opinion ? (opinion.reason ?? '') : ''))
  return [...new Set(reasons)].filter(Boolean).join('; ')
}

function edited(arrived: Message, final: Message | undefined): Pick<Decided, 'edits'> {
  const edits = final && editsOf(arrived, final)
  return edits && (edits.headers.length > 0 || edits.body) ? { edits } : {}
}

function differing(transaction: Transaction, discarded: readonly Address[]): Pick<Decided, 'envelope'> {
  const { edits, from: before } = transaction
  const from = edits?.from === undefined || String(edits.from ?? '') === String(before ?? '') ? undefined : edits.from
  const removed = [...(edits?.removed ?? [])].map(({ address }) => address)
  const envelope: EnvelopeDifference = {
    from,
    add: (edits?.added ?? []).map(({ address, parameters }) => ({ address, parameters })),
    remove: [...new Map([...discarded, ...removed].map((address) => [String(address), address])).values()],
  }
  return from !== undefined || envelope.add.length > 0 || envelope.remove.length > 0 ? { envelope } : {}
}

function announce(
  transaction: Transaction,
  message: Message | undefined,
  { outcome }: Decided,
): Promise<unknown> | undefined {
  const { scope, session } = transaction
  const waves = scope.table.judged
  const args = { message, outcome, queueId: session.peer.queueId }
  return waves && tell(waves, new HookCall('judged', outliving(transaction), args))
}
