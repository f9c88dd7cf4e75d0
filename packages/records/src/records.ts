/** The records of a server: what is kept of the feed, and every question about it. Answers are those of the admin interface. */
import { join } from 'node:path'
import type { ApiAnswer } from '@postroad/admin-api'
import { defineService, type Feed, type Logger, type Service } from '@postroad/plugin'
import { parseRecord, type StoredRecord, timeOf } from './record.ts'
import type { RecordPlace, RecordSource } from './source.ts'
import { StatsKeeper } from './stats/keeper.ts'
import { type PluginAnswer, pluginNumbers, seriesOf, spanOf, summaryOf } from './stats/numbers.ts'
import { RecordReader } from './store/reader.ts'
import { type Bounds, sweep } from './store/retention.ts'
import { RecordWriter } from './store/writer.ts'
import { AGAINST, type MailOutcome, outcomeOf, rowOf } from './story/outcome.ts'
import { transactionSentence } from './story/sentence.ts'
import { type Story, storyOf } from './story/story.ts'
import { isShown, outcomeWord, wantedOf } from './words.ts'

type Answer<K extends 'transactions' | 'transaction' | 'series' | 'summary' | 'shadow'> = Omit<
  ApiAnswer<K>,
  'generation' | 'workers'
>

/** What is searched for. */
export interface SearchQuery {
  /** Words, all of which must be met. */
  readonly q?: string
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly outcome?: MailOutcome | undefined
  /** `next` of the answer before. */
  readonly before?: string | undefined
  readonly limit?: number
  /** The records beside their rows. */
  readonly full?: boolean
  /** Milliseconds after which it answers with what it has, and goes on with `next`; default: when all is found. */
  readonly patience?: number
}

/** Of which time: milliseconds. */
export interface SpanQuery {
  readonly span: number
  readonly step?: number | undefined
}

/** What is kept, and found again. All workers of a server keep in one folder, and each of them finds all of it. */
export interface MailRecords {
  /**
   * Keeps what the feed tells until what it returns is called; of several who ask for the same feed it is kept once. What is said of bounds and
   * log holds from now on.
   */
  keep(feed: Feed, how?: Partial<Bounds> & { readonly log?: Pick<Logger, 'warn'> }): () => void
  /** Transactions and sessions without any, newest first. */
  search(query: SearchQuery): Promise<Answer<'transactions'>>
  /** By the id of a transaction, a session, or of a receipt. */
  transaction(id: string): Promise<Answer<'transaction'> | undefined>
  story(id: string): Promise<Story | undefined>
  series(query: SpanQuery & { readonly names: readonly string[] }): Promise<Answer<'series'>>
  summary(query: SpanQuery): Promise<Answer<'summary'>>
  plugins(query: SpanQuery): Promise<{
    readonly from: number
    readonly to: number
    readonly stepMs: number
    readonly plugins: readonly PluginAnswer[]
  }>
  /** What a plugin in shadow would have done. */
  shadow(plugin: string, query: SpanQuery): Promise<Answer<'shadow'>>
  /** Records that this process has lost: the disk was full, or too slow. */
  readonly dropped: number
  /** Writes what waits. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** The records of the server; a server of the command line has them without a plugin. */
export const MailRecords: Service<MailRecords> = defineService('records')

/** Where records are kept, and how much of them. */
export interface RecordOptions extends Partial<Bounds> {
  readonly folder: string
  readonly log?: Pick<Logger, 'warn'>
  readonly now?: () => number
}

const DAYS = 14
const BYTES = 2 * 1_073_741_824
/** Octets of a segment at most; a folder of small bounds has smaller ones. */
const SEGMENT = 64 * 1_048_576
const LIMIT = 50
/** Records that are looked at for what a plugin in shadow would have done. */
const SHADOWED = 2_000

/** Opens records; nothing is made before something is kept. */
export function openRecords({
  folder,
  days = DAYS,
  bytes = BYTES,
  log = SILENT,
  now = Date.now,
}: RecordOptions): MailRecords {
  return new KeptRecords({ folder, days, bytes, log, now })
}

const SILENT = { warn: () => undefined }

class KeptRecords implements MailRecords {
  readonly #writer: RecordWriter
  readonly #reader: RecordReader
  readonly #stats: StatsKeeper
  readonly #folder: string
  readonly #numbers: string
  #bounds: Bounds
  #log: Pick<Logger, 'warn'>
  readonly #now: () => number
  readonly #feeds = new Map<Feed, { count: number; readonly stop: () => void }>()

  constructor({ folder, days, bytes, log, now }: Required<RecordOptions>) {
    this.#now = now
    this.#bounds = { days, bytes }
    this.#log = log
    this.#folder = folder
    this.#numbers = join(folder, 'numbers')
    this.#stats = new StatsKeeper(this.#numbers, { days: () => this.#bounds.days, now })
    this.#reader = new RecordReader(folder)
    this.#writer = new RecordWriter({
      folder,
      segment: () => segmentOf(this.#bounds),
      log: { warn: (fields, text) => this.#log.warn(fields, text) },
      now,
      onSegment: () => void this.#sweep(),
    })
  }

