/** Removes events that everybody was told of and that are too old, or too many, to be kept. */
import { type Outbox, parsePosition } from '@postroad/queue-engine'

/** What stays. */
export interface KeptEvents {
  /** Milliseconds. */
  readonly keep: number
  /** Octets. */
  readonly keepSize: number
  /** Octets beyond which what was not told is removed, too, where that is wanted. */
  readonly limit: number
  readonly canDrop: boolean
  /** Where those are who must be told. */
  readonly held: readonly string[]
  readonly now: number
}

/** Events of one step. */
const PAGE = 2_000
/** Steps of one time: mail goes before. */
const STEPS = 10

/** Resolves to how many were removed, and of how many not everybody had been told. */
export async function trim(
  outbox: Outbox,
  kept: KeptEvents,
): Promise<{ readonly removed: number; readonly dropped: number }> {
  const old = `${Math.max(0, Math.floor(kept.now - kept.keep))}-0`
  let removed = 0
  let dropped = 0
  for (let step = 0; step < STEPS; step++) {
    const { octets, events, first, last } = await outbox.size()
    if (events < 2 || first === undefined || last === undefined) break
    const told = earliest([...kept.held, last])
    // Part of what is too much, lest what can be told again goes with one event too many.
    const limit =
      octets > kept.keepSize ? Math.min(PAGE, Math.ceil(events * Math.min(1, 1 - kept.keepSize / octets))) : PAGE
    const upTo = octets > kept.keepSize ? told : earliest([told, old])
    // Most times there is nothing, and looking costs no transaction.
    const some = isBefore(upTo, first) ? 0 : await outbox.trim(upTo, limit)
    removed += some
    if (some > 0) continue
    if (!kept.canDrop || octets <= kept.limit) break
    const forced = await outbox.trim(last, Math.min(PAGE, Math.ceil(events / 20)))
    dropped += forced
    if (forced === 0) break
  }
  return { removed, dropped }
}

function earliest(positions: readonly string[]): string {
  return positions.reduce((first, position) => (isBefore(position, first) ? position : first))
}

function isBefore(a: string, b: string): boolean {
  const [ms, number] = parsePosition(a)
  const [otherMs, otherNumber] = parsePosition(b)
  return ms < otherMs || (ms === otherMs && number < otherNumber)
}
