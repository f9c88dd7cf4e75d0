/**
 * The index of a segment that is complete, turned on its side: first the heads of all blocks, then for each bit of the filter a row with that
 * bit of every block. A question reads the rows of its words' regions, where the entries one after the other would be read whole.
 */
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { blockAt, ENTRY, FILTER, HEAD, type Probes, REGION, type RecordBlock } from './block.ts'

const MAGIC = 0x5052_5432
const BITS = FILTER * 8
/** Octets before the heads. */
const START = 16
/** Blocks from which on it is worth it: fewer are read whole, with one look. */
const FEWEST = 32

/** Makes `.bits` of `.idx`; nothing is done to the small. @param path of the segment, without the ending */
export async function turnIndex(path: string): Promise<void> {
  const index = await readFile(`${path}.idx`)
  const count = Math.floor(index.length / ENTRY)
  if (count < FEWEST || blockAt(index, (count - 1) * ENTRY) === undefined) return
  const made = `${path}.bits.new`
  const file = await open(made, 'w', 0o640)
  try {
    await file.writeFile(await turned(index, count))
    // A row that lacks bits would hide records; what is not whole must not be there after a power cut.
    await file.datasync()
  } catch (error) {
    await rm(made, { force: true })
    throw error
  } finally {
    await file.close()
  }
  await rename(made, `${path}.bits`)
  await rm(`${path}.idx`, { force: true })
}

async function turned(index: Buffer, count: number): Promise<Buffer> {
  const width = widthOf(count)
  const rows = START + count * HEAD
  const out = Buffer.alloc(rows + BITS * width)
  out.writeUInt32LE(MAGIC, 0)
  out.writeUInt32LE(count, 4)
  for (let block = 0; block < count; block += 8) {
    for (let one = block; one < Math.min(block + 8, count); one++)
      index.copy(out, START + one * HEAD, one * ENTRY, one * ENTRY + HEAD)
    turnEight(index.subarray(block * ENTRY, count * ENTRY), out.subarray(rows + (block >>> 3)), width)
    await new Promise(setImmediate)
  }
  return out
}

/**
 * The bits of eight entries, or of what there is of them, as an octet of each row: squares of eight by eight bits are turned in registers (Warren,
 * Hacker's Delight, 7-3).
 */
function turnEight(entries: Uint8Array, rows: Uint8Array, width: number): void {
  const octet = (block: number, at: number): number => entries[block * ENTRY + at] ?? 0
  for (let at = HEAD, row = 0; at < ENTRY; at++, row += 8 * width) {
    let high = (octet(7, at) << 24) | (octet(6, at) << 16) | (octet(5, at) << 8) | octet(4, at)
    let low = (octet(3, at) << 24) | (octet(2, at) << 16) | (octet(1, at) << 8) | octet(0, at)
    if ((high | low) === 0) continue
    let swap = (high ^ (high >>> 7)) & 0x00aa00aa
    high = high ^ swap ^ (swap << 7)
    swap = (low ^ (low >>> 7)) & 0x00aa00aa
    low = low ^ swap ^ (swap << 7)
    swap = (high ^ (high >>> 14)) & 0x0000cccc
    high = high ^ swap ^ (swap << 14)
    swap = (low ^ (low >>> 14)) & 0x0000cccc
    low = low ^ swap ^ (swap << 14)
    swap = (high & 0xf0f0f0f0) | ((low >>> 4) & 0x0f0f0f0f)
    low = ((high << 4) & 0xf0f0f0f0) | (low & 0x0f0f0f0f)
    high = swap
    for (let bit = 0; bit < 4; bit++) {
      rows[row + bit * width] = low >>> (8 * bit)
      rows[row + (bit + 4) * width] = high >>> (8 * bit)
    }
  }
}

function widthOf(count: number): number {
  return Math.ceil(count / 8)
}

/** The blocks of a turned index, which never change. */
export interface TurnedHeads {
  readonly blocks: readonly RecordBlock[]
  /** The time of the whole, in milliseconds since the epoch. */
  readonly first: number
  readonly last: number
  /** Of the records. */
  readonly count: number
}

/** Reads the heads; undefined for what is not whole. */
export async function readHeads(file: FileHandle): Promise<TurnedHeads | undefined> {
  const start = await readAt(file, 0, START)
  if (start.length < START || start.readUInt32LE(0) !== MAGIC) return undefined
  const total = start.readUInt32LE(4)
  if ((await file.stat()).size !== START + total * HEAD + BITS * widthOf(total)) return undefined
  const heads = await readAt(file, START, total * HEAD)
  const blocks: RecordBlock[] = []
  let [first, last, count] = [Infinity, -Infinity, 0]
  for (let at = 0; at < total; at++) {
    const block = blockAt(heads, at * HEAD, HEAD)
    if (block === undefined) return undefined
    blocks.push(block)
    first = Math.min(first, block.first)
    last = Math.max(last, block.last)
    count += block.count
  }
  return { blocks, first, last, count }
}

/** Of each block whether it may have all words: a bit, in the order of the blocks. */
export async function blocksWith(file: FileHandle, count: number, probes: Probes): Promise<Uint8Array> {
  const width = widthOf(count)
  const rows = START + count * HEAD
  const may = new Uint8Array(width).fill(0xff)
  for (const spellings of probes) {
    const some = new Uint8Array(width)
    await Promise.all(
      spellings.map(async (bits) => {
        const region = Math.floor((bits[0] ?? 0) / REGION) * REGION
        const octets = await readAt(file, rows + region * width, REGION * width)
        const all = new Uint8Array(width).fill(0xff)
        for (const bit of bits) meet(all, octets.subarray((bit - region) * width, (bit - region + 1) * width))
        for (let at = 0; at < width; at++) some[at] = (some[at] ?? 0) | (all[at] ?? 0)
      }),
    )
    meet(may, some)
    // What cannot be met any more is not looked at further.
    if (may.every((octet) => octet === 0)) break
  }
  return may
}

/** What could not be read hides nothing. */
function meet(all: Uint8Array, row: Uint8Array): void {
  for (let at = 0; at < all.length; at++) all[at] = (all[at] ?? 0) & (row[at] ?? 0xff)
}

/** As many octets as there are. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const octets = Buffer.allocUnsafe(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await file.read(octets, done, length - done, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return octets.subarray(0, done)
}
