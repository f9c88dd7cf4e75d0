/**
 * What a commit that failed may have done all the same: an error of the disk after the page was written that makes it valid. Whoever
 * asked for it was told that nothing happened, so leases of such a commit are nobody's work while their owner lives. They are undone
 * within the next commit that claims, before it does.
 */

import { birth, type DeliveryStatus, type QueuedMessage } from '@postroad/queue-engine'
import type { QueueTables } from './database.ts'
import { finish } from './ending.ts'
import { giveKeyBack } from './insert.ts'
import { removeAccepted } from './outbox.ts'
import { isClaimed } from './status-index.ts'

/** Something that may have happened. */
export interface Doubt {
  /** Undoes it, if it has. For use within a commit. */
  undo(): void
  /** That commit is durable. */
  undone?(): void
}

/** The leases of which it is not known whether they were written down. */
export class Doubts {
  #open: Doubt[] = []
  /** Undone in a commit that is not known to be durable yet. There is one commit at a time. */
  #undone: Doubt[] = []

  get isOpen(): boolean {
    return this.#open.length > 0
  }

  /** For use within a commit, before it claims anything; {@link committed} or {@link failed} is to be called after it. */
  undo(): void {
    if (this.#open.length === 0) return
    for (const doubt of this.#open) doubt.undo()
    this.#undone = this.#undone.concat(this.#open)
    this.#open = []
  }

  committed(): void {
    if (this.#undone.length === 0) return
    const undone = this.#undone
    this.#undone = []
    for (const doubt of undone) doubt.undone?.()
  }

  /** What was undone in the commit is in doubt again, and so is what it did itself. */
  failed(doubt: Doubt | undefined): void {
    if (this.#undone.length > 0) {
      this.#open = this.#undone.concat(this.#open)
      this.#undone = []
    }
    if (doubt) this.#open.push(doubt)
  }
}

/** Removes a message that was refused, unless somebody else has it by now; true when it is not there any more. For use within a commit. */
export function withdraw(
  tables: QueueTables,
  message: QueuedMessage,
  { owner, now }: { readonly owner: string; readonly now: number },
): boolean {
  if (!tables.messages.doesExist(message.id)) return true
  const states = birth.states(message, owner)
  if (!states.every(({ status }, index) => isWhereBorn(tables, status, [message.id, index]))) return false
  giveKeyBack(tables, message)
  finish(tables, message, { states, now, keep: 0 })
  removeAccepted(tables, message)
  return true
}

function isWhereBorn(tables: QueueTables, status: DeliveryStatus, [id, index]: [string, number]): boolean {
  if (status.kind === 'claimed') return isClaimed(tables, status.owner, id, index)
  return status.kind === 'scheduled' && tables.scheduled.doesExist([status.at, id, index])
}
