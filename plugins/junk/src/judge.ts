/** From scores to verdicts, and from these to opinions. */
import type { Features, Score } from '@postroad/learn'
import { type Address, type MessageOpinion, suspect } from '@postroad/plugin'
import { scanOpinion } from '@postroad/upstream'
import type { Audience, Mind } from './mind.ts'
import type { JunkOptions } from './options.ts'

/** What a message is to somebody. */
export type JunkVerdict = 'junk' | 'unsure' | 'wanted'

/** A score, and for whom it is. */
export interface Scored {
  readonly score: Score
  readonly verdict: JunkVerdict
  /** Undefined: for all who have taught nothing of their own. */
  readonly recipients: readonly Address[] | undefined
}

/** Recipients that are asked for by themselves; the others of a message with more are as everybody. */
const MOST_ASKED = 50

/** What a score is worth within the budget. */
export function verdictOf(mind: Mind, { verdict, isReport }: Score): JunkVerdict {
  const { junk, unsure } = mind.thresholds
  if (verdict >= junk && !isReport) return 'junk'
  return verdict >= unsure ? 'unsure' : 'wanted'
}

/** One judgement for everybody, and one for each recipient who has taught something, or whose domain has. */
export function judge(
  mind: Mind,
  features: Features,
  recipients: readonly Address[],
  who: (address: string) => Audience,
): readonly Scored[] {
  const others: Address[] = []
  const judgements: Scored[] = []
  const add = (audience: Audience | undefined, about: readonly Address[] | undefined): void => {
    const score = mind.score(features, audience)
    judgements.push({ score, verdict: verdictOf(mind, score), recipients: about })
  }
  for (const recipient of recipients) {
    const isAsked = mind.circles.size > 0 && judgements.length < MOST_ASKED
    const audience = isAsked ? who(recipient.toString()) : undefined
    if (audience && mind.knows(audience)) add(audience, [recipient])
    else others.push(recipient)
  }
  if (others.length > 0 || judgements.length === 0) add(undefined, judgements.length === 0 ? undefined : others)
  return judgements
}

/** The most cautious one: points and fields are those of the whole message. */
export function mostCautious(judgements: readonly Scored[]): Scored | undefined {
  return judgements.reduce<Scored | undefined>(
    (least, one) => (least && least.score.verdict <= one.score.verdict ? least : one),
    undefined,
  )
}

const TEXT = 'This message looks like junk'

/** What the judgements are worth. */
export function opinionsOn(
  judgements: readonly Scored[],
  options: Pick<JunkOptions, 'junk' | 'unsure'>,
  reason: (judgement: Scored) => string,
): readonly MessageOpinion[] {
  const opinions: MessageOpinion[] = []
  const counted: Scored[] = []
  for (const judgement of judgements) {
    const action = actionOf(judgement, options)
    if (typeof action === 'number') counted.push(judgement)
    else {
      const opinion = scanOpinion(action, { text: TEXT, reason: reason(judgement) })
      if (opinion) opinions.push(only(opinion, judgement.recipients))
      else counted.push(judgement)
    }
  }
  const least = mostCautious(counted)
  const points = least && actionOf(least, options)
  if (least && typeof points === 'number' && points !== 0) opinions.push(suspect(points, reason(least)))
  return opinions
}

function actionOf({ verdict }: Scored, { junk, unsure }: Pick<JunkOptions, 'junk' | 'unsure'>) {
  return verdict === 'junk' ? junk : verdict === 'unsure' ? unsure : 0
}

function only(opinion: MessageOpinion, recipients: readonly Address[] | undefined): MessageOpinion {
  return recipients && opinion.kind !== 'suspect' && opinion.kind !== 'accept'
    ? { ...opinion, for: recipients }
    : opinion
}
