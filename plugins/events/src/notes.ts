/** What is written down of endpoints, by keys of the notes of the outbox. */
import type { Outbox } from '@postroad/queue-engine'

/** Where an endpoint is: all up to there is settled. */
export const CURSOR = 'at:'
/** An endpoint that wants nothing any more: JSON of {@link OffNote}. */
export const OFF = 'off:'
/** What a command wants of whoever tells: JSON of {@link AskedNote}. */
export const ASKED = 'ask:'

/** Keys of dead letters. */
export function deadPrefix(name: string): string {
  return `dead:${name}:`
}

/** A dead letter. */
export interface DeadNote {
  /** As it stands in the outbox. */
  readonly event: string
  readonly attempts: number
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly why: string
}

export interface OffNote {
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly why: string
}

/** What a command asks for. */
export interface AskedNote {
  /** Tell again from this position. */
  readonly seek?: string
  /** Parked events were written by the command. */
  readonly reload?: boolean
  /** Begin again with an endpoint that was off. */
  readonly enable?: boolean
}

/** One note. */
export async function noteAt(outbox: Outbox, key: string): Promise<string | undefined> {
  const found = await outbox.notes(key)
  return found.find(([each]) => each === key)?.[1]
}
