/** Sentences that say why, in parts: whoever shows them, `postroad why` or a page, shows the same. */
import type { ApiShape } from '@postroad/admin-api'
import { listOf, refusedOf, type StoredRecord } from '../record.ts'
import { AGAINST, decisive, failureOf, type MailOutcome, outcomeOf, stopOf } from './outcome.ts'

/** A part: text, the name of a plugin, a code or a name, an address, a duration, a moment. */
export type SentencePart = ApiShape<'part'>

/** Words of ours. */
export const text = (words: string): SentencePart => ({ kind: 'text', text: words })
/** A reply, an id, a name: what is not ours. */
export const code = (words: string): SentencePart => ({ kind: 'code', text: words })
const address = (words: string): SentencePart => ({ kind: 'address', text: words })
const plugin = (name: string): SentencePart => ({ kind: 'plugin', name })

/** Recipients that are named; of more there is a number. */
const NAMED = 2
/** Characters of foreign words that are repeated. */
const WORDS = 300

/** What became of one transaction, as a whole sentence. */
export function transactionSentence(record: StoredRecord): readonly SentencePart[] {
  return sentenceOf([...who(record), text(': '), ...fate(record)])
}

/** Begins with a capital and ends with a full stop. */
export function sentenceOf(parts: readonly SentencePart[]): readonly SentencePart[] {
  const [first, ...rest] = joined(parts)
  const begun: readonly SentencePart[] =
    first?.kind === 'text'
      ? [text(first.text.charAt(0).toUpperCase() + first.text.slice(1)), ...rest]
      : first
        ? [first, ...rest]
        : []
  return joined([...begun, text('.')])
}

/** Neighbouring texts are one. */
function joined(parts: readonly SentencePart[]): readonly SentencePart[] {
  const result: SentencePart[] = []
  for (const part of parts) {
    const last = result.at(-1)
    if (part.kind === 'text' && last?.kind === 'text') result[result.length - 1] = text(last.text + part.text)
    else if (part.kind !== 'text' || part.text !== '') result.push(part)
  }
  return result
}

/** `Mail from … to …, brought by …`. */
export function who(record: StoredRecord): readonly SentencePart[] {
  const to = [...new Set([...listOf(record.to), ...refusedOf(record).map((one) => one.to)])]
  const from: readonly SentencePart[] =
    record.from === undefined
      ? []
      : record.from === ''
        ? [text(' with no reverse-path (<>)')]
        : [text(' from '), address(record.from)]
  const helo = record.helo === undefined ? [] : [text(' ('), code(printable(record.helo)), text(')')]
  const as = record.identity === undefined ? [] : [text(', logged in as '), code(printable(record.identity))]
  const what = record.event === 'transaction' ? 'mail' : record.event === 'auth' ? 'a login' : 'a connection'
  return [
    text(what),
    ...from,
    ...(to.length > 0 ? [text(' to '), ...people(to)] : []),
    ...(record.remote === undefined
      ? []
      : [text(record.event === 'transaction' ? ', brought by ' : ' of '), code(record.remote), ...helo, ...as]),
  ]
}

function people(list: readonly string[]): readonly SentencePart[] {
  const named = list.slice(0, NAMED).flatMap((one, index) => [...(index > 0 ? [text(', ')] : []), address(one)])
  return list.length > NAMED ? [...named, text(` and ${list.length - NAMED} more`)] : named
}

/** What became of it, with the reason: `refused at RCPT by greylist with 451 4.7.1, because …`. */
export function fate(record: StoredRecord): readonly SentencePart[] {
  if (record.event === 'auth')
    return [text('refused with '), ...replyParts(listOf(record.reply)[0]), text(attempts(record))]
  if (record.event === 'session') return sessionFate(record)
  const outcome = outcomeOf(record)
  if (outcome === 'left')
    return [
      text(
        `the client ${/Reset$/.test(listOf(record.reply)[0] ?? '') ? 'took it back' : 'went away'} before it had sent a message`,
      ),
      ...alsoRefused(record),
    ]
  if (outcome === 'accepted') return [...accepted(record), ...alsoRefused(record), ...shadows(record)]
  if (outcome === 'quarantined' || outcome === 'discarded')
    return [...setAside(record, outcome), ...alsoRefused(record)]
  return turnedAway(record, outcome)
}

function attempts({ attempts: count }: StoredRecord): string {
  return typeof count === 'number' && count > 1 ? `, the last of ${count} attempts` : ''
}

