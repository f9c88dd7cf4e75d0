/** `postroad queue reroute`: what is queued goes another way, to one that is named or to where routing says today. */
import { carryOut, foresee, type Ordering, type Orderly } from '../operate/order.ts'
import { parseReroute } from './filter.ts'

/** How it is called. */
export const REROUTE_USAGE = '(--via transport[:host[:port]] | --again) [--dry-run]'

interface Io {
  row(fields: Readonly<Record<string, string | number | undefined>>): void
  print(line: string): void
}

/** Exits with 1 when nothing was changed, or would be. */
export async function rerouteCommand(
  orderly: Orderly,
  args: readonly string[],
  { io, ordering }: { readonly io: Io; readonly ordering: Ordering },
): Promise<number> {
  const { selection, via, dryRun } = parseReroute(args)
  const { filter, limit } = selection
  const order = { action: 'reroute', filter, via } as const
  let changed = 0
  if (dryRun)
    for await (const { entry, changes, moves } of foresee(orderly, order, { ...ordering, limit })) {
      changed += changes
      for (const move of moves) io.row({ id: entry.message.id, ...move })
    }
  else
    for await (const step of carryOut(orderly, order, { ...ordering, limit })) {
      changed += step.changed
      for (const row of step.rows) io.row(row)
    }
  if (changed === 0) io.print('Nothing was changed')
  else if (dryRun) io.print(`${changed} deliveries would go another way; nothing was changed`)
  return changed === 0 ? 1 : 0
}
