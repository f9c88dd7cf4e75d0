/** Runs cells over DNS that is really signed and really validated. */
import type { Cell } from './cell.ts'
import type { DnsLab } from './dns-lab.ts'
import { realDns } from './real-zone.ts'
import { runOver, type Seen, startHosts } from './run-cell.ts'

/** Runs a cell; all of them may have the same port. */
export async function runReal(cell: Cell, lab: DnsLab, port: number): Promise<Seen> {
  await lab.serve(realDns(cell, port))
  await using hosts = await startHosts(cell, port)
  return await runOver(cell, hosts, lab.resolver())
}
