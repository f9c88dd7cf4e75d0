/** The indexes of all segments: which blocks of one are worth a look, and how much is in it. */
import { open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { blockAt, ENTRY, mayHave, type Probes, type RecordBlock } from './block.ts'
import { blocksWith, readHeads, type TurnedHeads } from './turned.ts'

/** What is asked of an index; times are milliseconds since the epoch. */
export interface IndexQuestion {
  readonly probes: Probes
  readonly from: number
  readonly to: number
}

/** What it says of one segment. */
export interface LookedUp {
  readonly blocks: readonly RecordBlock[]
  /** Octets of the segment that the index knows of, and all of them. */
  readonly indexed: number
  readonly size: number
  /** Records that the index knows of, and the time of the oldest. */
  readonly count: number
  readonly first: number
}

/** Of one folder. What cannot change any more is remembered without its filters: some hundred octets for each block. */
export class SegmentIndexes {
  readonly #folder: string
  readonly #turned = new Map<string, TurnedHeads>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Of segments that are not there any more nothing is remembered. */
  forget(there: readonly string[]): void {
    if (this.#turned.size === 0) return
    const names = new Set(there)
    for (const name of this.#turned.keys()) if (!names.has(name)) this.#turned.delete(name)
  }

  /** @param name of the segment */
  async look(name: string, question: IndexQuestion): Promise<LookedUp> {
    const path = join(this.#folder, name)
    return (
      (await this.#lookTurned(name, question)) ??
      (await lookAtEntries(path, question)) ??
      // While one was looked for it may have been turned.
      (await this.#lookTurned(name, question)) ?? { ...NOTHING, size: await sizeOf(`${path}.log`) }
    )
  }

  async #lookTurned(name: string, { probes, from, to }: IndexQuestion): Promise<LookedUp | undefined> {
    const path = join(this.#folder, name)
    const isOutside = (heads: TurnedHeads): boolean => heads.last < from || heads.first > to
    const known = this.#turned.get(name)
    if (known && isOutside(known)) return asLookedUp(known, [], await sizeOf(`${path}.log`))
    const file = await open(`${path}.bits`).catch(() => undefined)
    if (!file) return undefined
    try {
      const heads = known ?? (await readHeads(file))
      if (!heads) return undefined
      this.#turned.set(name, heads)
      const may = isOutside(heads) ? undefined : await blocksWith(file, heads.blocks.length, probes)
      const blocks = heads.blocks.filter(({ first, last }, at) => isSet(may, at) && last >= from && first <= to)
      return asLookedUp(heads, blocks, await sizeOf(`${path}.log`))
    } catch {
      return undefined // it cannot be read: the segment can
    } finally {
      await file.close()
    }
  }
}

const NOTHING = { blocks: [], indexed: 0, count: 0, first: Infinity }

function isSet(bits: Uint8Array | undefined, at: number): boolean {
  return ((bits?.[at >>> 3] ?? 0) & (1 << (at & 7))) !== 0
}

/** An index may be ahead of its segment when the power was cut: then the segment is what counts. */
function asLookedUp(heads: TurnedHeads, blocks: readonly RecordBlock[], size: number): LookedUp {
  const last = heads.blocks.findLast((block) => endOf(block) <= size)
  return {
    blocks: blocks.filter((block) => endOf(block) <= size),
    indexed: last ? endOf(last) : 0,
    size,
    count: heads.count,
    first: heads.first,
  }
}

function endOf({ offset, length }: RecordBlock): number {
  return offset + length
}

/** Of what is being written, or is small; undefined when there is none. */
async function lookAtEntries(path: string, { probes, from, to }: IndexQuestion): Promise<LookedUp | undefined> {
  const index = await readFile(`${path}.idx`).catch(() => undefined)
  if (!index) return undefined
  // After the index: what was written between is read from the segment itself.
  const size = await sizeOf(`${path}.log`)
  const blocks: RecordBlock[] = []
  let [indexed, count, oldest] = [0, 0, Infinity]
  for (let at = 0; at < index.length; at += ENTRY) {
    const block = blockAt(index, at)
    if (!block || endOf(block) > size || block.offset !== indexed) break
    indexed = endOf(block)
    count += block.count
    oldest = Math.min(oldest, block.first)
    if (block.last >= from && block.first <= to && mayHave(index, at, probes)) blocks.push(block)
  }
  return { blocks, indexed, size, count, first: oldest }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}
