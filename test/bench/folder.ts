/** The folder of a target, which is also how its processes are found: whatever works in it belongs to it. */
import { mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'

const PREFIX = 'pr-bench-'
/** Name of the UNIX socket of a target that has one. */
export const SOCKET = 'socket'

/** Makes a folder that names this process as its owner. */
export function makeFolder(parent: string = tmpdir()): string {
  return mkdtempSync(join(realpathSync(parent), `${PREFIX}${process.pid}-`))
}

/** Ends every process that works in the folder or below, but this one, and removes it. */
export function clearFolder(folder: string): void {
  // What is being started while its parent is ended is found in the next turn.
  for (let turn = 0; turn < 10; turn++) {
    const found = findProcesses(folder)
    if (found.length === 0) break
    for (const pid of found) end(pid)
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
}

/** Clears the folders whose owner is gone: a bench that was killed could not do it. */
export function clearLeftOver(parent: string = tmpdir()): void {
  for (const name of readdirSync(parent)) {
    const owner = /^pr-bench-(\d+)-/.exec(name)?.[1]
    if (owner !== undefined && !isAlive(Number(owner))) clearFolder(join(realpathSync(parent), name))
  }
}

function findProcesses(folder: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
    .filter((pid) => `${workingFolder(pid)}${sep}`.startsWith(`${folder}${sep}`))
}

function workingFolder(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined // it has just ended, or is another user's
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
