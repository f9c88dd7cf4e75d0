/** What spamd has said of a message, and what that is worth. */
import { glob } from '@postroad/options'
import { type Address, defineFact, type MessageOpinion, suspect } from '@postroad/plugin'
import { type ScanAction, scanOpinion } from '@postroad/upstream'
import type { SpamassassinOptions } from './options.ts'
import { fieldsOf, type SpamdField, type SpamdReply, symbolsOf, testsOf } from './reply.ts'

/** What SpamAssassin, or the lack of its word, says of a message. Of several users it is what was said for the one with the highest score. */
export interface SpamScan {
  /** As spamd calls it; `unscanned`: it was too large. */
  readonly result: 'spam' | 'ham' | 'unscanned'
  readonly score?: number
  /** From which score on it is spam to spamd. */
  readonly required?: number
  /** Tests that fitted; empty with the verb `check`. */
  readonly symbols?: readonly string[]
  /** Who said so. */
  readonly daemon?: string
  /** Milliseconds. */
  readonly ms?: number
}

/** Set by the plugin `spamassassin` at `message`; absent when no spamd could say anything. */
export const spamassassinFact = defineFact<SpamScan>('spamassassin')

/** An answer, and for whom it was asked. */
export interface SpamdAnswer {
  readonly scan: SpamScan & { readonly score: number; readonly required: number; readonly symbols: readonly string[] }
  /** What spamd would add. */
  readonly fields: readonly SpamdField[]
  /** Undefined: for all. */
  readonly recipients: readonly Address[] | undefined
}

/** What of an answer counts. */
export function judgedOf(
  { isSpam, score, required, body }: SpamdReply,
  {
    verb,
    recipients,
    ...who
  }: Pick<SpamassassinOptions, 'verb'> &
    Pick<SpamdAnswer, 'recipients'> & { readonly daemon: string; readonly ms: number },
): SpamdAnswer {
  const text = body.toString('utf8')
  const fields = verb === 'headers' ? fieldsOf(text) : []
  const status = fields.find(({ name }) => /^x-spam-status$/i.test(name))?.value ?? ''
  const symbols = verb === 'symbols' ? symbolsOf(text) : testsOf(status)
  return { scan: { result: isSpam ? 'spam' : 'ham', score, required, symbols, ...who }, fields, recipients }
}

/** Symbols that are named in the log. */
const NAMED = 12

/** Gives what an answer is worth. */
export function opinionsOf(options: SpamassassinOptions): (judged: SpamdAnswer) => readonly MessageOpinion[] {
  const symbols = Object.entries(options.symbols).map(([pattern, action]) => [glob(pattern), action] as const)
  return ({ scan, recipients }) => {
    const text = 'The message looks like spam'
    const named = scan.symbols.slice(0, NAMED).join(',')
    const reason = `spamassassin: ${scan.score}/${scan.required}${named ? ` ${named}` : ''}`
    const opinions: (MessageOpinion | undefined)[] = []
    if (options.trust === 'score') {
      const points = Math.round(scan.score * options.weight * 1_000) / 1_000
      if (points !== 0) opinions.push(suspect(points, reason))
    } else opinions.push(scanOpinion(actionOf(scan, options), { text, reason }))
    for (const [fits, action] of symbols) {
      const symbol = scan.symbols.find(fits)
      if (symbol) opinions.push(scanOpinion(action, { text, reason: `spamassassin: ${symbol}` }))
    }
    return opinions.filter((one) => one !== undefined).map((one) => only(one, recipients))
  }
}

function actionOf({ result, score }: SpamdAnswer['scan'], { spam, levels }: SpamassassinOptions): ScanAction {
  if (!levels) return result === 'spam' ? spam : 'none'
  for (const action of ['reject', 'defer', 'quarantine'] as const)
    if (score >= (levels[action] ?? Number.POSITIVE_INFINITY)) return action
  return 'none'
}

/** Points are those of the whole message. */
function only(opinion: MessageOpinion, recipients: readonly Address[] | undefined): MessageOpinion {
  return recipients && opinion.kind !== 'suspect' && opinion.kind !== 'accept'
    ? { ...opinion, for: recipients }
    : opinion
}

/** The fields of spamd that a message may get: names in X-, and the subject. */
export function fieldsToAdd(fields: readonly SpamdField[], patterns: readonly string[]): readonly SpamdField[] {
  const fit = patterns.map(glob)
  return fields.filter(({ name }) => /^(?:x-|subject$)/i.test(name) && fit.some((fits) => fits(name)))
}