function sessionFate(record: StoredRecord): readonly SentencePart[] {
  const refused: unknown = record['refused']
  const one = record.opinions?.find(({ kind, shadow }) => !shadow && (kind === 'reject' || kind === 'defer'))
  if (one) return [text(`refused at ${commandOf(one.hook)} by `), plugin(one.plugin), ...because(record, one.plugin)]
  return [
    text(
      `no mail was begun${Number(refused) > 0 ? `, and ${refused} commands were refused` : ''}; it was closed (${record.closed ?? 'nobody knows how'})`,
    ),
  ]
}

function accepted(record: StoredRecord): readonly SentencePart[] {
  const points = record.points !== undefined && record.points !== 0 ? [text(`, with ${record.points} points`)] : []
  const tag = record.thresholds?.find(({ level }) => level === 'tag')
  const marked = tag ? [text(`, and marked (${tag.at} are enough)`)] : []
  const taker = record.queue === undefined ? [] : [text(' by '), plugin(record.queue)]
  const under = record.receipt === undefined ? [] : [text(' under the id '), code(record.receipt)]
  if (record.judged) return [text('let through to the server that asked'), ...points, ...marked]
  return [text('accepted'), ...taker, ...under, ...points, ...marked]
}

function setAside(record: StoredRecord, outcome: 'quarantined' | 'discarded'): readonly SentencePart[] {
  const one = record.opinions?.find(
    ({ kind, shadow }) => !shadow && kind === (outcome === 'discarded' ? 'discard' : 'quarantine'),
  )
  const what = outcome === 'discarded' ? 'accepted and dropped' : 'set aside in the quarantine'
  const under = record.receipt === undefined ? [] : [text(' under the id '), code(record.receipt)]
  const by = one
    ? [text(' because of '), plugin(one.plugin), ...(one.reason ? [text(`: “${printable(one.reason)}”`)] : [])]
    : pointsReason(record)
  return [text(what), ...under, ...by]
}

/** Of the message as a whole, or of recipients that differ. */
function turnedAway(record: StoredRecord, outcome: MailOutcome): readonly SentencePart[] {
  const stop = stopOf(record)
  const refused = refusedOf(record)
  const isAll = listOf(record.to).length === 0 && refused.length > 0
  const reply = (isAll ? refused[0]?.reply : undefined) ?? listOf(record.reply).find((one) => !one.startsWith('2'))
  const at = isAll && stop?.hook !== 'message' ? 'RCPT' : stop ? commandOf(stop.told ?? stop.hook) : undefined
  const by =
    stop?.plugin === undefined || stop.plugin === 'thresholds' || stop.plugin === 'mixed'
      ? []
      : [text(' by '), plugin(stop.plugin)]
  const held = stop?.told === undefined ? [] : [text(`, which it had found out at ${commandOf(stop.hook)}`)]
  const word = outcome === 'deferred' ? 'refused for now' : 'refused'
  return [
    text(`${word}${at === undefined ? '' : ` at ${at}`}`),
    ...by,
    text(' with '),
    ...replyParts(reply),
    ...because(record, stop?.plugin, reply),
    ...held,
    ...(isAll ? differing(record) : alsoRefused(record)),
  ]
}

/** Those of the refused who heard something else than the first. */
function differing(record: StoredRecord): readonly SentencePart[] {
  const [first, ...others] = refusedOf(record)
  const rest = others.filter(({ reply }) => reply.slice(0, 9) !== first?.reply.slice(0, 9))
  const [one] = rest
  return one
    ? [text('; '), ...people([...new Set(rest.map(({ to }) => to))]), text(' with '), ...replyParts(one.reply)]
    : []
}

function alsoRefused(record: StoredRecord): readonly SentencePart[] {
  const refused = refusedOf(record)
  const [one] = refused
  if (!one) return []
  const by = one.plugin === undefined ? [] : [text(' by '), plugin(one.plugin)]
  return [
    text('; refused for '),
    ...people([...new Set(refused.map(({ to }) => to))]),
    ...by,
    text(' with '),
    ...replyParts(one.reply),
    ...because(record, one.plugin, one.reply, one.to),
  ]
}

/** Code and status as one. */
export function replyParts(reply: string | undefined): readonly SentencePart[] {
  const [said] = /^\d{3}(?: \d\.\d{1,3}\.\d{1,3})?/.exec(reply ?? '') ?? []
  return [said === undefined ? text('a refusal of its own words') : code(said)]
}

