/** What plugins have changed of message and envelope, as the server's rewriting. */
import { hasAuthservId } from '@postroad/authres'
import { parseForwardPath, parseReversePath, sameMailbox } from '@postroad/mail'
import { carryEdits } from '@postroad/message'
import { type Address, type Envelope, type Message, type Rewrite, type RewriteContext, rewrite } from '@postroad/plugin'
import type { HarakaMail, HarakaSession } from './state.ts'

/** All that was changed; undefined when nothing was. */
export async function rewritten(
  { connection }: HarakaSession,
  current: HarakaMail,
  { message, envelope }: RewriteContext,
  { authResults, hostname }: { readonly authResults: boolean; readonly hostname: string },
): Promise<Rewrite | undefined> {
  const { transaction } = current
  let made: Message = transaction.edits?.applied() ?? message
  if (transaction.rewrittenBody) made = await made.withBody(transaction.rewrittenBody)
  connection.transaction = transaction
  const results = authResults ? connection.auth_results() : ''
  if (results !== '') {
    // RFC 8601 §5: a field in our name that we did not write is removed.
    made = made.withoutHeader('Authentication-Results', ({ value }) => hasAuthservId(value, hostname))
    made = made.withHeader('Authentication-Results', results)
  }
  const base = transaction.edits?.message ?? message
  const edited = made === base ? message : carryEdits(base, made, message)
  const changes = envelopeEdits(current, envelope)
  if (edited === message && Object.keys(changes).length === 0) return undefined
  return rewrite({ message: edited, ...changes })
}

function envelopeEdits(
  { transaction, recipients, from, added }: HarakaMail,
  envelope: Envelope,
): { from?: Address | null; add?: Address[]; remove?: Address[] } {
  const sender = transaction.mail_from?.address ?? ''
  const isSame = sender === from || sender.toLowerCase() === from.toLowerCase()
  const path = isSame ? undefined : parseReversePath(`<${sender}>`, { smtputf8: true, lenient: true })
  const own = envelope.recipients.map(({ address }) => address)
  const isTouched =
    transaction.rcpt_to.length !== recipients.length ||
    recipients.some((one, place) => transaction.rcpt_to[place] !== one)
  // Nearly always they are the client's, and nothing is to be read again.
  const isOwn =
    !isTouched && recipients.length === own.length && recipients.every(({ address }, i) => address === String(own[i]))
  if (isOwn) return path ? { from: path.address ?? null } : {}
  const list = transaction.rcpt_to.flatMap((one) => {
    const found = parseForwardPath(`<${one.address}>`, { smtputf8: true, lenient: true })
    return found ? [found.address] : []
  })
  const isAliased =
    recipients.length !== own.length || !own.every((one) => list.some((other) => sameMailbox(one, other)))
  const add = isTouched || isAliased ? list.filter((one) => !own.some((other) => sameMailbox(one, other))) : []
  const remove = isTouched || isAliased ? own.filter((one) => !list.some((other) => sameMailbox(one, other))) : []
  for (const one of add) added.add(String(one))
  return {
    ...(path && { from: path.address ?? null }),
    ...(add.length > 0 && { add }),
    ...(remove.length > 0 && { remove }),
  }
}
