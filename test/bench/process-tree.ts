/** What a program and everything it started has used, from /proc. */
import { readdirSync, readFileSync } from 'node:fs'
import type { Usage } from './target.ts'

/** Clock ticks a second; 100 on every Linux that Debian ships. */
const TICKS = 100
const PAGE = 4_096

interface ProcessStat {
  readonly pid: number
  readonly parent: number
  /** Its own ticks. */
  readonly own: number
  /** Ticks of children that have ended and were waited for. */
  readonly ended: number
  readonly rss: number
}

/** The processes below `root`, and it, with what ended ones have used. */
export function usageOfTree(root: number): Usage {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)))
  const tree = new Set([root])
  // A parent may have a higher number than its child: go on until nothing is added.
  for (let size = 0; size !== tree.size; ) {
    size = tree.size
    for (const { pid, parent } of all) if (tree.has(parent)) tree.add(pid)
  }
  const own = all.filter(({ pid }) => tree.has(pid))
  const ticks = own.reduce((sum, stat) => sum + stat.own + stat.ended, 0)
  const rss = own.reduce((sum, stat) => sum + stat.rss, 0) * PAGE
  return { cpuUs: (ticks / TICKS) * 1e6, rss, peakRss: rss }
}

/** See proc(5); nothing when it has just ended. */
function readStat(pid: number): ProcessStat[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the name, in parentheses, and may hold anything.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const [parent = 0, utime = 0, stime = 0, cutime = 0, cstime = 0, rss = 0] = [1, 11, 12, 13, 14, 21].map(
      (index) => fields[index],
    )
    return [{ pid, parent, own: utime + stime, ended: cutime + cstime, rss }]
  } catch {
    return []
  }
}
