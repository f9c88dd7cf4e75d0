/** Addresses for plugins that say `rcpt.address()`, where it is `rcpt.address` now: Haraka changed that within version 3. */
import { asLegacy, type Address as HarakaAddress, unwrapLegacy } from '@haraka/email-address'

/** What a hook is given, with addresses that may be called; those of the transaction, too. */
export function calledBy(object: unknown, params: unknown): unknown {
  each(object, asLegacy)
  return Array.isArray(params) ? params.map((one) => asLegacy(one)) : asLegacy(params)
}

/** The addresses of the transaction as they were. */
export function asWritten(object: unknown): void {
  each(object, unwrapLegacy)
}

function each(object: unknown, change: (address: HarakaAddress) => HarakaAddress): void {
  const { transaction } = Object(object) as {
    readonly transaction?: { mail_from: HarakaAddress | null; rcpt_to: HarakaAddress[] } | null
  } // a connection, or a mail of the queue
  if (!transaction) return
  if (transaction.mail_from) transaction.mail_from = change(transaction.mail_from)
  for (const [place, one] of transaction.rcpt_to.entries()) transaction.rcpt_to[place] = change(one)
}
