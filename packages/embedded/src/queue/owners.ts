/** Who of the processes that share a queue is alive. A lease lasts as long as its owner, and an error is never evidence that somebody has died. */
import { randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'

/** Milliseconds without a beat after which an owner that cannot be seen is gone. */
export const OWNER_LIFE = 60_000

/** A process, as it stands in the database. What could not be read is empty, and says nothing. */
export interface Owner {
  readonly pid: number
  /** Clock ticks after boot at which it started; a pid alone is given out again. */
  readonly start: string
  /** The kernel's boot id. */
  readonly boot: string
  /** Pid name space: pids of another one say nothing. */
  readonly space: string
  /** Milliseconds since the epoch of the last sign of life; only whether it changes is looked at. */
  readonly beat: number
  /** Beats so far: a clock that was set back may show a time again. */
  readonly turn?: number
}

/**
 * What can be seen of an owner: `gone` is sure, `there` is sure. `unseen`: it is in another container, or what would tell could not be
 * read; then only its beat can tell.
 */
export type Sight = 'gone' | 'there' | 'unseen'

/** A name that no other process will have. */
export function makeOwnerId(): string {
  return `${process.pid.toString(36)}.${randomBytes(8).toString('hex')}`
}

/** This process. */
export function thisOwner(beat: number, turn = 0): Owner {
  return { pid: process.pid, ...whereabouts(), beat, turn }
}

/** What this process sees of another one now. */
export function sightOf(owner: Owner): Sight {
  const here = whereabouts()
  if (owner.space !== here.space || (here.space === '' && process.platform === 'linux')) return 'unseen'
  // Processes of one name space that know different boots: the machine was started again between them.
  if (owner.boot !== here.boot && owner.boot !== '' && here.boot !== '') return 'gone'
  if (!exists(owner.pid)) return 'gone'
  const start = owner.start === '' ? undefined : startOf(owner.pid)
  if (start === undefined) return 'unseen'
  return start === owner.start ? 'there' : 'gone'
}

type Whereabouts = Pick<Owner, 'start' | 'boot' | 'space'>

const known = { start: '', boot: '', space: '' }

/** Nothing of it changes while the process lives, so what was read once stays; what was not is looked for again. */
function whereabouts(): Whereabouts {
  known.start ||= startOf(process.pid) ?? ''
  known.boot ||= read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()) ?? ''
  known.space ||= read(() => readlinkSync('/proc/self/ns/pid')) ?? ''
  return { ...known }
}

/** Signal 0 needs no descriptor and no /proc: kill(2) says ESRCH when there is no such process, and only then. */
function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}

/** Field 22 of /proc/PID/stat, proc(5), or another text when the process has ended; nothing when it cannot be read. The name before it may contain anything, so count from its last parenthesis. */
function startOf(pid: number): string | undefined {
  const stat = read(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A zombie has ended; only its parent has not looked yet.
  return fields?.[0] === 'Z' || fields?.[0] === 'X' ? 'ended' : fields?.[19]
}

/** Without descriptors, rights or /proc it cannot be told whether the process lives. */
function read(look: () => string): string | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
