/** Taking responsibility: `rewrite`, `quarantine`, `queue`. Only a receipt lets the core say 250, RFC 5321 §4.2.5. */
import {
  type Delivery,
  defer,
  type Message,
  type Receipt,
  type Recipient,
  type Refusal,
  type Route,
  type RoutedRecipient,
  waysOf,
} from '@postroad/plugin'
import type { WireReply } from '@postroad/smtp'
import type { Verdicts } from '../policy/verdicts.ts'
import { type HookArguments, HookCall } from '../run/call.ts'
import { receipt as asReceipt } from '../run/check.ts'
import { first } from '../run/first.ts'
import { fold } from '../run/fold.ts'
import { Failure } from '../run/guard.ts'
import { tell } from '../run/tell.ts'
import type { SessionState } from '../session/session.ts'
import { refuse, toReply } from './refuse.ts'

const NOT_STORED = defer('Message could not be stored, try again later', { status: '4.3.0', code: 451 })

/** The `via` of what is taken and dropped: nobody has to carry it. */
export const DISCARD = 'discard'

/** The `rewrite` hook. */
export function rewrite(session: SessionState, message: Message): Message | Promise<Message | Failure> {
  const handlers = session.scope.table.rewrite
  return handlers ? fold(handlers, new HookCall('rewrite', session, { message })) : message
}

/** What became of the message. */
export interface Taken {
  /** By recipient; those that are not in it were not taken. */
  readonly replies: ReadonlyMap<Recipient, WireReply>
  readonly common: WireReply
  /** Somebody still reads the message. */
  readonly reading: Promise<unknown> | undefined
}

/** Quarantines, drops and queues; the most cautious first, so that a failure after it loses nothing. */
export async function take(session: SessionState, message: Message, verdicts: Verdicts): Promise<Taken> {
  const replies = new Map<Recipient, WireReply>()
  for (const [reason, recipients] of quarantined(verdicts)) {
    const deliveries = group(recipients)
    settleGroup(session, recipients, { replies, ...(await ask(session, 'quarantine', { message, deliveries, reason })) })
  }
  for (const [recipient] of verdicts.withKind('discard')) replies.set(recipient, ok(session, undefined))
  const passed = remaining(session, verdicts)
  const deliveries = group(passed).filter(({ route }) => route.via !== DISCARD)
  for (const recipient of passed)
    if (waysOf(recipient.route).every(({ via }) => via === DISCARD)) replies.set(recipient, ok(session, undefined))
  let reading: Promise<unknown> | undefined
  if (deliveries.length > 0) {
    const said = await ask(session, 'queue', { message, deliveries })
    settleGroup(session, [...new Set(deliveries.flatMap(({ recipients }) => recipients))], { replies, ...said })
    if (!('kind' in said.stored)) reading = announce(session, { message, deliveries, receipt: said.stored })
  }
  return { replies, common: toReply(NOT_STORED), reading }
}

function remaining(session: SessionState, verdicts: Verdicts): readonly RoutedRecipient[] {
  const all = session.transaction?.recipients ?? []
  if (verdicts.none) return all
  return all.filter((recipient) => {
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

/** Who was asked, and a receipt, or why there is none. */
interface Said {
  readonly plugin: string | undefined
  readonly stored: Receipt | Refusal
}

/** The client's leaving does not stop it; the closing of the server does. */
async function ask<K extends 'queue' | 'quarantine'>(session: SessionState, hook: K, args: HookArguments[K]): Promise<Said> {
  const handlers = session.scope.table[hook]
  const { transaction } = session
  const owner = { scope: session.scope, session, transaction, lifetime: session.scope.lifetime }
  const answer = handlers && (await first(handlers, new HookCall(hook, owner, args), asReceipt))
  if (!answer) return { plugin: transaction?.queuedBy, stored: NOT_STORED }
  const { plugin, value } = answer
  const stored = value instanceof Failure ? (value.refusal ?? NOT_STORED) : value
  if (transaction) {
    transaction.queuedBy = plugin
    if (!('kind' in stored)) transaction.receipt = stored.id
  }
  return { plugin, stored }
}

type Group = Said & { readonly replies: Map<Recipient, WireReply> }

function settleGroup(session: SessionState, recipients: readonly RoutedRecipient[], { replies, plugin, stored }: Group): void {
  if ('kind' in stored) {
    const reply = refuse(session, 'queue', { plugin, refusal: stored })
    for (const recipient of recipients) replies.set(recipient, reply)
    return
  }
  const reply = ok(session, stored)
  for (const recipient of recipients) replies.set(recipient, reply)
  for (const { recipient, refusal } of stored.refused ?? []) replies.set(recipient, refusal)
}

function ok(session: SessionState, receipt: Receipt | undefined): WireReply {
  const id = session.transaction?.envelope.id ?? session.id
  return { code: 250, status: '2.0.0', text: receipt && receipt.id !== id ? `Ok: ${id} queued as ${receipt.id}` : `Ok: queued as ${id}` }
}

function announce(session: SessionState, args: HookArguments['accepted']): Promise<unknown> | undefined {
  const waves = session.scope.table.accepted
  if (!waves) return undefined
  const owner = { scope: session.scope, session, transaction: session.transaction, lifetime: session.scope.lifetime }
  return tell(waves, new HookCall('accepted', owner, args))
}

/** Recipients that share a route travel together; one with several ways travels each of them. */
export function group(recipients: readonly RoutedRecipient[]): readonly Delivery[] {
  const [first] = recipients
  if (first && recipients.length === 1 && !first.route.also) return [{ route: first.route, recipients }]
  const groups = new Map<string, { readonly route: Route; readonly recipients: RoutedRecipient[] }>()
  for (const recipient of recipients) {
    for (const route of waysOf(recipient.route)) {
      const key = routeKey(route)
      const members = groups.get(key)
      if (members) members.recipients.push(recipient)
      else groups.set(key, { route, recipients: [recipient] })
    }
  }
  return [...groups.values()]
}

function routeKey({ via, host, port, settings, to }: Route): string {
  return JSON.stringify([via, host, port, settings && Object.entries(settings).toSorted(), to?.map(String)])
}
