/**
 * Opens a database without ever becoming a crash loop. A damaged LMDB file can kill the process that reads it (it is mapped into
 * memory). So whoever maps it leaves a mark for those milliseconds; who finds the mark of a process that is gone has the file read
 * by a process of its own first. A mark condemns nothing: only a trial that dies does.
 */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { damaged, EmbeddedError } from './error.ts'
import { completeFile, makeDataFile, prepareLockFile } from './shape.ts'

const MARK = 'opening'
/** How long a trial may read. A file that was read so long without harm does not kill at its opening. */
const TRIAL_MS = 60_000
/** Signals by which the memory that is read kills; others come from people and from the system. */
const DEADLY: readonly (NodeJS.Signals | null)[] = ['SIGBUS', 'SIGSEGV', 'SIGABRT', 'SIGILL', 'SIGFPE']

/** How the file is looked at, besides being opened. */
export interface Shape {
  /** The file had lost its end: all of it must be read before it is trusted. */
  readonly isShort: boolean
}

/**
 * Runs `openNow`, which must be synchronous, when that is known to be safe.
 *
 * @throws {EmbeddedError} `ERR_EMBEDDED_UNSAFE` when the file kills who reads it; `ERR_EMBEDDED_FOREIGN`, `ERR_EMBEDDED_DAMAGED`
 */
export async function guarded<T>(folder: string, openNow: (shape: Shape) => T): Promise<T> {
  const path = join(folder, 'data.mdb')
  const left = leftMarks(folder)
  makeDataFile(path)
  const isShort = completeFile(path)
  prepareLockFile(folder)
  if (left.length > 0) await tryElsewhere(folder, left.length)
  const mark = leaveMark(folder)
  try {
    const opened = openNow({ isShort })
    for (const name of left) rmSync(join(folder, name), { force: true })
    return opened
  } catch (error) {
    // The file has its full length again, so that nothing looks wrong: the next process that opens it shall read all of it.
    if (isShort) remember(folder)
    throw error
  } finally {
    if (mark !== undefined) rmSync(mark, { force: true })
  }
}

/** Leaves a mark that belongs to no process: the next one that opens the file reads all of it. */
function remember(folder: string): void {
  try {
    writeFileSync(join(folder, MARK), '')
  } catch {
    // What is read of the file tells the same, later.
  }
}

/** Empty, so that a full disk has room for it; without it the file is opened all the same. */
function leaveMark(folder: string): string | undefined {
  const path = join(folder, `${MARK}.${process.pid}.${startOf(process.pid) ?? ''}`)
  try {
    writeFileSync(path, '')
    return path
  } catch {
    return undefined // a process that cannot leave a mark opens the file without one
  }
}

/** Marks of processes that are gone; the file of earlier versions is one, too. */
function leftMarks(folder: string): string[] {
  return readdirSync(folder).filter((name) => {
    const [head, pid, start] = name.split('.')
    return head === MARK && !(pid !== undefined && isAlive(Number(pid), start ?? ''))
  })
}

/** In doubt a process counts as alive. A living process that is taken for dead costs one reading of the file, and nothing else. */
function isAlive(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  const now = startOf(pid)
  return start === '' || now === undefined || now === start
}

/** Field 22 of /proc/PID/stat, proc(5); the name before it may contain anything, so count from its last parenthesis. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined // no /proc, or nothing to read it with
  }
}

async function tryElsewhere(folder: string, deaths: number): Promise<void> {
  const path = join(folder, 'data.mdb')
  const { signal, status, said } = await trial(folder)
  if (status === 1) throw damaged(path, new Error(said))
  if (!DEADLY.includes(signal)) return
  throw new EmbeddedError(
    'ERR_EMBEDDED_UNSAFE',
    `${path} is not opened: ${deaths === 1 ? 'a process' : `${deaths} processes`} ended while opening it, and one that only read it, to see why, was killed by ${signal}: the file, or the disk below it, is damaged. Keep a copy of its folder; then put a backup in its place, or move the folder away to begin with an empty one. It is read anew at every start: what opens again is used again`,
  )
}

/** What became of a process that read the file; one that could not be started, or was ended by somebody, tells nothing. */
function trial(folder: string): Promise<{ signal: NodeJS.Signals | null; status: number | null; said: string }> {
  const script = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './trial.ts' : './trial.js', import.meta.url))
  return new Promise((resolve) => {
    let said = ''
    const child = spawn(process.execPath, [script, folder], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: TRIAL_MS,
      killSignal: 'SIGKILL',
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < 500) said += text
    })
    child.on('error', () => resolve({ signal: null, status: null, said }))
    child.on('close', (status, signal) => resolve({ signal, status, said: said.trim() }))
  })
}
