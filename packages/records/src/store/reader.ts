/** Finds records in the segments of all processes: filters say which blocks are worth a look, the newest first. */
import { type FileHandle, open, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseRecord, type StoredRecord, timeOf } from '../record.ts'
import { isOlder, newestFirst, type RecordPlace, type RecordQuestion, type RecordSource } from '../source.ts'
import { meets, wordsOf } from '../words.ts'
import { blockAt, ENTRY, mayHave, probesOf, type RecordBlock } from './block.ts'

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
  readonly records: number
  /** Of the oldest, in milliseconds since the epoch. */
  readonly from: number | undefined
  readonly octets: number
}

/** Reads a folder of segments, whoever writes them. */
export class RecordReader implements RecordSource {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async find(question: RecordQuestion): Promise<readonly StoredRecord[]> {
    return (await this.look(question)).found
  }

  /** The same, and how much there is to search. What is not in an index yet is not counted. */
  async look(
    question: RecordQuestion,
  ): Promise<{ readonly found: readonly StoredRecord[]; readonly kept: KeptAmount }> {
    const { candidates, kept } = await this.#candidates(question)
    const files = new Map<string, FileHandle | undefined>()
    const found: Found[] = []
    try {
      for (const candidate of candidates) {
        found.sort(newestFirst)
        const last = found[question.limit - 1]
        // Whatever is to come is older than what there is.
        if (last && last.time > candidate.last) break
        found.splice(question.limit)
        found.push(...(await this.#read(candidate, question, files)))
      }
    } finally {
      for (const file of files.values()) await file?.close()
    }
    const shown = found.sort(newestFirst).slice(0, question.limit)
    return { found: shown.map(({ record }) => record), kept }
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
    for (const name of await segmentsIn(this.#folder)) {
      const [index, size] = await Promise.all([
        readIndex(this.#folder, name),
        sizeOf(join(this.#folder, `${name}.log`)),
      ])
      octets += size
      let known = 0
      for (let at = 0; at < index.length; at += ENTRY) {
        const block = blockAt(index, at)
        // An index may be ahead of its segment when the power was cut: then the segment is what counts.
        if (!block || block.offset + block.length > size || block.offset !== known) break
        known = block.offset + block.length
        records += block.count
        oldest = Math.min(oldest, block.first)
        if (block.last >= from && block.first <= end && mayHave(index, at, probes)) candidates.push({ name, ...block })
      }
      for (; known < size; known += PIECE)
        candidates.push({ name, offset: known, length: size - known, count: 0, first: -Infinity, last: Infinity })
    }
    candidates.sort((one, other) => other.last - one.last)
    return { candidates, kept: { records, octets, from: Number.isFinite(oldest) ? oldest : undefined } }
  }

  async #read(
    { name, offset, length, count }: Candidate,
    { wanted, from = -Infinity, to = Infinity, before, accepts }: RecordQuestion,
    files: Map<string, FileHandle | undefined>,
  ): Promise<readonly Found[]> {
    if (!files.has(name)) files.set(name, await open(join(this.#folder, `${name}.log`)).catch(() => undefined))
    const file = files.get(name)
    if (!file) return [] // deleted meanwhile: it was too old
    const text = await readText(file, { offset, length, isPiece: count === 0 })
    const found: Found[] = []
    for (const line of text.split('\n')) {
      const record = line === '' ? undefined : parseRecord(line)
      if (!record) continue
      const place = { time: timeOf(record), id: record.id }
      if (place.time < from || place.time > to || (before && !isOlder(place, before))) continue
      if (meets(wordsOf(record), wanted) && (accepts?.(record) ?? true)) found.push({ ...place, record })
    }
    return found
  }
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

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const octets = Buffer.allocUnsafe(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await file.read(octets, done, length - done, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return octets.subarray(0, done)
}

/** Names of segments, the oldest first; none when there is no folder. */
export async function segmentsIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .filter((name) => /^\d{14}-\d+-\d+\.log$/.test(name))
    .map((name) => name.slice(0, -4))
    .sort()
}

async function readIndex(folder: string, name: string): Promise<Buffer> {
  return readFile(join(folder, `${name}.idx`)).catch(() => Buffer.alloc(0))
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}
