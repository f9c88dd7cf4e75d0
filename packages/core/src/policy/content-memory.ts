/** How much of a message may stay in memory: much while few come in at once, little when many do. */

const FEW = 16
const MUCH = 16 * 1_048_576
/** Of what a queue takes over as a file. */
const SOME = 2 * 1_048_576
const MANY = 256
const LITTLE = 1_048_576
/** Beyond that: 10,000 clients that send most of a message each, and then wait, must not fill the memory. */
const LEAST = 65_536

/** The messages that are coming in, or being looked at. */
export interface ContentMemory {
  /** One more. Gives the octets it may keep in memory; less when it must become a file anyway, and only begins to be one earlier. */
  open(isTakenOver?: boolean): number
  /** The octets that a body may keep in memory which replaces the one of a message that is counted. */
  share(): number
  /** One less. */
  close(): void
}

/** @param fixed octets a message, whatever else comes in; without it at most 256 MiB for the first few, as much for many more, and 64 KiB for each of the others */
export function createContentMemory(fixed: number | undefined): ContentMemory {
  let open = 0
  const share = (): number => fixed ?? (open <= FEW ? MUCH : open <= MANY ? LITTLE : LEAST)
  return {
    open: (isTakenOver = false) => {
      open++
      return isTakenOver && fixed === undefined ? Math.min(SOME, share()) : share()
    },
    share,
    close: () => void open--,
  }
}
