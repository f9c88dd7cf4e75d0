/**
 * Ends a process whose JavaScript stands still, in the endless loop of a plugin for one, and says whose loop it is. A signal cannot end such a
 * process: its handler is JavaScript too. A thread of its own looks; it costs the running process a count each second.
 */
import { url } from 'node:inspector'
import { Worker } from 'node:worker_threads'
import type { Log } from '@postroad/core'

/** What the stack is read with. */
type StackModule = typeof import('./stack.ts')

/** Milliseconds between counts. */
const TICK = 1_000

/** What the thread is given. */
export interface Watched {
  /** [0]: counted up by who is watched. [1]: not 0 while a debugger may hold it. */
  readonly counts: Int32Array
  readonly tickMs: number
  /** Ticks of the thread without one of the process, after which it is ended. */
  readonly ticks: number
  readonly pid: number
  /** Whether the log is JSON: this is a line of it, too. */
  readonly isJson: boolean
  /** URL of the module that takes stacks and reads them. */
  readonly stack: string
}

/** From `--stuck 30`: seconds, as milliseconds; 0 is never. @throws {RangeError} when it is no such number */
export function parseStuck(text: string): number {
  const seconds = Number(text)
  if (text.trim() === '' || !(seconds === 0 || (seconds >= 3 && seconds <= 86_400)))
    throw new RangeError(`--stuck is a number of seconds from 3 to 86400, or 0 for never, not "${text}"`)
  return seconds * 1_000
}

/** Watches this process from now on; what it has to say has the form of the log. */
export function startWatchdog(deadlineMs: number, format: Log['format']): void {
  if (deadlineMs === 0) return
  const counts = new Int32Array(new SharedArrayBuffer(8))
  const count = (): void => {
    Atomics.add(counts, 0, 1)
    Atomics.store(counts, 1, url() === undefined ? 0 : 1)
  }
  count()
  setInterval(count, TICK).unref()
  const stack = new URL(import.meta.url.endsWith('.ts') ? './stack.ts' : './stack.js', import.meta.url).href
  const workerData: Watched = {
    counts,
    tickMs: TICK,
    ticks: Math.ceil(deadlineMs / TICK),
    pid: process.pid,
    isJson: format === 'json',
    stack,
  }
  // As text: nothing is loaded, and in the repository no types are stripped, before it is needed. Costs 16 MB and 0.1 s once.
  const code = `(${watch})(process.getBuiltinModule('node:worker_threads').workerData)`
  const resourceLimits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 1 }
  const thread = new Worker(code, { eval: true, name: 'postroad watchdog', execArgv: [], workerData, resourceLimits })
  thread.on('error', (error) => process.stderr.write(`Nobody watches process ${process.pid}: ${error.message}\n`))
  thread.unref()
}

/**
 * The thread. Only what is in here: it runs as text. Ticks are counted, not time: a process that was stopped by a signal has none of them,
 * and on a busy machine this thread has as few as the main one.
 */
function watch({ counts, tickMs, ticks, pid, isJson, stack }: Watched): void {
  // Code that is no JavaScript, a disk that does not answer, shows no stack; it is given so many times the deadline.
  const patience = 4
  let seen = Atomics.load(counts, 0)
  let missed = 0
  setInterval(async () => {
    const now = Atomics.load(counts, 0)
    if (now !== seen || Atomics.load(counts, 1) !== 0) {
      seen = now
      missed = 0
      return
    }
    if (++missed % ticks !== 0) return
    const count = missed
    const where = await (import(stack) as Promise<StackModule>).then((reader) => reader.whereItStands()).catch(String) // see `stack`
    if (Atomics.load(counts, 0) !== seen) return
    const isLast = where !== undefined || count >= ticks * patience
    const end = `${where ?? 'in code that is not JavaScript'}; ${isLast ? 'it is killed' : 'it is given more time'}`
    const text = `Process ${pid} has stood still for ${Math.round((count * tickMs) / 1_000)} s ${end}`
    const line = isJson ? JSON.stringify({ time: new Date().toISOString(), level: 'error', text }) : text
    // The reader of this line may have stopped, too. Ending the process matters more, so it is not waited for long.
    await new Promise<void>((done) => {
      setTimeout(done, 1_000)
      process.getBuiltinModule('node:fs').write(2, `${line}\n`, () => done())
    })
    if (isLast) process.kill(pid, 'SIGKILL')
  }, tickMs)
}
