/** Finds records in the segments of all processes: filters say which blocks are worth a look, the newest first. */
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseRecord, type StoredRecord, timeOf } from '../record.ts'
import { isOlder, newestFirst, type RecordPlace, type RecordQuestion, type RecordSource } from '../source.ts'
import { meets, type Sieve, sieveOf, wordsOf } from '../words.ts'
import { probesOf, type RecordBlock } from './block.ts'
import { SegmentIndexes } from './segment-indexes.ts'
import { readAt } from './turned.ts'

/** Octets that are read at once of what has no index yet. */
const PIECE = 1_048_576

interface Candidate extends RecordBlock {
  readonly name: string
}

interface Found extends RecordPlace {
  readonly record: StoredRecord
}

/** What there is. */
export interface KeptAmount {
  records: number
  /** Of the oldest, in milliseconds since the epoch. */
  from: number | undefined
  readonly octets: number
}

/** What was found, how much there is to search, and of what time nothing was looked at: before `until`, where patience has ended. */
export interface LookedAt {
  readonly found: readonly StoredRecord[]
  readonly kept: KeptAmount
  readonly until: number | undefined
}

/** Segments whose indexes are read at the same time. */
const AT_ONCE = 8

/** Reads a folder of segments, whoever writes them. */
export class RecordReader implements RecordSource {
  readonly #folder: string
  readonly #indexes: SegmentIndexes

  constructor(folder: string) {
    this.#folder = folder
    this.#indexes = new SegmentIndexes(folder)
  }

  async find(question: RecordQuestion): Promise<readonly StoredRecord[]> {
    return (await this.look(question)).found
  }

  /** The same, and how much there is to search. */
  async look(question: RecordQuestion): Promise<LookedAt> {
    const { candidates, kept } = await this.#candidates(question)
    const end = performance.now() + (question.patience ?? Infinity)
    const files = new Map<string, FileHandle | undefined>()
    const sieve = sieveOf(question.wanted)
    const found: Found[] = []
    let until: number | undefined
    try {
      for (const [at, candidate] of candidates.entries()) {
        found.sort(newestFirst)
        const last = found[question.limit - 1]
        // Whatever is to come is older than what there is.
        if (last && last.time > candidate.last) break
        if (at > 0 && performance.now() > end && Number.isFinite(candidate.last)) {
          until = candidate.last
          break
        }
        found.splice(question.limit)
        const text = await this.#textOf(candidate, files)
        if (candidate.count === 0) addLines(kept, text)
        found.push(...foundIn(text, question, sieve))
      }
    } finally {
      for (const file of files.values()) await file?.close()
    }
    const shown = found.sort(newestFirst).slice(0, question.limit)
    // Of what is older than the place where it ended there may be newer ones that nobody has looked at.
    const sure = until === undefined ? shown : shown.filter(({ time }) => time > until)
    return { found: sure.map(({ record }) => record), kept, until }
  }

  async #candidates({
    wanted,
    from = -Infinity,
    to = Infinity,
    before,
  }: RecordQuestion): Promise<{ readonly candidates: readonly Candidate[]; readonly kept: KeptAmount }> {
    const probes = probesOf(wanted)
    const end = Math.min(to, before?.time ?? Infinity)
    const candidates: Candidate[] = []
    let [records, octets, oldest] = [0, 0, Infinity]
    const names = await segmentsIn(this.#folder)
    this.#indexes.forget(names)
    for (let first = 0; first < names.length; first += AT_ONCE) {
      const some = names.slice(first, first + AT_ONCE)
      const all = await Promise.all(some.map((name) => this.#indexes.look(name, { probes, from, to: end })))
      for (const [at, { blocks, indexed, size, count, first: since }] of all.entries()) {
        const name = some[at] ?? ''
        octets += size
        records += count
        oldest = Math.min(oldest, since)
        for (const block of blocks) candidates.push({ name, ...block })
        for (let known = indexed; known < size; known += PIECE)
          candidates.push({ name, offset: known, length: size - known, count: 0, first: -Infinity, last: Infinity })
      }
    }
    candidates.sort((one, other) => other.last - one.last)
    return { candidates, kept: { records, octets, from: Number.isFinite(oldest) ? oldest : undefined } }
  }

  async #textOf(
    { name, offset, length, count }: Candidate,
    files: Map<string, FileHandle | undefined>,
  ): Promise<string> {
    if (!files.has(name)) files.set(name, await open(join(this.#folder, `${name}.log`)).catch(() => undefined))
    const file = files.get(name)
    return file ? await readText(file, { offset, length, isPiece: count === 0 }) : '' // deleted meanwhile: it was too old
  }
}

function foundIn(
  text: string,
  { wanted, from = -Infinity, to = Infinity, before, accepts }: RecordQuestion,
  sieve: Sieve,
): readonly Found[] {
  const found: Found[] = []
  // Filters are wrong now and then, and a block may have all words, and no record of it.
  if (!sieve(text)) return found
  for (const line of text.split('\n')) {
    const record = line === '' || !sieve(line) ? undefined : parseRecord(line)
    if (!record) continue
    const place = { time: timeOf(record), id: record.id }
    if (place.time < from || place.time > to || (before && !isOlder(place, before))) continue
    if ((accepts?.(record) ?? true) && meets(wordsOf(record), wanted)) found.push({ ...place, record })
  }
  return found
}

/** What is not in an index yet, or never came into it. */
function addLines(kept: { records: number; from: number | undefined }, text: string): void {
  const lines = text.split('\n').filter((line) => line !== '')
  kept.records += lines.length
  const first = parseRecord(lines[0] ?? '')
  if (first) kept.from = Math.min(kept.from ?? Infinity, timeOf(first))
}

/** Of what has no index a piece begins at the first line that begins in it, and has all of the last one. The line that is being written, or was cut, is left out. */
async function readText(
  file: FileHandle,
  { offset, length, isPiece }: { readonly offset: number; readonly length: number; readonly isPiece: boolean },
): Promise<string> {
  if (!isPiece) return decode(await readAt(file, offset, length))
  const isFirst = offset === 0
  const octets = await readAt(file, isFirst ? 0 : offset - 1, Math.min(length, PIECE) + (isFirst ? 0 : 1))
  const begin = isFirst ? 0 : octets.indexOf(10) + 1
  if (begin === 0 && !isFirst) return ''
  let end = octets.lastIndexOf(10) + 1
  let whole = octets
  if (length > PIECE && end < octets.length) {
    const more = await readAt(file, offset + PIECE, Math.min(length - PIECE, PIECE))
    whole = Buffer.concat([octets, more.subarray(0, more.indexOf(10) + 1)])
    end = whole.length
  }
  return decode(whole.subarray(begin, Math.max(begin, end)))
}

function decode(octets: Buffer): string {
  return octets.toString('utf8')
}

/** Names of segments, the oldest first; none when there is no folder. */
export async function segmentsIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .filter((name) => /^\d{14}-\d+-\d+\.log$/.test(name))
    .map((name) => name.slice(0, -4))
    .sort()
}
