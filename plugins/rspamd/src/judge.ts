/** From the verdict of rspamd to opinions of ours. */
import { glob } from '@postroad/options'
import {
  type Address,
  type Defer,
  defer,
  discard,
  type MessageOpinion,
  type PermanentStatus,
  quarantine,
  type Reject,
  reject,
  suspect,
  type TransientStatus,
} from '@postroad/plugin'
import { ACTIONS, type RspamdOptions, type RspamdWorth } from './options.ts'
import type { RspamdReply } from './reply.ts'

/** How an opinion is said, and about whom. */
interface Wording {
  readonly text: string | undefined
  readonly reason: string
  readonly recipients: readonly Address[] | undefined
}

/** An opinion, or that it depends on whether the mail has come before. */
export type RspamdOpinion = MessageOpinion | 'greylist'

/**
 * What a verdict is worth.
 *
 * @param recipients whom it is about; undefined for all
 * @throws {Error} when it has an action of which nobody has said what it is worth
 */
export function judgementsOf(
  reply: RspamdReply,
  options: Pick<RspamdOptions, 'trust' | 'weight' | 'actions' | 'symbols'>,
  recipients: readonly Address[] | undefined,
): readonly RspamdOpinion[] {
  const wording = { text: reply.text, reason: reasonOf(reply), recipients }
  const judgements: RspamdOpinion[] = []
  const add = (worth: RspamdWorth, reason = wording.reason): void => {
    const judgement = judgementOf(worth, { ...wording, reason })
    if (judgement) judgements.push(judgement)
  }
  if (options.trust === 'score') add(round(reply.score * options.weight))
  if (options.trust === 'action' || reply.action === 'soft reject') add(worthOf(reply, options.actions))
  for (const [pattern, worth] of Object.entries(options.symbols)) {
    const fits = glob(pattern)
    for (const name of reply.symbols.keys()) if (fits(name)) add(worth, `rspamd: ${name}`)
  }
  return judgements
}

function worthOf({ action, instead, isNoted }: RspamdReply, actions: RspamdOptions['actions']): RspamdWorth {
  if (isNoted) return 'none'
  const name = action === 'reject' && instead ? instead : action
  const worth = Object.hasOwn(actions, name) ? actions[name] : ACTIONS.get(name)
  if (worth === undefined)
    throw new Error(
      `rspamd answers with the action "${name}", and the option "actions" does not say what that is worth`,
    )
  return worth
}

function judgementOf(worth: RspamdWorth, { text, reason, recipients }: Wording): RspamdOpinion | undefined {
  const only = recipients && { for: recipients }
  switch (worth) {
    case 'none':
      return undefined
    case 'greylist':
      return 'greylist'
    case 'reject':
    case 'disconnect':
      return refusal(text ?? 'This message was found to be spam', { ...only, disconnect: worth === 'disconnect' })
    case 'defer':
      return postponement(text ?? 'This message cannot be taken now, try again later', only)
    case 'quarantine':
      return quarantine(reason, only)
    case 'discard':
      return discard(reason, only)
    default:
      return worth === 0 ? undefined : suspect(worth, reason)
  }
}

/** Rules of an operator begin their words with code and status: `550 5.7.1 Go away`. */
const CODED = /^(?:[45]\d\d[ -]+)?(?:([45])\.(\d{1,3})\.(\d{1,3})\s+)?/

function refusal(text: string, options: { readonly disconnect?: boolean; readonly for?: readonly Address[] }): Reject {
  const [coded, digit, subject, detail] = CODED.exec(text) ?? ['']
  const status: PermanentStatus = digit === '5' ? `5.${Number(subject)}.${Number(detail)}` : '5.7.1'
  return reject(text.slice(coded.length) || text, { ...options, status })
}

function postponement(text: string, options: { readonly for: readonly Address[] } | undefined): Defer {
  const [coded, digit, subject, detail] = CODED.exec(text) ?? ['']
  const status: TransientStatus = digit === '4' ? `4.${Number(subject)}.${Number(detail)}` : '4.7.1'
  return defer(text.slice(coded.length) || text, { ...options, status })
}

/** The opinion of mail that has not come before. */
export function greylisted(recipients: readonly Address[] | undefined): Defer {
  return defer('Greylisted, try again later', { status: '4.7.1', ...(recipients && { for: recipients }) })
}

const MOST_NAMED = 5

/** Verdict, score, and the symbols that weigh most. */
function reasonOf({ action, score, required, symbols }: RspamdReply): string {
  const named = [...symbols]
    .filter(([, symbol]) => symbol.score !== 0)
    .sort(([, a], [, b]) => Math.abs(b.score) - Math.abs(a.score))
    .slice(0, MOST_NAMED)
    .map(([name, symbol]) => `${name} ${round(symbol.score)}`)
  const found = named.length > 0 ? `: ${named.join(', ')}` : ''
  return `rspamd: ${action}, ${round(score)}${required === undefined ? '' : ` of ${round(required)}`}${found}`
}

/** Two digits are enough for points. */
export function round(value: number): number {
  return Math.round(value * 100) / 100
}