  keep(feed: Feed, { log, ...bounds }: Parameters<MailRecords['keep']>[1] = {}): () => void {
    this.#bounds = { ...this.#bounds, ...bounds }
    this.#log = log ?? this.#log
    const known = this.#feeds.get(feed) ?? {
      count: 0,
      stop: feed.watch({ recorded: (record, written) => this.#add(record as StoredRecord, written) }), // fields of another type are passed over
    }
    known.count++
    this.#feeds.set(feed, known)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      known.count--
      if (known.count > 0) return
      known.stop()
      this.#feeds.delete(feed)
    }
  }

  async #sweep(): Promise<void> {
    const { days, bytes } = this.#bounds
    const room = bytes - segmentOf(this.#bounds)
    try {
      await sweep(this.#folder, { days, bytes: room }, { now: this.#now(), own: this.#writer.current })
    } catch (error) {
      this.#log.warn({ error }, 'records that are too old could not be deleted')
    }
  }

  get dropped(): number {
    return this.#writer.dropped
  }

  #add(told: StoredRecord, written: { readonly line: string }): void {
    let record = told
    let outcome: MailOutcome | undefined
    try {
      outcome = outcomeOf(record)
    } catch {
      // A plugin has left something of another shape in it: it is taken as it will be read.
      record = readBack(written) ?? told
      outcome = record === told ? undefined : outcomeOf(record)
    }
    if (outcome !== undefined) this.#stats.add(record, outcome)
    this.#writer.add(record, written, outcome)
  }

  async search({
    q = '',
    from,
    to,
    outcome,
    before,
    limit = LIMIT,
    full = false,
    patience,
  }: SearchQuery): Promise<Answer<'transactions'>> {
    const began = performance.now()
    await this.flush()
    const [since, end] = [from ?? -Infinity, to ?? Infinity]
    const { found, kept, until } = await this.#reader.look({
      wanted: [...wantedOf(q), ...(outcome === undefined ? [] : [[outcomeWord(outcome)]])],
      from,
      to,
      before: before === undefined ? undefined : placeOf(before),
      limit: limit + 1,
      patience,
      accepts: (record) =>
        isShown(record)
          ? outcome === undefined || outcomeOf(record) === outcome
          : q !== '' && record.transaction !== undefined,
    })
    const page = found.slice(0, limit)
    const rows = await transactionsOf(this.#reader, page, patience)
    const shown = rows.filter((record) => timeOf(record) >= since && timeOf(record) <= end)
    const next = nextOf({ last: found.length > limit ? page.at(-1) : undefined, until })
    return {
      items: shown.map(rowOf),
      ...(full && { records: shown as NonNullable<Answer<'transactions'>['records']> }), // read, and not changed by anybody
      ...(next !== undefined && { next }),
      ...(until !== undefined && found.length <= limit && { until }),
      tookMs: Math.round(performance.now() - began),
      kept: { records: kept.records, octets: kept.octets, ...(kept.from !== undefined && { from: kept.from }) },
    }
  }

  async transaction(id: string): Promise<Answer<'transaction'> | undefined> {
    const record = await this.#record(id)
    return record && transactionOf(record)
  }

