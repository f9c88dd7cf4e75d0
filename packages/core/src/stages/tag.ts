import type { Message } from '@postroad/plugin'
import { marks, round } from '../policy/thresholds.ts'
import type { Verdicts } from '../policy/verdicts.ts'
import type { LoggedOpinion } from '../session/decision-log.ts'
import type { Transaction } from '../session/transaction.ts'

const MOST_REASONS = 20

/** The message with its mark, when the points of a recipient who gets it meet `thresholds.tag`. */
export function tagged(transaction: Transaction, message: Message, verdicts: Verdicts): Message {
  const { session, decisions, points: shared } = transaction
  const { thresholds } = transaction.scope
  if (thresholds.tag === undefined && !thresholds.domains) return message
  let score: number | undefined
  for (const recipient of transaction.recipients) {
    if ((verdicts.of(recipient)?.opinion.kind ?? 'accept') !== 'accept') continue
    const points = shared + transaction.pointsOf(recipient)
    const met = marks(points, thresholds, recipient.address.domain)
    if (!met) continue
    transaction.meet(met, points, recipient.address)
    score = Math.max(score ?? points, points)
  }
  if (score === undefined) return message
  const reasons = [...session.decisions.entries, ...decisions.entries].flatMap(reason).slice(0, MOST_REASONS)
  const marked = message
    .withoutHeader('X-Spam-Flag')
    .withoutHeader('X-Spam-Score')
    .withHeader('X-Spam-Score', `${round(score)} (${reasons.join(', ')})`)
    .withHeader('X-Spam-Flag', 'YES')
  return thresholds.subject
    ? marked.withReplacedHeader('Subject', `${thresholds.subject}${message.headers.get('subject') ?? ''}`)
    : marked
}

/** Reasons are the plugins' words, which may quote the message: nothing but printable ASCII goes into a header. */
function reason({ plugin, outcome, shadow }: LoggedOpinion): readonly string[] {
  if (outcome.kind !== 'suspect' || shadow) return []
  return [`${plugin}=${round(outcome.points)} ${outcome.reason.replace(/[^\x20-\x7e]|[()\\]/g, '?').slice(0, 60)}`]
}
