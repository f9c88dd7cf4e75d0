/** A world: one queue folder, its clients, its next hop, the lives of servers on it, and the account at the end. */
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Book } from './book.ts'
import type { Chance } from './chance.ts'
import { type CommandOptions, type CommandResult, runCommand } from './command.ts'
import { type Defect, type Fixture, makeFixture } from './fixture.ts'
import { Clients, Letters, Patience, rest, TRASH } from './letters.ts'
import { readLog } from './log.ts'
import { HOSTS, NextHop } from './next-hop.ts'
import { signal, stacksOf } from './processes.ts'
import { Server, type Target } from './server.ts'
import { type Deeds, killsOf, noDeeds, type WorldResult } from './verdict.ts'

/** How a world is made. */
export interface WorldOptions {
  readonly index: number
  readonly seed: number
  readonly workers: number
  readonly chance: Chance
  readonly library: string
  /** Milliseconds without an answer or progress that are a hang. */
  readonly patienceMs: number
  readonly defect?: Defect | undefined
}

/** Milliseconds within which workers end after their supervisor was killed. */
const ORPHANS_MS = 20_000

/** One world, from an empty folder to the account; what happens in it follows from its seed. */
export class World {
  readonly fixture: Fixture
  readonly book: Book
  readonly deeds: Deeds = noDeeds()
  readonly problems: string[] = []
  readonly scenarios: string[] = []
  readonly options: WorldOptions
  readonly letters: Letters
  /** Lives in which the disk failed: a process may then end, so that another begins anew. */
  readonly mayEnd = new Set<number>()
  /** Lives with faults of any kind: a worker that has just begun may end of them. */
  readonly faulty = new Set<number>()
  readonly #hop: NextHop
  readonly #began = performance.now()
  #server: Server | undefined
  #isFrozen = false
  #left = 0
  /** A hang that is looked into. */
  #hanging: Promise<void> | undefined

  private constructor(options: WorldOptions, { book, hop, fixture }: { book: Book; hop: NextHop; fixture: Fixture }) {
    this.options = options
    this.book = book
    this.fixture = fixture
    this.#hop = hop
    this.letters = new Letters(`w${options.index}`, options.chance)
  }

  static async make(options: WorldOptions): Promise<World> {
    const book = new Book((recipient) => recipient.endsWith(`@${TRASH}`))
    const hop = await NextHop.open(book)
    const { library, defect, index } = options
    const fixture = await makeFixture({ name: String(index), library, ports: hop.ports, defect })
    return new World(options, { book, hop, fixture })
  }

  /** Writes down what was done, for whoever looks into what was found. */
  note(what: string): void {
    appendFileSync(join(this.fixture.folder, 'world.log'), `${new Date().toISOString()} ${what}\n`)
  }

  problem(what: string): void {
    this.note(`PROBLEM ${what}`)
    this.problems.push(what)
  }

  /** Starts a server; nothing waits for it. */
  start(env: object = {}, workers = this.options.workers): Server {
    this.deeds.lives++
    this.#server = new Server(this.fixture, { number: this.deeds.lives, workers, book: this.book, env })
    this.note(`life ${this.deeds.lives}: process ${this.#server.pid}, ${workers} workers`)
    return this.#server
  }

  /** Resolves to whether it listens; a server that does not is a problem, and is killed. */
  async awaitListening(server: Server): Promise<boolean> {
    if (await server.listening(this.options.patienceMs)) return true
    if (server.ended !== undefined)
      this.problem(`a server ended by itself (${server.ended}) before it listened, see ${server.log}`)
    else await this.hang(server, 'a server did not listen')
    return false
  }

  clients(server: Server, { limit = 60, clients = 4, pauseMs = 12 } = {}): Clients {
    const { chance, patienceMs } = this.options
    const onSilence = (what: string): void => void (server.isDoomed || this.hang(server, what))
    const port = (): number => server.port
    return new Clients({
      port,
      letters: this.letters,
      book: this.book,
      limit,
      clients,
      pauseMs,
      chance,
      patienceMs,
      onSilence,
    })
  }

  async command(args: readonly string[], options: Partial<CommandOptions> = {}): Promise<CommandResult> {
    const { patienceMs } = this.options
    this.deeds.commands++
    const result = await runCommand(this.fixture, ['queue', ...args], {
      patienceMs,
      isPaused: () => this.#isFrozen,
      ...options,
    })
    this.note(
      `command ${args.join(' ')}: ${result.isKilled ? 'killed' : result.ended} after ${Math.round(result.ms)} ms ${result.err}`,
    )
    if (result.isKilled) this.deeds.command++
    if (result.stacks !== undefined) {
      this.problem(`HANG postroad queue ${args.join(' ')} did not end in ${Math.round(result.ms / 1_000)} s`)
      this.#keep('command', result.stacks)
    }
    if (/ERR_QUEUE_UNSAFE|repair or replace/.test(`${result.out}${result.err}`))
      this.problem(`UNSAFE said queue ${args.join(' ')}`)
    if (typeof result.ended === 'string' && result.ended !== 'SIGKILL')
      this.problem(`queue ${args.join(' ')} ended by ${result.ended}`)
    return result
  }

  /** Counts a kill if there was somebody to kill. */
  kill(server: Server, target: Target): void {
    const { chance } = this.options
    this.note(`kill ${target}`)
    if (!server.kill(target, (pids) => chance.pick(pids))) return
    if (target === 'worker' && server.workers > 1) this.deeds.worker++
    else this.deeds.supervisor++
  }

