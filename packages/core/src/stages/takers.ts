/** Who takes responsibility, as far as that is known before the message is there. */
import { type RoutedRecipient, waysOf } from '@postroad/mail'
import type { Handler } from '../plan/handler.ts'
import type { Transaction } from '../session/transaction.ts'

/** The `via` of what is taken and dropped: nobody has to carry it. */
export const DISCARD = 'discard'

/** Whether one plugin takes responsibility for all of them: it is asked when the message is there, and then it would be too late to part them. */
export function isTaken(transaction: Transaction, recipients: readonly RoutedRecipient[]): boolean {
  // Without any: said at boot; the reply is that of `queue`.
  return !transaction.scope.table.queue || takerOf(transaction, recipients) !== undefined
}

/** Where the content of a large message is to be written: a folder of the queue that is asked first, if it takes files over. */
export function spoolOf(transaction: Transaction): string | undefined {
  return takerOf(transaction, transaction.recipients)?.spool
}

function takerOf({ scope }: Transaction, recipients: readonly RoutedRecipient[]): Handler<'queue'> | undefined {
  const [only] = recipients
  if (recipients.length === 1 && only && !only.route.also)
    return scope.table.queue?.find((taker) => takesOne(taker, only.route.via))
  const vias = new Set(recipients.flatMap(({ route }) => waysOf(route).map(({ via }) => via)))
  vias.delete(DISCARD)
  return scope.table.queue?.find(({ carries, shadow }) => !shadow && (!carries || [...vias].every(carries)))
}

function takesOne({ carries, shadow }: Handler<'queue'>, via: string): boolean {
  return !shadow && (!carries || via === DISCARD || carries(via))
}
