/** This process among those that share the queue: claims under its name, takes over what others left behind, and gives back what it has. */
import { type QueuedMessage, QueueError } from '@postroad/queue-engine'
import type { QueueDatabase, QueueTables } from './database.ts'
import { type Doubt, Doubts, withdraw } from './doubts.ts'
import { giveBack, type LeasedDelivery, takeOver } from './leases.ts'
import { type Lost, Roll } from './roll.ts'

/** How many entries one step moves. */
const PAGE = 500

/** What a lease holder is made of. */
export interface LeaseHolderOptions {
  readonly database: QueueDatabase
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds of a clock that never jumps. */
  elapsed(): number
  onProblem(problem: QueueError): void
}

/** What a commit has claimed. */
type Found = readonly LeasedDelivery[] | { readonly taken: readonly LeasedDelivery[] }

/** The leases of one store, from the commit that makes them to the one that gives back what is left. */
export class LeaseHolder {
  readonly #options: LeaseHolderOptions
  readonly #roll: Roll
  readonly #doubts = new Doubts()
  /** Leases of ours that could not be handed out, under their owner's name: they go back with the next beat. */
  #strays: [owner: string, taken: LeasedDelivery][] = []

  constructor(options: LeaseHolderOptions) {
    this.#options = options
    this.#roll = new Roll(options.elapsed, (name) => {
      const text = `This process was taken for dead as ${name}; what it had went to others and may arrive twice`
      options.onProblem(new QueueError('ERR_QUEUE_IO', text))
    })
  }

  /** The name in leases; another one when this process was taken for dead. */
  get name(): string {
    return this.#roll.name
  }

  /** The name under which a commit may claim. For use within it; {@link entered} is to be called when it is durable, {@link failed} when it went to its end and is not. */
  enter(): string {
    this.#doubts.undo()
    return this.#roll.enter(this.#tables, this.#options.now())
  }

  entered(): void {
    this.#roll.entered()
    this.#doubts.committed()
  }

  /** A commit failed in which {@link enter} was called; `doubt`: what it may have done all the same. */
  failed(doubt?: Doubt): void {
    this.#doubts.failed(doubt)
  }

  /** What takes back a message that was refused; `gone`: nothing of it is there any more. */
  refusal(message: QueuedMessage, owner: string, gone: () => void): Doubt {
    let isGone = false
    return {
      undo: () => {
        isGone = withdraw(this.#tables, message, { owner, now: this.#options.now() })
      },
      undone: () => isGone && gone(),
    }
  }

  /** What gives back leases that nobody was told of. */
  leasesOf(owner: string, taken: readonly LeasedDelivery[]): Doubt {
    return {
      undo: () => {
        const now = this.#options.now()
        for (const each of taken) giveBack(this.#tables, each, { owner, now })
      },
    }
  }

  /** A commit that claims, with the name under which it does. */
  async claim<T extends Found>(work: (owner: string) => T): Promise<[result: T, owner: string]> {
    let done: [T, string] | undefined
    try {
      const found = await this.#options.database.commitReserved((): [T, string] => {
        const owner = this.enter()
        done = [work(owner), owner]
        return done
      })
      this.entered()
      return found
    } catch (error) {
      if (done) this.failed(this.leasesOf(done[1], takenOf(done[0])))
      throw error
    }
  }

  /** Whether the owner of a lease is surely gone: then its lease stands in nobody's way. For use within a commit. */
  isLost(owner: string): boolean {
    return this.#roll.isSurelyLost(this.#tables, owner)
  }

  /** A lease that nobody works on, because it could not be handed out. */
  stray(owner: string, taken: LeasedDelivery): void {
    this.#strays.push([owner, taken])
  }

  /** Says that this process lives, and takes the leases of those that do not. Resolves to how many. */
  async beat(now: number): Promise<number> {
    const strays = this.#strays
    const lost = await this.#entering(() => {
      for (const [owner, taken] of strays) giveBack(this.#tables, taken, { owner, now })
      return this.#roll.beat(this.#tables, now)
    })
    this.#strays = this.#strays.filter((stray) => !strays.includes(stray))
    let taken = 0
    for (const each of lost) taken += await this.#takeOver(() => each, now)
    return taken
  }

  /** Gives back what this process has. When that fails, the next store in this process may take it, and any when the process has ended. */
  async leave(): Promise<void> {
    const { name } = this
    this.#roll.leave()
    const rowOf = (): string | undefined => this.#tables.owners.get(name)?.toString()
    if (this.#doubts.isOpen) await this.#entering(() => {})
    if (this.#roll.isEntered) await this.#takeOver(() => ({ owner: name, row: rowOf() }), this.#options.now())
    this.#roll.struck()
  }

  /** A commit that undoes what is in doubt. */
  async #entering<T>(work: () => T): Promise<T> {
    let isDone = false
    try {
      const result = await this.#options.database.commitReserved(() => {
        this.#doubts.undo()
        const worked = work()
        isDone = true
        return worked
      })
      this.entered()
      return result
    } catch (error) {
      if (isDone) this.failed()
      throw error
    }
  }

  get #tables(): QueueTables {
    return this.#options.database.tables
  }

  async #takeOver(lost: () => Lost, now: number): Promise<number> {
    let taken = 0
    for (let page = PAGE; page === PAGE; taken += page)
      page = await this.#options.database.commitReserved(() =>
        takeOver(this.#tables, { lost: lost(), now, limit: PAGE }),
      )
    return taken
  }
}

function takenOf(found: Found): readonly LeasedDelivery[] {
  return 'taken' in found ? found.taken : found
}
