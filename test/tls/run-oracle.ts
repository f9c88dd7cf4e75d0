/** Runs cells through ours and through oracles, over the same DNS and the same hosts. */
import type { Cell } from './cell.ts'
import { differenceOf } from './difference.ts'
import type { DnsLab } from './dns-lab.ts'
import { fateOf, type Oracle, type OracleSeen } from './oracle.ts'
import { realDns } from './real-zone.ts'
import { isAsExpected, runOver, type Seen, startHosts } from './run-cell.ts'

/** One oracle's word on a cell. */
export interface Opinion extends OracleSeen {
  readonly oracle: Oracle['name']
  readonly isSame: boolean
  /** Why it differs; undefined where it does not, or nobody knows. */
  readonly reason?: string
}

/** What all of them did. */
export interface Compared {
  readonly seen: Seen
  readonly opinions: readonly Opinion[]
  /** Ours is as expected, and each difference has a reason. */
  readonly isRight: boolean
}

/** Runs a cell. */
export async function runOracles(
  cell: Cell,
  { lab, port, oracles }: { readonly lab: DnsLab; readonly port: number; readonly oracles: readonly Oracle[] },
): Promise<Compared> {
  await lab.serve(realDns(cell, port))
  const seen = await withHosts(cell, port, async (hosts) => await runOver(cell, hosts, lab.resolver()))
  const opinions: Opinion[] = []
  for (const oracle of oracles) {
    const { fate, reply, messages } = await withHosts(cell, port, async (hosts) => {
      const word = await oracle.send(cell)
      return { ...word, messages: hosts.count() }
    })
    const isSame = fate === fateOf(cell.expected) && messages === (fate === 'kept' || fate === 'failed' ? 0 : 1)
    const reason = isSame ? undefined : differenceOf(cell, { oracle: oracle.name, fate })
    opinions.push({
      oracle: oracle.name,
      fate,
      reply: withoutNumbers(reply),
      messages,
      isSame,
      ...(reason !== undefined && { reason }),
    })
  }
  const isRight = isAsExpected(cell, seen) && opinions.every(({ isSame, reason }) => isSame || reason !== undefined)
  return { seen, opinions, isRight }
}

async function withHosts<T>(
  cell: Cell,
  port: number,
  work: (hosts: Awaited<ReturnType<typeof startHosts>>) => Promise<T>,
): Promise<T> {
  await using hosts = await startHosts(cell, port)
  return await work(hosts)
}

/** Ports and times differ from run to run, and say nothing. */
function withoutNumbers(reply: string): string {
  return reply
    .replace(/\]:\d+/g, ']:25')
    .replace(/_\d+\._tcp/g, '_25._tcp')
    .replace(/ (?:QT|DT|RT)=\S+/g, '')
    .replace(/:\d{5}\b/g, ':25')
    .replace(/SINK\S*/g, 'SINK')
    .trim()
}
