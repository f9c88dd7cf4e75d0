/**
 * Events until everybody was told of them: a transactional outbox. A store writes an event in the same step as what it tells of, so that
 * neither is there without the other, whoever dies.
 */

/** A place in the order of events: `MILLISECONDS-NUMBER`, of the step that wrote it. Later events have later positions, whoever sets a clock. */
export type OutboxPosition = string

/** An event as it stands in the outbox. */
export interface OutboxEntry {
  readonly position: OutboxPosition
  /** As `writeEvent` made it. */
  readonly event: string
}

/** How much there is. */
export interface OutboxSize {
  readonly events: number
  /** Octets on the disk, or in the memory of a server, as far as that is known: a little more or less. */
  readonly octets: number
  readonly first: OutboxPosition | undefined
  readonly last: OutboxPosition | undefined
}

/** A note of who is told, by its key. */
export type OutboxNote = readonly [key: string, value: string]

/** The events of a queue, in the order of the steps that wrote them. Rejections are I/O failures. */
export interface Outbox {
  /** Adds events; on stable storage when it resolves. */
  append(events: readonly string[]): Promise<void>
  /** Oldest first; `after` is not among them. */
  read(options: {
    readonly after?: OutboxPosition | undefined
    readonly limit: number
  }): Promise<readonly OutboxEntry[]>
  /** Removes what is up to this position, and never the newest of all. Resolves to how many. */
  trim(upTo: OutboxPosition, limit: number): Promise<number>
  size(): Promise<OutboxSize>
  /** Notes whose keys have the prefix, in the order of keys. */
  notes(
    prefix: string,
    page?: { readonly after?: string | undefined; readonly limit?: number },
  ): Promise<readonly OutboxNote[]>
  /** Writes and removes (undefined) notes, in one step; on stable storage when it resolves. */
  note(changes: readonly (readonly [key: string, value: string | undefined])[]): Promise<void>
}

/** The parts of a position. */
export function parsePosition(position: OutboxPosition): readonly [ms: number, number: number] {
  const dash = position.indexOf('-')
  return [Number(position.slice(0, dash)), Number(position.slice(dash + 1))]
}
