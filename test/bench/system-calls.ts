/** What a target asks the kernel for, counted by perf(1) where it is there and may be used. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { findProgram } from '../runner/program.ts'
import type { Calls } from './target.ts'

const ALL = 'raw_syscalls:sys_enter'
/** All that waits for a disk; LMDB has fdatasync(2), and msync(2) elsewhere. */
const SYNCS = ['fsync', 'fdatasync', 'msync', 'sync_file_range', 'syncfs'].map((name) => `syscalls:sys_enter_${name}`)
/** Milliseconds until it has found all threads. */
const READY_MS = 500

/** Counts what these processes, and all they start meanwhile, ask for while `run` runs; undefined where nobody can tell. */
export async function countCalls(
  pids: readonly number[],
  run: () => Promise<number>,
): Promise<{ readonly counted: Calls; readonly messages: number } | undefined> {
  const perf = findProgram('perf')
  if (perf === undefined) return undefined
  const child = spawn(perf, ['stat', '-x,', '-e', [ALL, ...SYNCS].join(','), '-p', pids.join(',')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const gone = once(child, 'close')
  await sleep(READY_MS)
  // Not allowed, or a kernel without these points.
  if (child.exitCode !== null) return undefined
  try {
    const messages = await run()
    child.kill('SIGINT')
    await gone
    const counted = callsIn(said)
    return counted && { counted, messages }
  } finally {
    child.kill('SIGKILL')
  }
}

/** What perf said: a line of fields for each event, the number in front. */
export function callsIn(said: string): Calls | undefined {
  const counts = new Map(
    said.split('\n').map((line) => {
      const [count, , event = ''] = line.split(',')
      return [event, Number(count)]
    }),
  )
  const calls = counts.get(ALL)
  if (calls === undefined || Number.isNaN(calls)) return undefined
  return { calls, syncs: SYNCS.reduce((sum, event) => sum + (counts.get(event) || 0), 0) }
}
