import type { WireReply } from '@postroad/smtp'
import { transactionRecord } from '../session/record.ts'
import type { SessionState } from '../session/session.ts'

/** The transaction, if there is one, is over: its line is written. */
export function finish(session: SessionState, reply: WireReply | readonly WireReply[]): void {
  const { transaction, scope } = session
  if (!transaction) return
  session.transaction = undefined
  try {
    if (scope.timed) scope.record(transactionRecord(session, transaction, reply))
  } catch (error) {
    // What was answered stands, whatever a plugin left in the record.
    scope.log.error({ session: session.id, error }, 'the line of a transaction could not be written')
  }
}
