/** Who of the processes that share a queue is alive. A claim lasts as long as its owner, so this must not be wrong for long. */
import { randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'

/** Milliseconds without a beat after which an owner is gone, whatever its process looks like. */
export const OWNER_LIFE = 60_000

/** A process, as it stands in the database. */
export interface Owner {
  readonly pid: number
  /** Clock ticks after boot at which it started; a pid alone is given out again. */
  readonly start: string
  /** The kernel's boot id: after a reboot nobody of before is alive. */
  readonly boot: string
  /** Pid name space: pids of another one say nothing. */
  readonly space: string
  /** Milliseconds since the epoch of the last sign of life. */
  readonly beat: number
}

/** A name that no other process will have. */
export function makeOwnerId(): string {
  return `${process.pid.toString(36)}.${randomBytes(8).toString('hex')}`
}

/** This process. */
export function thisOwner(now: number): Owner {
  return { pid: process.pid, start: startOf(process.pid) ?? '', boot: boot(), space: space(), beat: now }
}

/** Whether an owner's claims may be taken. */
export function isGone(owner: Owner, now: number): boolean {
  if (now - owner.beat > OWNER_LIFE || owner.boot !== boot()) return true
  // Another container on the same volume: only its beat can tell.
  if (owner.space !== space()) return false
  return owner.start === '' ? !exists(owner.pid) : startOf(owner.pid) !== owner.start
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Field 22 of /proc/PID/stat, proc(5); the name before it may contain anything, so count from its last parenthesis. */
function startOf(pid: number): string | undefined {
  const stat = read(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A zombie has ended; only its parent has not looked yet.
  return fields?.[0] === 'Z' || fields?.[0] === 'X' ? undefined : fields?.[19]
}

function boot(): string {
  return read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()) ?? ''
}

function space(): string {
  return read(() => readlinkSync('/proc/self/ns/pid')) ?? ''
}

/** Systems without /proc fall back to signals and beats. */
function read(look: () => string): string | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
