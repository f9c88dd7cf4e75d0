/**
 * Where programs that open a zip archive disagree: some go by the directory at its end, some by the records before the files, some take the first
 * of several archives and some the last. What is shown to one and hidden from another is there to deceive.
 */
import type { Inspector } from './inspector.ts'

const END = 'PK\x05\x06'
const LONG_END = 'PK\x06\x06'
/** Octets: room for 10,000 files and more. */
const LONGEST_DIRECTORY = 1_048_576
const MOST = 1_000
const LONGEST_END = 65_557

interface Entry {
  readonly name: Buffer
  readonly offset: number
  readonly packed: number
}

/**
 * Holds the directory against the records of the files, and lists names that only these have.
 *
 * @returns names in the order of the files, as far as they are known; undefined when it is not to be opened: a directory is read all at once, and
 * some are made so that this takes long
 */
export function inspectZip(octets: Buffer, name: string, inspector: Inspector): readonly string[] | undefined {
  const from = Math.max(0, octets.length - LONGEST_END)
  const end = octets.lastIndexOf(END, undefined, 'latin1')
  if (end < from || end + 22 > octets.length) return []
  const directory = octets.readUInt32LE(end + 16)
  const size = octets.readUInt32LE(end + 12)
  // ZIP64 says it elsewhere.
  const long = octets.lastIndexOf(LONG_END, end, 'latin1')
  const isLong = directory === 0xffff_ffff || octets.toString('latin1', end - 20, end - 16) === 'PK\x06\x07'
  const whole = isLong && long >= 0 && long + 48 <= octets.length ? Number(octets.readBigUInt64LE(long + 40)) : size
  if (whole > LONGEST_DIRECTORY) {
    for (const entry of readDirectory(octets, Math.max(0, end - size), end))
      if (!inspector.list(`${name}/${decoded(entry.name)}`)) break
    inspector.add('unread', `${name}: a directory of ${whole} octets`)
    return undefined
  }
  if (isLong) return []
  // Something before the archive moves all of it.
  const moved = end - size - directory
  if (moved < 0) return []
  const entries = readDirectory(octets, end - size, end)
  let first = octets.length
  for (const entry of entries) {
    const at = entry.offset + moved
    first = Math.min(first, at)
    if (at + 30 > octets.length || octets.readUInt32LE(at) !== 0x0403_4b50) continue
    const local = octets.subarray(at + 30, at + 30 + octets.readUInt16LE(at + 26))
    if (local.equals(entry.name)) continue
    const other = decoded(local)
    inspector.add('disguise', `${name}: ${decoded(entry.name)} is also called ${other}`)
    inspector.list(`${name}/${other}`)
  }
  if (first > 0 && entries.length > 0 && octets.readUInt32LE(0) === 0x0403_4b50)
    noteHidden(octets, { name, inspector, first })
  if (overlaps(entries)) inspector.add('unread', `${name}: files that lie over each other`)
  return entries.toSorted((a, b) => a.offset - b.offset).map((entry) => decoded(entry.name))
}

/** An archive before the archive, which its directory does not know. */
function noteHidden(
  octets: Buffer,
  { name, inspector, first }: { readonly name: string; readonly inspector: Inspector; readonly first: number },
): void {
  const other = decoded(octets.subarray(30, Math.min(first, 30 + octets.readUInt16LE(26))))
  inspector.add('disguise', `${name}: ${other} is in front of what the directory has`)
  inspector.list(`${name}/${other}`)
}

/** UTF-8 where it is that, whatever is said of it: of other letters the ending matters, which is ASCII. */
export function decoded(name: Buffer): string {
  const text = name.toString('utf8')
  return text.includes('\ufffd') ? name.toString('latin1') : text
}

function readDirectory(octets: Buffer, start: number, end: number): readonly Entry[] {
  const entries: Entry[] = []
  for (let at = start; at + 46 <= end && entries.length < MOST; ) {
    if (octets.readUInt32LE(at) !== 0x0201_4b50) break
    const length = octets.readUInt16LE(at + 28)
    const name = octets.subarray(at + 46, at + 46 + length)
    entries.push({ name, offset: octets.readUInt32LE(at + 42), packed: octets.readUInt32LE(at + 20) })
    at += 46 + length + octets.readUInt16LE(at + 30) + octets.readUInt16LE(at + 32)
  }
  return entries
}

function overlaps(entries: readonly Entry[]): boolean {
  const sorted = entries.toSorted((a, b) => a.offset - b.offset)
  return sorted.some(({ offset, packed, name }, index) => {
    const next = sorted[index + 1]
    return next !== undefined && packed !== 0xffff_ffff && offset + 30 + name.length + packed > next.offset
  })
}
