/**
 * Keeps the numbers of this process, a bucket for each minute and one for ten of them, in files of its own: `DAY-PID-N.minutes`, `.tens`. A bucket that
 * is not over yet is written again and again; the last line of a time is the one that counts. So nobody has to read records to draw them.
 */
import { appendFile, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoredRecord } from '../record.ts'
import type { MailOutcome } from '../story/outcome.ts'
import { addBucket, type Bucket, emptyBucket } from './bucket.ts'
import { RecordTally } from './record-tally.ts'

const MINUTE = 60_000
const TEN = 600_000
const DAY = 86_400_000
/** Milliseconds between writes. */
const OFTEN = 10_000
/** Days that minutes are kept. */
const MINUTES = 2

/** A bucket and when it began, in milliseconds since the epoch. */
export type Timed = readonly [at: number, bucket: Bucket]

let made = 0

/** One for each process and folder. */
export class StatsKeeper {
  readonly #folder: string
  readonly #days: () => number
  readonly #now: () => number
  readonly #own = `${process.pid}-${++made}`
  #minute: { readonly at: number; readonly tally: RecordTally; cpuMs: number } | undefined
  #ten: { at: number; bucket: Bucket } | undefined
  #isChanged = false
  #cpu = process.cpuUsage()
  #timer: NodeJS.Timeout | undefined
  #turn: Promise<void> = Promise.resolve()
  #sweptOn = ''

  constructor(folder: string, { days, now }: { readonly days: () => number; readonly now: () => number }) {
    this.#folder = folder
    this.#days = days
    this.#now = now
  }

  /** @param outcome how it ended */
  add(record: StoredRecord, outcome: MailOutcome): void {
    const now = this.#now()
    if (this.#minute && (now < this.#minute.at || now >= this.#minute.at + MINUTE)) {
      void this.flush()
      this.#endMinute()
    }
    this.#minute ??= { at: floor(now, MINUTE), tally: new RecordTally(), cpuMs: 0 }
    this.#minute.tally.add(record, outcome)
    this.#isChanged = true
    this.#timer ??= setTimeout(() => void this.flush(), OFTEN).unref()
  }

  /** Resolves when what there is has been written, or could not be. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const minute = this.#minute
    if (!minute || !this.#isChanged) return this.#turn
    this.#isChanged = false
    const { user, system } = process.cpuUsage(this.#cpu)
    this.#cpu = process.cpuUsage()
    minute.cpuMs += Math.round((user + system) / 1_000)
    const ten = floor(minute.at, TEN)
    if (this.#ten?.at !== ten) this.#ten = { at: ten, bucket: emptyBucket() }
    const bucket = bucketOf(minute)
    const whole = emptyBucket()
    addBucket(whole, this.#ten.bucket)
    addBucket(whole, bucket)
    const lines = [
      ['minutes', minute.at, JSON.stringify([minute.at, bucket])],
      ['tens', ten, JSON.stringify([ten, whole])],
    ] as const
    this.#turn = this.#turn.then(() => this.#write(lines))
    return this.#turn
  }

  /** Written as it is; what comes now is of another. */
  #endMinute(): void {
    if (this.#minute && this.#ten) addBucket(this.#ten.bucket, bucketOf(this.#minute))
    this.#minute = undefined
  }

  async close(): Promise<void> {
    await this.flush()
    clearTimeout(this.#timer)
  }

  async #write(lines: readonly (readonly [kind: string, at: number, line: string])[]): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o750 })
      // A line that was cut before is ended by the break.
      for (const [kind, at, line] of lines)
        await appendFile(join(this.#folder, `${dayOf(at)}-${this.#own}.${kind}`), `\n${line}`)
      await this.#sweep()
    } catch {
      // A picture lacks some minutes; the store of the records says what is wrong with the disk.
    }
  }

  async #sweep(): Promise<void> {
    const today = dayOf(this.#now())
    if (today === this.#sweptOn) return
    this.#sweptOn = today
    for (const name of await filesIn(this.#folder)) {
      const day = Date.parse(name.slice(0, 10))
      const days = name.endsWith('.minutes') ? Math.min(MINUTES, this.#days()) : this.#days()
      if (this.#now() - day > (days + 1) * DAY) await rm(join(this.#folder, name), { force: true })
    }
  }
}

function bucketOf({ tally, cpuMs }: { readonly tally: RecordTally; readonly cpuMs: number }): Bucket {
  return { ...tally.bucket(), cpuMs }
}

/** The buckets of all processes that begin in this time, in any order. Minutes where they are kept and few, tens for longer times. */
export async function readBuckets(
  folder: string,
  from: number,
  to: number,
  kind: 'minutes' | 'tens',
): Promise<readonly Timed[]> {
  const [first, last] = [dayOf(from), dayOf(to)]
  const all: Timed[] = []
  for (const name of await filesIn(folder)) {
    if (!name.endsWith(kind) || name.slice(0, 10) < first || name.slice(0, 10) > last) continue
    const own = new Map<number, Bucket>()
    const text = await readFile(join(folder, name), 'utf8').catch(() => '')
    for (const line of text.split('\n')) {
      const timed = line === '' ? undefined : parsed(line)
      if (timed && timed[0] >= from && timed[0] <= to) own.set(...timed)
    }
    all.push(...own)
  }
  return all
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => /^\d{4}-\d\d-\d\d-\d+-\d+\.(?:minutes|tens)$/.test(name))
}

function parsed(line: string): [at: number, bucket: Bucket] | undefined {
  try {
    const value: unknown = JSON.parse(line)
    if (!Array.isArray(value) || typeof value[0] !== 'number' || typeof value[1] !== 'object') return undefined
    return [value[0], { ...emptyBucket(), ...value[1] }]
  } catch {
    return undefined // its end was cut
  }
}

function floor(at: number, step: number): number {
  return Math.floor(at / step) * step
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}
