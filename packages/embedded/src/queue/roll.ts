/**
 * The roll of the processes that share a queue: each enters itself before it claims anything, in the same commit, and strikes out those
 * that are gone. One that was struck out while it lived finds that out with its next commit, and goes on under another name.
 */
import { QueueError } from '@postroad/queue-engine'
import type { QueueTables } from './database.ts'
import { makeOwnerId, OWNER_LIFE, type Owner, sightOf, thisOwner } from './owners.ts'
import { encodeJson } from './record.ts'

/** Milliseconds without a look of our own after which nobody is judged by old looks: it was we who were away, or the disk. */
const LOOK_GAP = 15_000

/** An owner whose leases may be taken over, with the row that shows it; no row: the owner is not on the roll. */
export interface Lost {
  readonly owner: string
  readonly row: string | undefined
}

/** Stores of this process that have ended and could not give back their leases: of them no sign of life of the process speaks. */
const left = new Set<string>()

/** The place of one store in the roll, and its judgement of the others. */
export class Roll {
  readonly #elapsed: () => number
  readonly #onBuried: (name: string) => void
  #name = makeOwnerId()
  /** The row is on stable storage. */
  #isEntered = false
  #hasLeft = false
  #turn = 0
  /** Rows of owners that only their beat can tell of, and when each was first seen as it is. */
  #watched = new Map<string, { readonly row: string; readonly since: number }>()
  #lookedAt = Number.NEGATIVE_INFINITY

  /** `elapsed` is a clock in milliseconds that never jumps, `onBuried` hears the name under which this process was taken for dead. */
  constructor(elapsed: () => number, onBuried: (name: string) => void) {
    this.#elapsed = elapsed
    this.#onBuried = onBuried
  }

  /** The name of this process in leases. */
  get name(): string {
    return this.#name
  }

  /** Whether there may be leases under it. */
  get isEntered(): boolean {
    return this.#isEntered
  }

  /** The name under which leases may be written in this commit. For use within it. */
  enter(tables: QueueTables, now: number): string {
    // What is claimed after the end would belong to this living process and never be worked on.
    if (this.#hasLeft) throw new QueueError('ERR_QUEUE_CLOSED', 'The queue is closed')
    if (tables.owners.doesExist(this.#name)) return this.#name
    if (this.#isEntered) {
      // What was claimed under the old name went to others. Under it nothing is claimed again: an old attempt could end a new lease.
      this.#onBuried(this.#name)
      this.#isEntered = false
      this.#name = makeOwnerId()
    }
    this.#write(tables, now)
    return this.#name
  }

  /** The commit in which {@link enter} was called is durable. */
  entered(): void {
    this.#isEntered = true
  }

  /** Says that this process lives, and looks who does not. For use within a commit. */
  beat(tables: QueueTables, now: number): Lost[] {
    this.enter(tables, now)
    this.#write(tables, now)
    const elapsed = this.#elapsed()
    if (elapsed - this.#lookedAt > LOOK_GAP) this.#watched.clear()
    this.#lookedAt = elapsed
    const rows = [...tables.owners.getRange()].filter(({ key }) => key !== this.#name)
    const all = rows.map(({ key, value }) => ({ owner: key, row: value.toString() }))
    const lost = all.filter(({ owner, row }) => this.#isLost(owner, row, elapsed))
    const names = new Set(all.map(({ owner }) => owner))
    for (const name of this.#watched.keys()) if (!names.has(name)) this.#watched.delete(name)
    return [...lost, ...unknownOwners(tables).map((owner) => ({ owner, row: undefined }))]
  }

  /** Whether the owner of a lease is surely not there any more. For use within a commit. */
  isSurelyLost(tables: QueueTables, owner: string): boolean {
    if (owner === this.#name) return false
    const row = tables.owners.get(owner)?.toString()
    return row === undefined || left.has(owner) || sight(row) === 'gone'
  }

  /** This store ends; its leases may be taken, even if it could not give them back. */
  leave(): void {
    left.add(this.#name)
    this.#hasLeft = true
  }

  /** Takes the name off the roll: its leases were given back. */
  struck(): void {
    left.delete(this.#name)
    this.#isEntered = false
  }

  #write(tables: QueueTables, now: number): void {
    tables.owners.put(this.#name, encodeJson(thisOwner(now, ++this.#turn)))
  }

  #isLost(owner: string, row: string, elapsed: number): boolean {
    const seen = left.has(owner) ? 'gone' : sight(row)
    if (seen !== 'unseen') {
      this.#watched.delete(owner)
      return seen === 'gone'
    }
    const watched = this.#watched.get(owner)
    if (watched?.row === row) return elapsed - watched.since > OWNER_LIFE
    this.#watched.set(owner, { row, since: elapsed })
    return false
  }
}

/** A row that cannot be read says nothing. */
function sight(row: string): ReturnType<typeof sightOf> {
  try {
    return sightOf(JSON.parse(row) as Owner) // we wrote it, or a version before us
  } catch {
    return 'unseen'
  }
}

/** Owners of leases who are not on the roll: one seek an owner, whatever each has claimed. */
function unknownOwners(tables: QueueTables): string[] {
  const unknown: string[] = []
  for (let start: [string, string, number] = ['', '', 0]; ; ) {
    const [key] = [...tables.claimed.getKeys({ start, limit: 1 })]
    if (!key) return unknown
    if (!tables.owners.doesExist(key[0])) unknown.push(key[0])
    start = [key[0], '\uffff', 0]
  }
}
