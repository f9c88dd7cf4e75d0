import type { Edits } from '@postroad/mail'
import type { Message } from '@postroad/plugin'
import { marks, round } from '../policy/thresholds.ts'
import type { Verdicts } from '../policy/verdicts.ts'
import type { LoggedOpinion } from '../session/decision-log.ts'
import type { Transaction } from '../session/transaction.ts'

const MOST_REASONS = 20

const FLAG = 'X-Spam-Flag'

/** The message with its mark, when the points of a recipient who gets it meet `thresholds.tag`. */
export function tagged(transaction: Transaction, message: Message, verdicts: Verdicts): Message {
  const score = scoreOf(transaction, verdicts)
  if (score === undefined) return message
  const { session, decisions } = transaction
  const { thresholds } = transaction.scope
  const reasons = [...session.decisions.entries, ...decisions.entries].flatMap(reason).slice(0, MOST_REASONS)
  const marked = message
    .withoutHeader(FLAG)
    .withoutHeader('X-Spam-Score')
    .withHeader('X-Spam-Score', `${round(score)} (${reasons.join(', ')})`)
    .withHeader(FLAG, 'YES')
  return thresholds.subject
    ? marked.withReplacedHeader('Subject', `${thresholds.subject}${message.headers.get('subject') ?? ''}`)
    : marked
}

/** The mark where there is no message to put it on: one field, because who asks about an envelope can put no more above it. */
export function flagged(transaction: Transaction, verdicts: Verdicts): { readonly edits?: Edits } {
  if (scoreOf(transaction, verdicts) === undefined) return {}
  const raw = Buffer.from(`${FLAG}: YES\r\n`)
  return { edits: { headers: [{ kind: 'insert', name: FLAG, before: 0, raw }], body: undefined } }
}

/** The most points of those who get the message and meet `thresholds.tag`; undefined when nobody does. */
function scoreOf(transaction: Transaction, verdicts: Verdicts): number | undefined {
  const { thresholds } = transaction.scope
  if (thresholds.tag === undefined && !thresholds.domains) return undefined
  const { points: shared } = transaction
  let score: number | undefined
  for (const recipient of transaction.recipients) {
    if ((verdicts.of(recipient)?.opinion.kind ?? 'accept') !== 'accept') continue
    const points = shared + transaction.pointsOf(recipient)
    const met = marks(points, thresholds, recipient.address.domain)
    if (!met) continue
    transaction.meet(met, points, recipient.address)
    score = Math.max(score ?? points, points)
  }
  return score
}

/** Reasons are the plugins' words, which may quote the message: nothing but printable ASCII goes into a header. */
function reason({ plugin, outcome, shadow }: LoggedOpinion): readonly string[] {
  if (outcome.kind !== 'suspect' || shadow) return []
  return [`${plugin}=${round(outcome.points)} ${outcome.reason.replace(/[^\x20-\x7e]|[()\\]/g, '?').slice(0, 60)}`]
}
