/** Taking responsibility: `quarantine`, `queue`. Only a receipt lets the core say 250, RFC 5321 §4.2.5. */
import type { Delivery, RoutedRecipient } from '@postroad/mail'
import { defer, type Message, type Receipt, type Recipient, type Refusal, type Route, waysOf } from '@postroad/plugin'
import type { Maybe, WireReply } from '@postroad/smtp'
import type { Turns } from '../plan/hook-table.ts'
import type { Verdicts } from '../policy/verdicts.ts'
import { after } from '../run/after.ts'
import { type HookArguments, HookCall, outliving } from '../run/call.ts'
import { receipt as asReceipt } from '../run/check.ts'
import { type FirstAnswer, first } from '../run/first.ts'
import { Failure } from '../run/guard.ts'
import { tell } from '../run/tell.ts'
import type { Transaction } from '../session/transaction.ts'
import { refuse, toReply } from './refuse.ts'
import { carried } from './rewrite.ts'
import { DISCARD } from './takers.ts'

const NOT_STORED = defer('Message could not be stored, try again later', { status: '4.3.0', code: 451 })

const NOT_STORED_REPLY = toReply(NOT_STORED)

/** What became of the message. */
export interface Taken {
  /** By recipient; those that are not in it were not taken. */
  readonly replies: ReadonlyMap<Recipient, WireReply>
  readonly common: WireReply
  /** Somebody still reads the message. */
  readonly reading: Promise<unknown> | undefined
}

/** Quarantines, drops and queues; the most cautious first, so that a failure after it loses nothing. */
export function take(transaction: Transaction, message: Message, verdicts: Verdicts): Maybe<Taken> {
  const { recipients, edits, isOver } = transaction
  const [only] = recipients
  const isOne = recipients.length === 1 && only && !only.route.also && only.route.via !== DISCARD
  return isOne && verdicts.none && !edits && !isOver
    ? takeOne(transaction, message)
    : takeAny(transaction, message, verdicts)
}

/** One recipient, about whom nobody has said anything: the rule. */
function takeOne(transaction: Transaction, message: Message): Maybe<Taken> {
  const args = { message, deliveries: group(transaction.recipients) }
  return after(ask(transaction, 'queue', args), tookOne, transaction, args)
}

function tookOne(taker: Taker, transaction: Transaction, args: HookArguments['queue']): Taken {
  const replies = new Map<Recipient, WireReply>()
  answerGroup(transaction, transaction.recipients, { replies, ...taker })
  const { stored } = taker
  const reading = 'kind' in stored ? undefined : announce(transaction, { ...args, receipt: stored })
  return { replies, common: NOT_STORED_REPLY, reading }
}

async function takeAny(transaction: Transaction, message: Message, verdicts: Verdicts): Promise<Taken> {
  const replies = new Map<Recipient, WireReply>()
  for (const [reason, recipients] of quarantined(verdicts)) {
    const deliveries = group(recipients)
    answerGroup(transaction, recipients, {
      replies,
      ...(await ask(transaction, 'quarantine', { message, deliveries, reason })),
    })
  }
  for (const [recipient] of verdicts.withKind('discard')) replies.set(recipient, ok(transaction, undefined))
  const passed = remaining(transaction, verdicts)
  const receivers = carried(transaction, passed)
  // Whom `rewrite` has removed, as whoever goes to nobody: answered, and not carried.
  for (const recipient of passed)
    if (!receivers.includes(recipient) || isDropped(recipient)) replies.set(recipient, ok(transaction, undefined))
  const deliveries = Object.freeze(group(receivers).filter(({ route }) => route.via !== DISCARD))
  let reading: Promise<unknown> | undefined
  if (deliveries.length > 0) {
    const said = await ask(transaction, 'queue', { message, deliveries })
    answerGroup(transaction, [...new Set(deliveries.flatMap(({ recipients }) => recipients))], { replies, ...said })
    if (!('kind' in said.stored)) reading = announce(transaction, { message, deliveries, receipt: said.stored })
    if (transaction.edits) settleAdded(transaction, passed, replies)
  }
  return { replies, common: NOT_STORED_REPLY, reading }
}

function isDropped({ route }: RoutedRecipient): boolean {
  return waysOf(route).every(({ via }) => via === DISCARD)
}