function because(record: StoredRecord, name: string | undefined, reply?: string, to?: string): readonly SentencePart[] {
  const failure = failureOf(record, name)
  if (failure)
    return [
      text(', because it '),
      text(
        failure.kind === 'late' || /no answer within/.test(failure.reason ?? '') ? 'did not answer in time' : 'failed',
      ),
      ...(failure.plugin === name ? [] : [text(' ('), plugin(failure.plugin), text(')')]),
    ]
  if (name === 'thresholds') return pointsReason(record)
  if (name === 'mixed')
    return [text(', because the answers for its recipients differed: they are to be sent one at a time')]
  if (name === undefined && / Relaying denied$/.test(reply ?? ''))
    return [text(', because no plugin knows a way for that recipient: this server takes no mail for it')]
  const one = decisive(record, to)
  const words = one?.text ?? one?.reason ?? reply?.replace(/^\d{3}(?: \d\.\d{1,3}\.\d{1,3})? ?/, '')
  const meaning = meaningOf(name, reply)
  if (words === undefined || words === '') return meaning === undefined ? [] : [text(`, because ${meaning}`)]
  return [
    text(meaning === undefined ? `, because “${printable(words)}”` : `, because ${meaning}: “${printable(words)}”`),
  ]
}

const BY_PLUGIN: Readonly<Record<string, string>> = {
  greylist: 'mail of this sender from this network was not known yet',
  dnsbl: 'the client stands on a list',
  'rate-limit': 'there was too much of it in too short a time',
  recipients: 'nobody of that name gets mail here',
  spf: 'the domain of the sender does not let this client send for it',
  dmarc: 'the domain in the From field does not vouch for it',
  helo: 'of how the client introduced itself',
  clamav: 'of what is in it',
}

/** In general words what a plugin of ours, or an enhanced status, is about; of RFC 3463 and the registry that it made. */
function meaningOf(name: string | undefined, reply: string | undefined): string | undefined {
  const known = name === undefined ? undefined : BY_PLUGIN[name]
  if (known !== undefined) return known
  const status = /^\d{3} \d(\.\d{1,3}\.\d{1,3})/.exec(reply ?? '')?.[1]
  return status === undefined ? undefined : BY_STATUS[status]
}

const BY_STATUS: Readonly<Record<string, string>> = {
  '.1.1': 'there is no such mailbox',
  '.1.2': 'there is no such domain to send to',
  '.1.8': 'the domain of the sender does not exist',
  '.2.2': 'the mailbox is full',
  '.3.4': 'the message is too large',
  '.7.8': 'the login was wrong',
  '.7.20': 'it has no signature that holds',
  '.7.23': 'SPF says that this client may not send for that domain',
  '.7.25': 'the address of the client has no name',
  '.7.26': 'DMARC of the domain in From says so',
}

function pointsReason(record: StoredRecord): readonly SentencePart[] {
  const met = record.thresholds?.findLast(({ level }) => level !== 'tag')
  if (!met) return []
  const given = (record.opinions ?? []).filter(({ kind, shadow }) => kind === 'suspect' && !shadow)
  const from = given.flatMap((one, index) => [
    text(index === 0 ? ': ' : ', '),
    plugin(one.plugin),
    text(` ${one.points ?? '?'}${one.reason ? ` (${printable(one.reason)})` : ''}`),
  ])
  return [
    text(`, because its points came to ${met.points}, and from ${met.at} on it is ${LEVELS[met.level] ?? met.level}`),
    ...from,
  ]
}

const LEVELS: Readonly<Record<string, string>> = {
  reject: 'refused',
  defer: 'refused for now',
  quarantine: 'set aside',
}

/** What those in shadow would have done. */
function shadows(record: StoredRecord): readonly SentencePart[] {
  const one = record.opinions?.find(({ kind, shadow }) => shadow && AGAINST.has(kind))
  return one
    ? [text('; '), plugin(one.plugin), text(` would have turned it away at ${commandOf(one.hook)}, and runs in shadow`)]
    : []
}

const COMMANDS: Readonly<Record<string, string>> = {
  connect: 'the beginning of the connection',
  helo: 'HELO',
  auth: 'AUTH',
  mail: 'MAIL',
  rcpt: 'RCPT',
  RCPT: 'RCPT',
  route: 'RCPT',
  nexthop: 'RCPT',
  data: 'DATA',
  receive: 'the end of the message',
  message: 'the end of the message',
  rewrite: 'the end of the message',
  quarantine: 'the end of the message',
  queue: 'the end of the message',
}

function commandOf(hook: string): string {
  return COMMANDS[hook] ?? hook
}

/** Foreign words: no control characters, none that turn the direction of the text, not too many. */
export function printable(words: string): string {
  const plain = words
    .slice(0, WORDS)
    .replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '·')
    .trim()
  return words.length > WORDS ? `${plain}…` : plain
}
