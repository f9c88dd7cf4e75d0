/** How much of a message may stay in memory: much while few come in at once, little when many do. */

const FEW = 16
const MUCH = 16 * 1_048_576
const LITTLE = 1_048_576

/** The bodies that are coming in, or being looked at. */
export interface BodyMemory {
  /** One more. Gives the octets it may keep in memory. */
  open(): number
  /** One less. */
  close(): void
}

/** @param fixed octets a message, whatever else comes in; without it at most 256 MiB for large ones, and 1 MiB for each of the others */
export function createBodyMemory(fixed: number | undefined): BodyMemory {
  let open = 0
  return {
    open: () => {
      open++
      return fixed ?? (open <= FEW ? MUCH : LITTLE)
    },
    close: () => void open--,
  }
}
