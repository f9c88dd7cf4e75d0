/** Keeps the folder within its bounds: segments that are too old, or too much, are deleted, the oldest first. */
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { segmentsIn } from './reader.ts'

/** How much is kept. */
export interface Bounds {
  readonly days: number
  /** Octets of segments and indexes together. */
  readonly bytes: number
}

const DAY = 86_400_000
/** Of the names of a segment's files. */
const ENDS = ['log', 'idx', 'bits', 'bits.new'] as const

/** Deletes what is beyond the bounds. `own` is being written by this process, and stays. */
export async function sweep(
  folder: string,
  { days, bytes }: Bounds,
  { now, own }: { readonly now: number; readonly own: string | undefined },
): Promise<void> {
  const all = await Promise.all((await segmentsIn(folder)).map((name) => measured(folder, name)))
  let sum = all.reduce((total, { octets }) => total + octets, 0)
  for (const { name, octets, changedAt } of all) {
    if (name === own || (sum <= bytes && now - changedAt <= days * DAY)) continue
    await Promise.all(ENDS.map((end) => rm(join(folder, `${name}.${end}`), { force: true })))
    sum -= octets
  }
}

async function measured(folder: string, name: string) {
  const files = await Promise.all(ENDS.map((end) => stat(join(folder, `${name}.${end}`)).catch(() => undefined)))
  return { name, octets: files.reduce((sum, file) => sum + (file?.size ?? 0), 0), changedAt: files[0]?.mtimeMs ?? 0 }
}
