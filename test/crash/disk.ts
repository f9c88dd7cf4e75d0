/**
 * A disk that loses its power: reads the record of `record.c` and builds what may be left of the files when everything that was not
 * made durable is kept, lost, or torn at random. Stricter than most file systems: an entry of a folder counts only after the folder's sync.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** One thing the disk was told. */
interface Step {
  readonly op: number
  readonly path: string
  readonly offset: number
  readonly data: Buffer
}

const [CREATE, WRITE, SYNC_BEGIN, SYNC_END, TRUNCATE, UNLINK, MKDIR, DSYNC_WRITE, MARK, RENAME] = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
]

/** Reads the log of `record.c`; an incomplete last record is left out. */
export function readRecord(log: Buffer): Step[] {
  const steps: Step[] = []
  for (let at = 0; at + 20 <= log.length; ) {
    const name = log.readUInt16LE(at + 2)
    const length = Number(log.readBigUInt64LE(at + 12))
    const data = at + 20 + name
    if (data + length > log.length) break
    steps.push({
      op: log[at] ?? 0,
      path: log.toString('utf8', at + 20, data),
      offset: Number(log.readBigUInt64LE(at + 4)),
      data: log.subarray(data, data + length),
    })
    at = data + length
  }
  return steps
}

/** What was promised before the power went. */
export function promisesOf(steps: readonly Step[]): { word: string; id: string }[] {
  const text = steps.filter(({ op }) => op === MARK).map(({ data }) => data.toString())
  return text.map((line) => {
    const [word = '', id = ''] = line.trim().split(' ')
    return { word, id }
  })
}

/** A change that is durable, or may be lost. */
interface Change {
  readonly step: Step
  readonly at: number
  isDurable: boolean
}

/** How much of what was not durable survives: `0` nothing, `1` everything, between: each by chance, and torn. */
export type Survival = number

const SECTOR = 512

/** Writes the files as they may be after the steps, below `folder`. `random` gives numbers from 0 up to 1. */
export function afterPowerCut(
  steps: readonly Step[],
  folder: string,
  options: { readonly survival: Survival; random(): number },
): void {
  const files = new Map<string, File>()
  const folders = new Set([''])
  for (const { step, isDurable } of changesOf(steps)) {
    const isKept = isDurable || options.random() < options.survival
    const keeps = isDurable || options.survival === 1 ? () => true : () => options.random() < 0.7
    if (step.op === CREATE) {
      const content = files.get(step.path)?.content ?? Buffer.alloc(0)
      files.set(step.path, { content, isThere: isKept && folders.has(parent(step.path)) })
    } else if (!isKept) continue
    // What stands in a folder that was lost is lost with it.
    else if (step.op === MKDIR && folders.has(parent(step.path))) folders.add(step.path)
    else if (step.op === UNLINK) files.delete(step.path)
    else if (step.op === RENAME) move(files, folders, step)
    else change(files, step, keeps)
  }
  for (const [path, { content, isThere }] of files) {
    if (!isThere) continue
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
}

/** A file has octets of its own, whether an entry of its folder has survived or not. */
interface File {
  readonly content: Buffer
  readonly isThere: boolean
}

function move(files: Map<string, File>, folders: ReadonlySet<string>, { path, data }: Step): void {
  const file = files.get(path)
  const to = data.toString()
  files.delete(path)
  if (file) files.set(to, { ...file, isThere: folders.has(parent(to)) })
}

function change(files: Map<string, File>, step: Step, keeps: () => boolean): void {
  const file = files.get(step.path)
  if (!file) return
  const content = step.op === TRUNCATE ? resized(file.content, step.offset) : patched(file.content, step, keeps)
  files.set(step.path, { ...file, content })
}

function changesOf(steps: readonly Step[]): Change[] {
  const changes: Change[] = []
  const begun = new Map<string, number>()
  for (const [at, step] of steps.entries()) {
    if (step.op === SYNC_BEGIN) begun.set(`${step.path} ${step.offset}`, at)
    else if (step.op === SYNC_END) {
      const since = begun.get(`${step.path} ${step.offset}`) ?? 0
      for (const change of changes) if (change.at < since && concerns(change.step, step.path)) change.isDurable = true
    } else if (step.op !== MARK && !step.path.endsWith('.mark'))
      changes.push({ step, at, isDurable: step.op === DSYNC_WRITE })
  }
  return changes
}

/** A file's sync is for its octets, a folder's for its entries: of a file that is moved, for the new one. */
function concerns({ op, path, data }: Step, synced: string): boolean {
  if (op === RENAME) return parent(data.toString()) === synced
  return op === WRITE || op === TRUNCATE ? path === synced : parent(path) === synced
}

function parent(path: string): string {
  const at = path.lastIndexOf('/')
  return at <= 0 ? '' : path.slice(0, at)
}

function patched(file: Buffer, { offset, data }: Step, keeps: () => boolean): Buffer {
  const result = file.length < offset + data.length ? resized(file, offset + data.length) : file
  for (let from = 0; from < data.length; from += SECTOR)
    if (keeps()) data.copy(result, offset + from, from, Math.min(from + SECTOR, data.length))
  return result
}

function resized(file: Buffer, length: number): Buffer {
  const result = Buffer.alloc(length)
  file.copy(result, 0, 0, Math.min(length, file.length))
  return result
}