  /** Kills all that is left of a server, and waits for its end. */
  async end(server: Server, target: Target = 'all'): Promise<void> {
    await this.#hanging
    if (server.ended !== undefined && !server.isDoomed && !this.mayEnd.has(this.deeds.lives))
      this.problem(`a server ended by itself (${server.ended}), see ${server.log}`)
    if (server.ended === undefined) this.kill(server, target)
    if (!(await server.gone(ORPHANS_MS))) await this.hang(server, 'processes live on after their server was killed')
  }

  /** Stops one process, or all, for a while. */
  async freeze(
    server: Server,
    { pids, forMs }: { readonly pids: readonly number[]; readonly forMs: number },
  ): Promise<void> {
    const from = Date.now()
    this.deeds.freezes++
    this.#isFrozen = true
    for (const pid of pids) server.signal('SIGSTOP', pid)
    this.note(`freeze ${pids.join(' ')} for ${forMs} ms`)
    await rest(forMs)
    for (const pid of pids) server.signal('SIGCONT', pid)
    this.#isFrozen = false
    this.book.troubled({ from, to: Date.now(), isDisk: false })
  }

  /** It does not answer: what it does is kept, and it is killed. Found once, whoever finds it first. */
  hang(server: Server, what: string): Promise<void> {
    this.#hanging ??= this.#lookInto(server, what)
    return this.#hanging
  }

  async #lookInto(server: Server, what: string): Promise<void> {
    server.isDoomed = true
    this.problem(`HANG ${what}, in life ${this.deeds.lives}`)
    this.#keep('server', await stacksOf(server.members))
    this.kill(server, 'all')
    await server.gone(ORPHANS_MS)
  }

  /** Of this world one is enough. */
  get hasHung(): boolean {
    return this.#hanging !== undefined
  }

  #keep(name: string, text: string): void {
    writeFileSync(join(this.fixture.folder, `stacks-${name}-${Date.now()}.txt`), text)
  }

  /** The last life: everything is repaired, everything arrives, nothing is left. */
  async conclude(): Promise<WorldResult> {
    this.fixture.faults.clear()
    await this.#hanging
    this.#hanging = undefined
    const server = this.start({ CRASH_CLEAN: '1' }, 1)
    if (await this.awaitListening(server)) {
      await this.#clean()
      await this.#awaitArrivals()
      this.#left = await this.#countLeft()
      server.isDoomed = true
      server.signal('SIGTERM')
      if (!(await server.gone(this.options.patienceMs)))
        await this.hang(server, 'SIGTERM does not end a server that has nothing to do')
      else if (server.ended !== 0) this.problem(`the last server ended with ${server.ended}`)
    }
    return this.#account()
  }

  async #clean(): Promise<void> {
    if (this.deeds.commands > 0) for (const host of HOSTS) await this.command(['resume', host])
    if (this.deeds.commands > 0) await this.command(['release', '--all'])
    if (this.book.counts.acknowledged > 0) await this.command(['delete', '--domain', TRASH])
  }

  /** What comes, comes: only an empty queue, or a standstill, ends the waiting. */
  async #awaitArrivals(): Promise<void> {
    const patience = new Patience(this.options.patienceMs)
    for (let last = -1, still = 0; this.book.missing().length > 0; ) {
      const { arrivals } = this.book.counts
      if (arrivals !== last) {
        patience.renew()
        still = 0
      }
      // What is in no queue is not under way: it ended, and is lost, or it was deleted.
      else if (++still % 40 === 0 && (await this.#stats()) === 0) return
      last = arrivals
      if (!(await patience.wait(50))) return
    }
  }

  /** What nobody acknowledged may still be under way. */
  async #countLeft(): Promise<number> {
    let left = Number.NaN
    for (const end = performance.now() + this.options.patienceMs; performance.now() < end && left !== 0; ) {
      if (!Number.isNaN(left)) await rest(500)
      left = (await this.#stats()) ?? left
    }
    if (left !== 0) this.#keep('left', (await this.command(['list', '--json'])).out)
    return left
  }

  /** Messages in the queue; undefined when the command cannot tell. */
  async #stats(): Promise<number | undefined> {
    const { out, ended } = await this.command(['stats', '--json'])
    if (ended !== 0) return undefined
    const { messages, corrupt } = JSON.parse(out) as { messages: number; corrupt: number } // what `stats` prints
    return messages + corrupt
  }

  async #account(): Promise<WorldResult> {
    const { index, seed, workers } = this.options
    for (let life = 1; life <= this.deeds.lives; life++) await readLog(this, life)
    const account = this.book.account()
    const problems = [...new Set([...this.problems, ...this.#hop.problems])]
    const kills = killsOf(this.deeds)
    const ms = Math.round(performance.now() - this.#began)
    return {
      world: index,
      seed,
      workers,
      scenarios: this.scenarios,
      deeds: this.deeds,
      kills,
      ...account,
      left: this.#left,
      problems,
      ms,
      folder: this.fixture.folder,
    }
  }

  /** Ends everything that is still there. The folder stays when it is worth a look. */
  async close(isKept: boolean): Promise<void> {
    const server = this.#server
    if (server && server.members.length > 0) signal(-server.pid, 'SIGKILL')
    await this.#hop.close()
    if (!isKept) await this.fixture.remove()
  }
}
