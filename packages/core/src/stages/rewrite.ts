/** The `rewrite` hook: what leaves is another message, perhaps to others. */
import type { RoutedRecipient } from '@postroad/mail'
import { type AddedRecipient, type Address, defer, type Message, type Rewrite } from '@postroad/plugin'
import type { AnyHandler } from '../plan/handler.ts'
import { HookCall } from '../run/call.ts'
import { route as asRoute } from '../run/check.ts'
import { first } from '../run/first.ts'
import { fold } from '../run/fold.ts'
import { Failure } from '../run/guard.ts'
import { FactStore } from '../session/fact-store.ts'
import type { Transaction } from '../session/transaction.ts'
import { ELSEWHERE } from './rcpt.ts'
import { isTaken } from './takers.ts'

// RFC 3463 §3.4: X.3.5, the system is not configured for it.
const NOWHERE = new Failure(
  defer('This message cannot be sent on at the moment, try again later', { status: '4.3.5', code: 451 }),
)

/** The message as it is to leave; the envelope's edits are with the transaction. */
export function rewrite(transaction: Transaction, message: Message): Message | Promise<Message | Failure> {
  const handlers = transaction.scope.table.rewrite
  if (!handlers) return message
  return fold(handlers, new HookCall('rewrite', transaction, { message }), (edits, handler) =>
    editEnvelope(transaction, edits, handler),
  )
}

/** Whom a message goes to that was to go to these. */
export function carried({ edits }: Transaction, passed: readonly RoutedRecipient[]): readonly RoutedRecipient[] {
  return edits ? edits.carried(passed) : passed
}

async function editEnvelope(
  transaction: Transaction,
  rewriting: Rewrite,
  handler: AnyHandler,
): Promise<Failure | undefined> {
  const { from, remove = [], add = [] } = rewriting
  if (from === undefined && remove.length === 0 && add.length === 0) return undefined
  const edits = transaction.edit()
  if (from !== undefined) edits.sendFrom(from)
  for (const address of remove) edits.remove(address, transaction.recipients)
  for (const one of add) {
    const failure = await added(transaction, asAdded(one), handler)
    if (failure) return failure
  }
  return undefined
}

function asAdded(one: Address | AddedRecipient): AddedRecipient {
  return 'address' in one ? one : { address: one }
}

/** One more recipient, if it has a route; one that is there already is not there twice. */
async function added(
  transaction: Transaction,
  { address, parameters = {} }: AddedRecipient,
  handler: AnyHandler,
): Promise<Failure | undefined> {
  const edits = transaction.edit()
  if (edits.has(address) || edits.restore(address, transaction.recipients)) return undefined
  const recipient = await routed(transaction, { address, parameters })
  const others = carried(transaction, transaction.recipients)
  if (recipient && isTaken(transaction, [...others, recipient])) {
    edits.add(recipient)
    return undefined
  }
  const { scope, envelope } = transaction
  scope
    .logFor(handler.plugin)
    .error(
      { id: envelope.id, to: address.toString(), added: scope.added },
      recipient
        ? 'no plugin of this scope takes mail for an added recipient (together with the others)'
        : 'an added recipient has no route: whoever adds it needs a plugin that routes it',
    )
  return scope.added === 'drop' ? undefined : NOWHERE
}

async function routed(transaction: Transaction, one: Required<AddedRecipient>): Promise<RoutedRecipient | undefined> {
  const { address, parameters } = one
  if (transaction.scope.role === 'filter') return Object.freeze({ address, parameters, route: ELSEWHERE })
  const handlers = transaction.scope.table.route
  if (!handlers) return undefined
  const call = new HookCall('route', transaction, { recipient: address, parameters, recipientFacts: new FactStore() })
  const { value } = (await first(handlers, call, asRoute)) ?? {}
  return value === undefined || value instanceof Failure || 'kind' in value
    ? undefined
    : Object.freeze({ address, parameters, route: value })
}
