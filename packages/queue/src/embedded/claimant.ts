/** This process among those that share the queue: claims under its name, takes over what others left behind, and gives back what it has. */
import { QueueError } from '../store.ts'
import { giveBack, type Taken, takeOver } from './claims.ts'
import type { QueueDatabase, Tables } from './database.ts'
import { type Lost, Roll } from './roll.ts'

/** How many entries one step moves. */
const PAGE = 500

/** What a claimant is made of. */
export interface ClaimantOptions {
  readonly database: QueueDatabase
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds of a clock that never jumps. */
  elapsed(): number
  onProblem(problem: QueueError): void
}

/** See above. */
export class Claimant {
  readonly #options: ClaimantOptions
  readonly #roll: Roll
  /** Claims of ours that could not be handed out, under their owner's name: they go back with the next beat. */
  #strays: [owner: string, taken: Taken][] = []

  constructor(options: ClaimantOptions) {
    this.#options = options
    this.#roll = new Roll(options.elapsed, (name) => {
      const text = `This process was taken for dead as ${name}; what it had went to others and may arrive twice`
      options.onProblem(new QueueError('ERR_QUEUE_IO', text))
    })
  }

  /** The name in claims; another one when this process was taken for dead. */
  get name(): string {
    return this.#roll.name
  }

  /** The name under which a commit may claim. For use within it; {@link entered} is to be called when it is durable. */
  enter(): string {
    return this.#roll.enter(this.#tables, this.#options.now())
  }

  entered(): void {
    this.#roll.entered()
  }

  /** A commit that claims, with the name under which it does. */
  async claim<T>(work: (owner: string) => T): Promise<[result: T, owner: string]> {
    const done = await this.#options.database.settle((): [T, string] => {
      const owner = this.enter()
      return [work(owner), owner]
    })
    this.entered()
    return done
  }

  /** Whether the owner of a claim is surely gone: then its claim stands in nobody's way. For use within a commit. */
  isLost(owner: string): boolean {
    return this.#roll.isSurelyLost(this.#tables, owner)
  }

  /** A claim that nobody works on, because it could not be handed out. */
  stray(owner: string, taken: Taken): void {
    this.#strays.push([owner, taken])
  }

  /** Says that this process lives, and takes the claims of those that do not. Resolves to how many. */
  async beat(now: number): Promise<number> {
    const strays = this.#strays
    const lost = await this.#options.database.settle(() => {
      for (const [owner, taken] of strays) giveBack(this.#tables, taken, { owner, now })
      return this.#roll.beat(this.#tables, now)
    })
    this.entered()
    this.#strays = this.#strays.filter((stray) => !strays.includes(stray))
    let taken = 0
    for (const each of lost) taken += await this.#takeOver(() => each, now)
    return taken
  }

  /** Gives back what this process has. When that fails, the next store in this process may take it, and any when the process has ended. */
  async leave(): Promise<void> {
    const { name } = this
    this.#roll.leave()
    if (this.#roll.isEntered)
      await this.#takeOver(() => ({ owner: name, row: this.#tables.owners.get(name)?.toString() }), this.#options.now())
    this.#roll.struck()
  }

  get #tables(): Tables {
    return this.#options.database.tables
  }

  async #takeOver(lost: () => Lost, now: number): Promise<number> {
    let taken = 0
    for (let page = PAGE; page === PAGE; taken += page)
      page = await this.#options.database.settle(() => takeOver(this.#tables, { lost: lost(), now, limit: PAGE }))
    return taken
  }
}
