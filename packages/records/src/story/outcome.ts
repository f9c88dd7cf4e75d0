/** How a transaction ended, and who turned it away: read from its record. */
import type { ApiShape } from '@postroad/admin-api'
import { listOf, refusedOf, type StoredOpinion, type StoredRecord, timeOf } from '../record.ts'

/** How it ended. */
export type MailOutcome = ApiShape<'row'>['outcome']
/** Who turned it away, at which hook, and where the client was told. */
export type Stop = NonNullable<ApiShape<'row'>['stop']>

/** How a transaction, or a session without any, ended. */
export function outcomeOf(record: StoredRecord): MailOutcome {
  if (record.event === 'auth') return 'refused'
  if (record.event !== 'transaction') return Number(record['refused'] as unknown) > 0 ? 'refused' : 'left'
  const { judged } = record
  if (judged?.outcome === 'pass') return 'accepted'
  if (judged?.outcome === 'quarantine') return 'quarantined'
  if (judged?.outcome === 'discard') return 'discarded'
  const replies = listOf(record.reply)
  const taken = replies.find((reply) => reply.startsWith('2'))
  if (taken !== undefined) {
    if (record.receipt === undefined && / Reset$/.test(taken)) return 'left'
    if (said(record, 'quarantine') || record.thresholds?.some(({ level }) => level === 'quarantine'))
      return 'quarantined'
    return record.receipt === undefined && said(record, 'discard') ? 'discarded' : 'accepted'
  }
  if (replies.some((reply) => reply.startsWith('451 4.4.2'))) return 'left'
  return replies.some((reply) => reply.startsWith('5')) ? 'refused' : 'deferred'
}

function said(record: StoredRecord, kind: string): boolean {
  return record.opinions?.some((one) => one.kind === kind && !one.shadow) ?? false
}

/** The opinion that decided, where one did: of the plugin that is named with a refused recipient, or the one that has the words of the reply. */
export function decisive(record: StoredRecord, to?: string): StoredOpinion | undefined {
  const refusals =
    record.opinions?.filter(({ kind, shadow }) => !shadow && (kind === 'reject' || kind === 'defer')) ?? []
  const refused = refusedOf(record).find((one) => to === undefined || one.to === to)
  const reply = refused?.reply ?? listOf(record.reply).find((one) => !one.startsWith('2')) ?? ''
  const own = refused?.plugin === undefined ? refusals : refusals.filter(({ plugin }) => plugin === refused.plugin)
  return (
    own.find((one) => one.to !== undefined && one.to === refused?.to) ??
    own.find(({ text }) => text !== undefined && reply.endsWith(text)) ??
    (refused?.plugin === undefined ? undefined : own[0])
  )
}

/** The failure that decided, where one did. */
export function failureOf(record: StoredRecord, plugin?: string): StoredOpinion | undefined {
  const replies = [...listOf(record.reply), ...refusedOf(record).map(({ reply }) => reply)]
  if (!replies.some((reply) => / Local error in processing/.test(reply))) return undefined
  return record.opinions?.find(
    (one) =>
      (one.kind === 'error' || one.kind === 'late') && !one.shadow && (plugin === undefined || one.plugin === plugin),
  )
}

const TOLD: Readonly<Record<string, string>> = { connect: 'RCPT', helo: 'RCPT', mail: 'RCPT' }

/** Who turned it away; undefined when nobody did, or nobody knows. */
export function stopOf(record: StoredRecord): Stop | undefined {
  const outcome = outcomeOf(record)
  if (outcome === 'quarantined' || outcome === 'discarded') {
    const one = record.opinions?.find(({ kind, shadow }) => !shadow && kind === outcome.replace(/(?:ed|d)$/, ''))
    if (one) return { plugin: one.plugin, hook: one.hook }
    return record.thresholds ? { plugin: 'thresholds', hook: 'message' } : undefined
  }
  if (outcome !== 'refused' && outcome !== 'deferred') return undefined
  const one = decisive(record) ?? failureOf(record)
  if (one) {
    const told = refusedOf(record).length > 0 ? TOLD[one.hook] : undefined
    return { plugin: one.plugin, hook: one.hook, ...(told === undefined ? {} : { told }) }
  }
  if (record.thresholds?.some(({ level }) => level === 'reject' || level === 'defer'))
    return { plugin: 'thresholds', hook: 'message' }
  const [refused] = refusedOf(record)
  if (refused) {
    const hook = / Relaying denied$/.test(refused.reply) ? 'route' : 'rcpt'
    return { ...(refused.plugin === undefined ? {} : { plugin: refused.plugin }), hook }
  }
  return record.queue === undefined ? undefined : { plugin: record.queue, hook: 'queue' }
}

/** A row of a list. */
export function rowOf(record: StoredRecord): ApiShape<'row'> {
  const stop = stopOf(record)
  const refused = refusedOf(record)
  const to = [...new Set([...listOf(record.to), ...refused.map((one) => one.to)])]
  const shadowed = record.opinions?.some(({ shadow, kind }) => shadow && AGAINST.has(kind)) ?? false
  const failed = record.opinions?.some(({ kind }) => kind === 'error' || kind === 'late') ?? false
  return {
    id: record.id,
    at: timeOf(record),
    ms: record.ms ?? 0,
    listener: record.listener ?? '',
    remote: record.remote ?? '',
    ...(record.helo === undefined ? {} : { helo: record.helo }),
    ...(record.event === 'transaction' ? { from: record.from ?? '' } : {}),
    to: to.slice(0, 3),
    recipients: to.length,
    ...(record.messageId === undefined ? {} : { messageId: record.messageId }),
    ...(record.subject === undefined ? {} : { subject: record.subject }),
    size: record.size ?? 0,
    points: record.points ?? 0,
    outcome: outcomeOf(record),
    reply: replyOf(record),
    ...(stop === undefined ? {} : { stop }),
    shadow: shadowed,
    failed,
  }
}

/** Opinions that turn mail away. */
export const AGAINST: ReadonlySet<string> = new Set(['reject', 'defer', 'quarantine', 'discard'])

function replyOf(record: StoredRecord): string {
  return listOf(record.reply)[0] ?? (record.closed === undefined ? '' : `closed: ${record.closed}`)
}
