import type { WireReply } from '@postroad/smtp'
import { type JudgedRecord, transactionRecord } from '../session/record.ts'
import type { Transaction } from '../session/transaction.ts'

/** The transaction is over, unless it was before: its line is written. */
export function finish(
  transaction: Transaction,
  reply: WireReply | readonly WireReply[],
  judged?: JudgedRecord | undefined,
): void {
  const { session, scope } = transaction
  if (!transaction.end()) return
  try {
    if (scope.timed) scope.record(transactionRecord(transaction, reply, judged))
  } catch (error) {
    // What was answered stands, whatever a plugin left in the record.
    scope.log.error({ session: session.id, error }, 'the line of a transaction could not be written')
  }
}
