/** Processes as the kernel knows them: who belongs to a group, and what those do that do not answer. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { findProgram } from '../../runner/program.ts'

/** Pids of a process group that have not ended. */
export function membersOf(group: number): number[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name)
    return Number.isInteger(pid) && groupOf(pid) === group ? [pid] : []
  })
}

/** The children of a process. */
export function childrenOf(pid: number): number[] {
  try {
    return (readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').match(/\d+/g) ?? []).map(Number)
  } catch {
    return [] // it has ended
  }
}

/** Undefined: it has ended. */
export function groupOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // proc(5): after the name in parentheses come state, parent and group.
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' || state === 'X' ? undefined : Number(group)
  } catch {
    return undefined // it ended while we looked
  }
}

/** Whether a process has a handler for SIGHUP, proc(5): bit 0 of SigCgt. */
export function catchesHangup(pid: number): boolean {
  try {
    const mask = /^SigCgt:\t([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '0'
    return (Number.parseInt(mask.slice(-1), 16) & 1) === 1
  } catch {
    return false // it ended while we looked
  }
}

/** Sends a signal to a process, or (negative) a group; false: there is none any more. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

/** What the threads of processes are doing, for whoever looks into a hang. */
export async function stacksOf(pids: readonly number[]): Promise<string> {
  const texts = await Promise.all(
    pids.map(async (pid) => `process ${pid}\n${await threads(pid)}\n${await backtrace(pid)}`),
  )
  return texts.join('\n')
}

async function threads(pid: number): Promise<string> {
  const read = (path: string): Promise<string> => readFile(path, 'latin1').catch(() => '?')
  const ids = await readdir(`/proc/${pid}/task`).catch(() => [])
  const rows = await Promise.all(
    ids.map(async (id) => {
      const folder = `/proc/${pid}/task/${id}`
      const stat = (await read(`${folder}/stat`)).split(' ')
      return `  ${id} ${(await read(`${folder}/comm`)).trim()} ${stat[2]} ticks ${stat[13]}+${stat[14]} in ${await read(`${folder}/wchan`)}`
    }),
  )
  return rows.join('\n')
}

/** With the debugger, where there is one. */
async function backtrace(pid: number): Promise<string> {
  const args = ['-p', String(pid), '-batch', '-nx', '-ex', 'set pagination off', '-ex', 'thread apply all bt 12']
  const gdb = findProgram('gdb')
  if (gdb === undefined) return '  no debugger'
  return promisify(execFile)(gdb, args, { timeout: 60_000, maxBuffer: 32 << 20 }).then(
    ({ stdout }) => stdout,
    (error: unknown) => `  no debugger: ${error instanceof Error ? error.message.slice(0, 200) : error}`,
  )
}
