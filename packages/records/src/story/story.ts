/** What became of one mail: its transactions, from a first attempt that was refused for now on, and what the queue did with it. */
import type { ApiShape } from '@postroad/admin-api'
import { listOf, type StoredRecord, timeOf } from '../record.ts'
import type { RecordSource } from '../source.ts'
import { attemptsOf, isOneNetwork, type MailAttempts } from './attempts.ts'
import { outcomeOf, rowOf } from './outcome.ts'
import {
  code,
  fate,
  printable,
  replyParts,
  type SentencePart,
  sentenceOf,
  text,
  transactionSentence,
  who,
} from './sentence.ts'

/** One thing that happened to a mail. */
export type StoryStep = {
  readonly at: number
  readonly kind: 'transaction' | 'queued' | 'delivered' | 'deferred' | 'bounced' | 'quarantined'
  readonly sentence: SentencePart[]
  readonly transaction?: string
  readonly reply?: string
  readonly host?: string
  readonly to?: string[]
}

/** A story, as the API has it. */
export interface Story {
  readonly id: string
  readonly sentence: SentencePart[]
  readonly steps: StoryStep[]
  readonly transactions: ApiShape<'row'>[]
  readonly finished: boolean
}

/** Records of a kind that a story has. */
const MOST = 100

/** The story of a transaction. */
export async function storyOf(source: RecordSource, own: StoredRecord): Promise<Story> {
  const attempts = await attemptsOf(source, own)
  const deliveries = await deliveriesOf(source, attempts.own)
  const records = [...attempts.own, ...deliveries].sort(
    (one, other) => timeOf(one) - timeOf(other) || order(one) - order(other),
  )
  const transactions = records.filter((record) => !isDelivery(record))
  const last = transactions.at(-1) ?? own
  return {
    id: transactions[0]?.id ?? own.id,
    sentence: [
      ...sentenceOf([
        ...who(last),
        text(': '),
        ...told(
          transactions,
          deliveries.toSorted((one, other) => timeOf(one) - timeOf(other)),
        ),
        ...toldElsewhere(attempts),
      ]),
    ],
    steps: records.map(stepOf),
    transactions: transactions.map(rowOf),
    finished: isFinished(last, deliveries),
  }
}

/** What the queue did with those that it has taken. */
async function deliveriesOf(source: RecordSource, transactions: readonly StoredRecord[]) {
  const deliveries: StoredRecord[] = []
  for (const { receipt, id } of transactions) {
    if (receipt === undefined) continue
    const found = await source.find({
      wanted: [[receipt.toLowerCase(), id.toLowerCase()]],
      limit: MOST,
      accepts: (one) => isDelivery(one) && (one.id === receipt || one.transaction === id),
    })
    deliveries.push(...found)
  }
  return deliveries
}

function isDelivery({ event }: StoredRecord): boolean {
  return event === 'delivered' || event === 'deferred' || event === 'bounced'
}

function order(record: StoredRecord): number {
  return isDelivery(record) ? 1 : 0
}

/** The whole of it, behind who it was. */
function told(transactions: readonly StoredRecord[], deliveries: readonly StoredRecord[]): readonly SentencePart[] {
  const [first] = transactions
  const last = transactions.at(-1)
  if (!first || !last)
    return [text('only what the queue did with it is known'), ...toldDeliveries(deliveries, undefined)]
  const between = transactions.length - 2
  const again: readonly SentencePart[] =
    first === last
      ? []
      : [
          text(between > 0 ? `; came back ${between + 1} times, the last time ` : '; came back '),
          { kind: 'duration', ms: Math.max(timeOf(last) - timeOf(first), 0) },
          text(' later and was '),
          ...fate(last),
        ]
  // Who it was is said of the last one.
  const from: readonly SentencePart[] =
    first === last || isOneNetwork(first, last) ? [] : [text('first tried from '), ...client(first), text(', and ')]
  return [...from, ...fate(first), ...again, ...toldDeliveries(deliveries, timeOf(last))]
}

/** What came from elsewhere, and may have been this mail or another one. */
function toldElsewhere({ own, before, after }: MailAttempts): readonly SentencePart[] {
  const [first, last] = [own[0], own.at(-1)]
  const said = (one: StoredRecord, than: StoredRecord, word: string): readonly SentencePart[] => [
    text('; the same sender came to the same recipient from '),
    ...client(one),
    text(', '),
    { kind: 'duration', ms: Math.abs(timeOf(one) - timeOf(than)) },
    text(` ${word}, perhaps with this mail: `),
    ...fate(one),
  ]
  return [
    ...(before && first ? said(before, first, 'before') : []),
    ...(after && last ? said(after, last, 'later') : []),
  ]
}

