/** MailRecords of log files: lines of JSON as `postroad start --log json` writes them, with whatever a collector has put before them. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { parseRecord, type StoredRecord, timeOf } from './record.ts'
import { isOlder, newestFirst, type RecordPlace, type RecordQuestion, type RecordSource } from './source.ts'
import { meets, wordsOf } from './words.ts'

/**
 * Answers from log files, each of which is read once for every question; `.gz` is unpacked.
 *
 * @throws (rejects) what opening or reading a file throws
 */
export function logSource(files: readonly string[]): RecordSource {
  return { find: (question) => find(files, question) }
}

async function find(files: readonly string[], question: RecordQuestion): Promise<readonly StoredRecord[]> {
  const { wanted, from = -Infinity, to = Infinity, before, limit, accepts } = question
  let found: (RecordPlace & { readonly record: StoredRecord })[] = []
  for (const file of files)
    for await (const line of linesOf(file)) {
      const record = parseRecord(line)
      if (!record) continue
      const place = { time: timeOf(record), id: record.id }
      if (place.time < from || place.time > to || (before && !isOlder(place, before))) continue
      if (!meets(wordsOf(record), wanted) || accepts?.(record) === false) continue
      found.push({ ...place, record })
      // A log may be large, and every line of it meet the question.
      if (found.length >= limit * 2 + 1_000) found = found.sort(newestFirst).slice(0, limit)
    }
  return found
    .sort(newestFirst)
    .slice(0, limit)
    .map(({ record }) => record)
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const raw = createReadStream(file)
  let input: Readable = raw
  if (file.endsWith('.gz')) {
    const unpacked = createGunzip()
    raw.once('error', (error) => unpacked.destroy(error))
    input = raw.pipe(unpacked)
  }
  const failed = new Promise<never>((_resolve, reject) => input.once('error', reject))
  failed.catch(() => undefined) // it is raced below; a failure after the last line is none
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]()
  try {
    for (;;) {
      const { value, done } = await Promise.race([lines.next(), failed])
      if (done) return
      yield value
    }
  } finally {
    raw.destroy()
  }
}
