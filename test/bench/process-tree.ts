/** What a program and everything it started has used, from /proc. */
import { readdirSync, readFileSync } from 'node:fs'
import type { Usage, Work } from './target.ts'

/** Clock ticks a second; 100 on every Linux that Debian ships. */
const TICKS = 100
const PAGE = 4_096

interface ProcessStat {
  readonly pid: number
  /** Of its program, 15 octets at most. */
  readonly name: string
  readonly parent: number
  /** Its own ticks. */
  readonly own: number
  /** Ticks of children that have ended and were waited for. */
  readonly ended: number
  readonly rss: number
}

/** The processes below `root`, and it, with what ended ones have used. */
export function usageOfTree(root: number): Usage {
  const all = readStats()
  return usageOf(all, below(all, [root]))
}

/** Of the processes below `root` only those of this name, with all below them. */
export function usageOfNamed(root: number, name: string): Usage {
  const all = readStats()
  const tree = below(all, [root])
  const named = all.filter((stat) => stat.name === name && tree.has(stat.pid)).map(({ pid }) => pid)
  return usageOf(all, below(all, named))
}

/** What several have used. */
export function sumOf(usages: readonly Usage[]): Usage {
  const sum = (of: (usage: Usage) => number): number => usages.reduce((total, usage) => total + of(usage), 0)
  return {
    cpuUs: sum(({ cpuUs }) => cpuUs),
    rss: sum(({ rss }) => rss),
    peakRss: sum(({ peakRss }) => peakRss),
    pids: usages.flatMap(({ pids }) => pids),
  }
}

/** What processes, and their children that have ended, have asked of the kernel; undefined where it does not say so. */
export function workOf(pids: readonly number[]): Work | undefined {
  try {
    const all = pids.map((pid) => countsOf(readFileSync(`/proc/${pid}/io`, 'latin1')))
    const sum = (name: string): number => all.reduce((total, counts) => total + (counts.get(name) ?? 0), 0)
    return {
      reads: sum('syscr'),
      writes: sum('syscw'),
      copied: sum('rchar') + sum('wchar'),
      stored: sum('write_bytes'),
    }
  } catch {
    return undefined // no Linux, a kernel that does not count, one that has just ended, or somebody else's
  }
}

function countsOf(text: string): ReadonlyMap<string, number> {
  const pairs = text.split('\n').map((line) => line.split(': '))
  return new Map(pairs.map(([name = '', value]) => [name, Number(value)]))
}

/** Microseconds that threads of processes have run. */
export interface ThreadTime {
  readonly all: number
  /** Of these V8's own threads, which compile, and help to collect garbage. */
  readonly compiler: number
}

/** Of a program and everything it started; threads that have ended are not in it. */
export function threadTimeOf(root: number): ThreadTime {
  const threads = [...below(readStats(), [root])].flatMap((pid) => threadsOf(pid))
  const sum = (of: typeof threads): number => of.reduce((total, { us }) => total + us, 0)
  return { all: sum(threads), compiler: sum(threads.filter(({ name }) => name === 'V8Worker')) }
}

function threadsOf(pid: number): { readonly name: string; readonly us: number }[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => {
      const at = `/proc/${pid}/task/${thread}`
      const [ns] = readFileSync(`${at}/schedstat`, 'latin1').split(' ')
      return { name: readFileSync(`${at}/comm`, 'latin1').trim(), us: Number(ns) / 1_000 }
    })
  } catch {
    return [] // it has just ended
  }
}

function readStats(): readonly ProcessStat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)))
}

function below(all: readonly ProcessStat[], roots: readonly number[]): ReadonlySet<number> {
  const tree = new Set(roots)
  // A parent may have a higher number than its child: go on until nothing is added.
  for (let size = 0; size !== tree.size; ) {
    size = tree.size
    for (const { pid, parent } of all) if (tree.has(parent)) tree.add(pid)
  }
  return tree
}

function usageOf(all: readonly ProcessStat[], tree: ReadonlySet<number>): Usage {
  const own = all.filter(({ pid }) => tree.has(pid))
  const ticks = own.reduce((sum, stat) => sum + stat.own + stat.ended, 0)
  const rss = own.reduce((sum, stat) => sum + stat.rss, 0) * PAGE
  return { cpuUs: (ticks / TICKS) * 1e6, rss, peakRss: rss, pids: own.map(({ pid }) => pid) }
}

/** See proc(5); nothing when it has just ended. */
function readStat(pid: number): ProcessStat[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the name, in parentheses, and may hold anything.
    const end = text.lastIndexOf(')')
    const fields = text
      .slice(end + 2)
      .split(' ')
      .map(Number)
    const [parent = 0, utime = 0, stime = 0, cutime = 0, cstime = 0, rss = 0] = [1, 11, 12, 13, 14, 21].map(
      (index) => fields[index],
    )
    const name = text.slice(text.indexOf('(') + 1, end)
    return [{ pid, name, parent, own: utime + stime, ended: cutime + cstime, rss }]
  } catch {
    return []
  }
}