  async story(id: string): Promise<Story | undefined> {
    const record = await this.#record(id)
    return record && storyOf(this.#reader, record)
  }

  async #record(id: string): Promise<StoredRecord | undefined> {
    await this.flush()
    return findById(this.#reader, id)
  }

  async series({ names, span, step }: SpanQuery & { readonly names: readonly string[] }): Promise<Answer<'series'>> {
    await this.#stats.flush()
    return seriesOf(this.#numbers, names, spanOf(this.#now(), span, step))
  }

  async summary({ span }: SpanQuery): Promise<Answer<'summary'>> {
    await this.#stats.flush()
    return summaryOf(this.#numbers, spanOf(this.#now(), span))
  }

  async plugins({ span, step }: SpanQuery) {
    await this.#stats.flush()
    return pluginNumbers(this.#numbers, spanOf(this.#now(), span, step))
  }

  async shadow(plugin: string, { span }: SpanQuery): Promise<Answer<'shadow'>> {
    await this.flush()
    const now = this.#now()
    const found = await this.#reader.find({
      wanted: [[plugin.toLowerCase()], ['shadow']],
      from: now - span,
      limit: SHADOWED,
      accepts: ({ opinions }) => opinions?.some((one) => one.plugin === plugin && one.shadow === true) ?? false,
    })
    const would: Record<string, number> = {}
    const against: StoredRecord[] = []
    for (const record of found) {
      const own = (record.opinions ?? []).filter((one) => one.plugin === plugin && one.shadow)
      for (const { kind } of own) would[kind] = (would[kind] ?? 0) + 1
      if (own.some(({ kind }) => AGAINST.has(kind))) against.push(record)
    }
    const ended = against.map(outcomeOf)
    const count = (outcome: MailOutcome): number => ended.filter((one) => one === outcome).length
    const { plugins } = await this.plugins({ span })
    // Newest first: of more than are looked at the older ones do not count.
    const oldest = found.length < SHADOWED ? undefined : found.at(-1)
    const since = oldest === undefined ? now - span : Math.max(now - span, timeOf(oldest))
    return {
      plugin,
      from: since,
      steps: stepsOf(against, since, now),
      seen: plugins.find(({ name }) => name === plugin)?.runs ?? found.length,
      would,
      ofThese: {
        accepted: count('accepted'),
        quarantined: count('quarantined'),
        turnedAwayByOthers: count('refused') + count('deferred'),
      },
      disputed: against
        .filter((record) => outcomeOf(record) === 'accepted')
        .slice(0, LIMIT)
        .map(rowOf),
    }
  }

  async flush(): Promise<void> {
    await this.#writer.flush()
  }

  async close(): Promise<void> {
    for (const { stop } of this.#feeds.values()) stop()
    this.#feeds.clear()
    await Promise.all([this.#writer.close(), this.#stats.close()])
  }
}

function readBack(written: { readonly line: string }): StoredRecord | undefined {
  try {
    return parseRecord(written.line)
  } catch {
    return undefined // it cannot be written either
  }
}

/** Steps of a picture of what a plugin in shadow would have done. */
const STEPS = 48

function stepsOf(against: readonly StoredRecord[], from: number, to: number): Answer<'shadow'>['steps'] {
  const stepMs = Math.max(1, Math.ceil((to - from) / STEPS))
  const [would, agreed] = [Array<number>(STEPS).fill(0), Array<number>(STEPS).fill(0)]
  for (const record of against) {
    const step = Math.min(STEPS - 1, Math.max(0, Math.floor((timeOf(record) - from) / stepMs)))
    would[step] = (would[step] ?? 0) + 1
    if (outcomeOf(record) !== 'accepted') agreed[step] = (agreed[step] ?? 0) + 1
  }
  return { from, stepMs, would, agreed }
}

function segmentOf({ bytes }: Bounds): number {
  return Math.min(SEGMENT, Math.max(Math.floor(bytes / 16), 65_536))
}

/** All that one record says. */
export function transactionOf(record: StoredRecord): Answer<'transaction'> {
  return {
    row: rowOf(record),
    record: record as Answer<'transaction'>['record'], // its fields were looked at when it was read
    sentence: [...transactionSentence(record)],
    story: record.id,
    ...(record.thresholds && {
      thresholds: record.thresholds.map(({ at, level }) => ({ at, action: level })),
    }),
    failures: (record.opinions ?? []).flatMap(({ plugin, hook, kind, reason }) =>
      kind === 'error' || kind === 'late' ? [{ plugin, hook, text: reason ?? '' }] : [],
    ),
  }
}

/** The record of an id: of a transaction or a session, or the transaction that a receipt or a delivery belongs to. */
export async function findById(source: RecordSource, id: string): Promise<StoredRecord | undefined> {
  const found = await source.find({
    wanted: [[id.toLowerCase()]],
    limit: 20,
    accepts: (record) => [record.id, record.receipt, record.transaction, record['reportOn']].includes(id),
  })
  const own = found.find((record) => record.id === id && isShown(record)) ?? found.find(({ receipt }) => receipt === id)
  if (own || found.length === 0) return own
  const transaction = found.find((record) => record.transaction !== undefined)?.transaction
  return (transaction === undefined || transaction === id ? undefined : await findById(source, transaction)) ?? found[0]
}

/** What was found, with the transactions in place of what became of them later, the newest first; one that is not kept any more is left out. */
async function transactionsOf(
  source: RecordSource,
  found: readonly StoredRecord[],
  patience: number | undefined,
): Promise<readonly StoredRecord[]> {
  const shown = found.filter(isShown)
  const later = found.filter((record) => !isShown(record))
  const known = new Set(shown.map(({ id }) => id))
  const ids = [...new Set(later.flatMap(({ transaction = '' }) => (known.has(transaction) ? [] : [transaction])))]
  if (ids.length === 0) return shown
  const own = await source.find({
    wanted: [ids.map((id) => id.toLowerCase())],
    to: Math.max(...later.map(timeOf)),
    limit: ids.length,
    patience,
    accepts: (record) => isShown(record) && ids.includes(record.id),
  })
  return [...shown, ...own].sort((one, other) => timeOf(other) - timeOf(one))
}

function nextOf({ last, until }: { readonly last: StoredRecord | undefined; readonly until: number | undefined }) {
  if (last) return `${timeOf(last)}_${last.id}`
  // Behind every id there may be.
  return until === undefined ? undefined : `${until}_~`
}

function placeOf(text: string): RecordPlace | undefined {
  const [, time = '', id = ''] = /^(-?\d+)_(.*)$/s.exec(text) ?? []
  return time === '' ? undefined : { time: Number(time), id }
}