function client({ remote = '', helo }: StoredRecord): readonly SentencePart[] {
  return [code(remote), ...(helo === undefined ? [] : [text(' ('), code(printable(helo)), text(')')])]
}

function toldDeliveries(deliveries: readonly StoredRecord[], since: number | undefined): readonly SentencePart[] {
  const parts: SentencePart[] = []
  const deferred = deliveries.filter(({ event }) => event === 'deferred')
  const lastDeferred = deferred.at(-1)
  const final = deliveries.filter(({ event }) => event !== 'deferred')
  if (lastDeferred) {
    const times =
      deferred.length > 1
        ? `${deferred.length} attempts to deliver it were put off, the last by `
        : 'an attempt to deliver it was put off by '
    parts.push(text(`; ${times}`), ...hostOf(lastDeferred), text(' with '), ...wordsOfReply(lastDeferred))
    const isOpen = final.every((one) => timeOf(one) < timeOf(lastDeferred))
    if (isOpen && lastDeferred.next !== undefined)
      parts.push(text(', and the next is made at '), { kind: 'time', at: lastDeferred.next })
  }
  for (const one of final.slice(0, 3)) {
    parts.push(text(one.event === 'delivered' ? '; delivered to ' : '; given up, because '), ...hostOf(one))
    parts.push(
      text(one.event === 'delivered' ? ' with ' : ' said '),
      ...(one.event === 'delivered' ? replyParts(listOf(one.reply)[0]) : wordsOfReply(one)),
    )
    if (since !== undefined)
      parts.push(
        text(' '),
        { kind: 'duration', ms: Math.max(timeOf(one) - since, 0) },
        text(final.length > 1 ? ' after it was taken' : ' after that'),
      )
  }
  if (final.length > 3) parts.push(text(`; and ${final.length - 3} more results`))
  return parts
}

function hostOf({ host, via }: StoredRecord): readonly SentencePart[] {
  return host === undefined ? [text(via === undefined ? 'the queue' : `the transport ${via}`)] : [code(host)]
}

/** Code, status and what was said. */
function wordsOfReply(record: StoredRecord): readonly SentencePart[] {
  return [code((listOf(record.reply)[0] ?? '').slice(0, 200))]
}

function stepOf(record: StoredRecord): StoryStep {
  const reply = listOf(record.reply)[0]
  const isOfQueue = isDelivery(record)
  return {
    at: timeOf(record),
    kind: isOfQueue
      ? (record.event as 'delivered')
      : outcomeOf(record) === 'quarantined'
        ? 'quarantined'
        : 'transaction', // one of three, as was seen
    sentence: [...(isOfQueue ? deliverySentence(record) : transactionSentence(record))],
    ...(isOfQueue ? {} : { transaction: record.id }),
    ...(reply === undefined ? {} : { reply }),
    ...(record.host === undefined ? {} : { host: record.host }),
    ...(record.to === undefined ? {} : { to: [...record.to] }),
  }
}

/** What one attempt of the queue came to, as a whole sentence. */
export function deliverySentence(record: StoredRecord): readonly SentencePart[] {
  const to: readonly SentencePart[] = listOf(record.to)
    .slice(0, 3)
    .flatMap((one, index) => [text(index > 0 ? ', ' : ' for '), { kind: 'address' as const, text: one }])
  const host = hostOf(record)
  if (record.event === 'delivered')
    return sentenceOf([text('delivered'), ...to, text(' to '), ...host, text(': '), ...wordsOfReply(record)])
  const next: readonly SentencePart[] =
    record.next === undefined ? [] : [text('; the next attempt is at '), { kind: 'time', at: record.next }]
  const word = record.event === 'bounced' ? 'given up' : 'put off'
  return sentenceOf([text(word), ...to, text(', because '), ...host, text(' said '), ...wordsOfReply(record), ...next])
}

/** Whether nothing more is to be expected. */
function isFinished(last: StoredRecord, deliveries: readonly StoredRecord[]): boolean {
  if (last.event !== 'transaction') return true
  const outcome = outcomeOf(last)
  if (outcome === 'accepted') {
    const done = new Set(deliveries.filter(({ event }) => event !== 'deferred').flatMap(({ to }) => listOf(to)))
    return done.size > 0 && listOf(last.to).every((to) => done.has(to))
  }
  return outcome !== 'deferred'
}
