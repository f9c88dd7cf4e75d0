/** Rules that are asked when the message is there: for each recipient, refuse, discard, hold; and tags for the message. */
import type { RouteSettings, Unchecked } from '@postroad/mail/settings'
import {
  type Address,
  discard,
  type Message,
  type MessageContext,
  type MessageOpinion,
  quarantine,
  type Recipient,
  waysOf,
} from '@postroad/plugin'
import type { Question, ScoredContent } from './condition.ts'
import type { TagOptions } from './options.ts'
import type { Rule, Tables } from './table.ts'

/** What the rules say of a message: for each recipient the first that decides. */
export function judgeContent(
  { contentRules }: Tables,
  question: Question,
  { envelope, message, points }: MessageContext,
): readonly MessageOpinion[] {
  const opinions: MessageOpinion[] = []
  for (const { address, route } of envelope.recipients) {
    const held = reasonOf(waysOf(route).find((way) => reasonOf(way) !== undefined))
    const opinion = first(contentRules, address, { question, content: { message, points } })
    if (opinion) opinions.push(opinion)
    else if (typeof held === 'string') opinions.push(quarantine(held, { for: [address] }))
  }
  return opinions
}

/** As an operator wrote it. */
function reasonOf(way: { readonly settings?: Unchecked<RouteSettings> } | undefined) {
  return way?.settings?.hold
}

/** Tags of the rules that fit for any recipient. */
export function tagsFor(
  { contentRules }: Tables,
  question: Question,
  { envelope, message, points }: MessageContext,
): readonly TagOptions[] {
  const content = { message, points }
  const fits = ({ condition }: Rule) =>
    condition.ofContent?.(content) &&
    envelope.recipients.some(({ address }: Recipient) => condition.fits(address, question))
  return contentRules.flatMap((rule) => (rule.tag && fits(rule) ? [rule.tag] : []))
}

/** The message with the fields and the mark in its subject; a field of that name that came with it is replaced. */
export function withTags(message: Message, tags: readonly TagOptions[]): Message {
  let result = message
  for (const { header, value, subject } of tags) {
    if (header !== undefined) result = result.withoutHeader(header).withHeader(header, value)
    const present = result.headers.get('Subject') ?? ''
    if (subject !== undefined && !present.startsWith(subject))
      result = result.withReplacedHeader('Subject', `${subject}${present}`)
  }
  return result
}

function first(
  rules: readonly Rule[],
  address: Address,
  known: { readonly question: Question; readonly content: ScoredContent },
): MessageOpinion | undefined {
  for (const { name, condition, action, hold } of rules) {
    if (!condition.fits(address, known.question) || !condition.ofContent?.(known.content)) continue
    if (action && 'kind' in action) return { ...action, for: [address] }
    if (action) return discard(`rule ${name}`, { for: [address] })
    if (hold !== undefined) return quarantine(hold, { for: [address] })
  }
  return undefined
}