/** An added recipient that the next hop has refused is a copy that nobody would miss: the client, who cannot be told of it, comes again. */
function settleAdded(
  { edits, scope, envelope }: Transaction,
  passed: readonly RoutedRecipient[],
  replies: Map<Recipient, WireReply>,
): void {
  const lost = edits?.added.find((recipient) => (replies.get(recipient)?.code ?? 0) >= 400)
  if (!lost || passed.every((recipient) => (replies.get(recipient)?.code ?? 0) >= 400)) return
  const { code, status, text } = replies.get(lost) ?? {}
  const reply = { code, status, text }
  scope.log.error(
    { id: envelope.id, to: lost.address.toString(), added: scope.added, reply },
    'an added recipient was refused by the next hop',
  )
  if (scope.added === 'drop') return
  for (const recipient of passed)
    if ((replies.get(recipient)?.code ?? 0) < 400) replies.set(recipient, toReply(NOT_STORED))
}

function remaining({ isOver, recipients }: Transaction, verdicts: Verdicts): readonly RoutedRecipient[] {
  // The client has gone while the message was changed or set aside, and will come again.
  if (isOver) return []
  if (verdicts.none) return recipients
  return recipients.filter((recipient) => {
    const decision = verdicts.of(recipient)
    return !decision || decision.opinion.kind === 'accept'
  })
}

function quarantined(verdicts: Verdicts): ReadonlyMap<string, readonly RoutedRecipient[]> {
  const byReason = new Map<string, RoutedRecipient[]>()
  for (const [recipient, { opinion }] of verdicts.withKind('quarantine')) {
    const reason = 'reason' in opinion ? opinion.reason : ''
    const recipients = byReason.get(reason) ?? []
    byReason.set(reason, recipients)
    recipients.push(recipient)
  }
  return byReason
}

/** Who was asked to take the message, and a receipt, or why there is none. */
interface Taker {
  readonly plugin: string | undefined
  readonly stored: Receipt | Refusal
}

/** The client's leaving does not stop it; the closing of the server does. */
function ask<K extends 'queue' | 'quarantine'>(
  transaction: Transaction,
  hook: K,
  args: HookArguments[K],
): Maybe<Taker> {
  const { table }: { readonly table: Turns } = transaction.scope
  const handlers = table[hook]
  const answer = handlers && first(handlers, new HookCall(hook, outliving(transaction), args), asReceipt)
  return after(answer, takerOf, transaction)
}

function takerOf(answer: FirstAnswer<Receipt | Refusal> | undefined, transaction: Transaction): Taker {
  if (!answer) return { plugin: transaction.queuedBy, stored: NOT_STORED }
  const { plugin, value } = answer
  const stored = value instanceof Failure ? (value.refusal ?? NOT_STORED) : value
  transaction.answer(plugin, 'kind' in stored ? undefined : stored.id)
  return { plugin, stored }
}

type Group = Taker & { readonly replies: Map<Recipient, WireReply> }

function answerGroup(
  transaction: Transaction,
  recipients: readonly RoutedRecipient[],
  { replies, plugin, stored }: Group,
): void {
  if ('kind' in stored) {
    const reply = refuse(transaction, 'queue', { plugin, refusal: stored })
    for (const recipient of recipients) replies.set(recipient, reply)
    return
  }
  const reply = ok(transaction, stored)
  for (const recipient of recipients) replies.set(recipient, reply)
  for (const { recipient, refusal } of stored.refused ?? []) replies.set(recipient, refusal)
}

function ok({ envelope: { id } }: Transaction, receipt: Receipt | undefined): WireReply {
  return {
    code: 250,
    status: '2.0.0',
    text: receipt && receipt.id !== id ? `Ok: ${id} queued as ${receipt.id}` : `Ok: queued as ${id}`,
  }
}

function announce(transaction: Transaction, args: HookArguments['accepted']): Promise<unknown> | undefined {
  const waves = transaction.scope.table.accepted
  return waves && tell(waves, new HookCall('accepted', outliving(transaction), args))
}

/** Recipients that share a route travel together; one with several ways travels each of them. */
export function group(recipients: readonly RoutedRecipient[]): readonly Delivery[] {
  const [first] = recipients
  if (first && recipients.length === 1 && !first.route.also)
    return Object.freeze([Object.freeze({ route: first.route, recipients: Object.freeze(recipients) })])
  const groups = new Map<string, { readonly route: Route; readonly recipients: RoutedRecipient[] }>()
  for (const recipient of recipients) {
    for (const route of waysOf(recipient.route)) {
      const key = routeKey(route)
      const members = groups.get(key)
      if (members) members.recipients.push(recipient)
      else groups.set(key, { route, recipients: [recipient] })
    }
  }
  for (const each of groups.values()) Object.freeze(Object.freeze(each).recipients)
  return Object.freeze([...groups.values()])
}

function routeKey({ via, host, port, settings, to }: Route): string {
  return JSON.stringify([via, host, port, settings && Object.entries(settings).toSorted(), to?.map(String)])
}
