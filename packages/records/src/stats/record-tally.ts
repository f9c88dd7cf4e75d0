/** Counts what records say while it happens, for a mail in a microsecond; a bucket is made of it when it is written. */
import { listOf, type StoredRecord } from '../record.ts'
import { type MailOutcome, stopOf } from '../story/outcome.ts'
import { type Bucket, CLASSES, classOf, emptyBucket } from './bucket.ts'

type Counts = Record<string, number>

/** Of one plugin; see the numbers of a bucket. */
interface PluginTally {
  runs: number
  readonly ms: Uint32Array
  readonly said: Counts
  readonly shadow: Counts
  readonly away: Counts
  readonly failed: Counts
  text: string | undefined
}

/** Of a minute. */
export class RecordTally {
  readonly #outcomes: Partial<Record<MailOutcome, number>> = {}
  readonly #away: Counts = {}
  readonly #tls = new Map<string, number>()
  readonly #deliveries: Counts = {}
  readonly #plugins = new Map<string, PluginTally>()
  #octets = 0

  /** Adds what one record says. */
  add(record: StoredRecord, outcome: MailOutcome): void {
    const { event, size, plugins, tls } = record
    if (event !== 'transaction') {
      if (event === 'delivered' || event === 'deferred' || event === 'bounced') count(this.#deliveries, event)
      return
    }
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1
    this.#octets += size ?? 0
    const secured = tls ? `${tls.version}${tls.group === undefined ? '' : ` ${tls.group}`}` : 'none'
    this.#tls.set(secured, (this.#tls.get(secured) ?? 0) + 1)
    for (const name in plugins) {
      const own = this.#of(name)
      own.runs++
      const place = classOf(plugins[name] ?? 0)
      own.ms[place] = (own.ms[place] ?? 0) + 1
    }
    for (const { plugin, kind, shadow, reason } of listOf(record.opinions)) {
      const own = this.#of(plugin)
      count(shadow ? own.shadow : own.said, kind)
      if (kind !== 'error' && kind !== 'late') continue
      count(own.failed, kind)
      if (typeof reason === 'string') own.text = reason.slice(0, 200)
    }
    // Of what was taken nobody is to be named.
    if (outcome === 'accepted' || outcome === 'left') return
    const stop = stopOf(record)
    if (!stop && outcome !== 'refused' && outcome !== 'deferred') return
    count(this.#away, `${stop?.plugin ?? '-'} ${outcome}`)
    if (stop?.plugin !== undefined) count(this.#of(stop.plugin).away, outcome)
  }

  /** What was counted, as it is kept. */
  bucket(): Bucket {
    return {
      ...emptyBucket(),
      outcomes: { ...this.#outcomes },
      octets: this.#octets,
      away: { ...this.#away },
      tls: Object.fromEntries(this.#tls),
      deliveries: { ...this.#deliveries },
      plugins: Object.fromEntries(
        [...this.#plugins].map(([name, { ms, said, shadow, away, failed, runs, text }]) => [
          name,
          {
            runs,
            ms: Object.fromEntries([...ms.entries()].filter(([, number]) => number > 0)),
            said: { ...said },
            shadow: { ...shadow },
            away: { ...away },
            failed: { ...failed },
            ...(text !== undefined && { text }),
          },
        ]),
      ),
    }
  }

  #of(name: string): PluginTally {
    let own = this.#plugins.get(name)
    if (!own) {
      own = { runs: 0, ms: new Uint32Array(CLASSES), said: {}, shadow: {}, away: {}, failed: {}, text: undefined }
      this.#plugins.set(name, own)
    }
    return own
  }
}

function count(counts: Counts, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1
}
