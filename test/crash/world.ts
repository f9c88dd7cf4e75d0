/** The outside of a server that is killed: its clients, its next hop, and the book of what was promised and what arrived. */
import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FromWorker, ToWorker, WorkerConfig } from './worker.ts'

/** One message, as its client knows it. */
interface Sent {
  readonly key: string
  readonly recipients: readonly string[]
  readonly hash: string
  /** Queue id, once 250 was said. */
  id: string | undefined
}

/** One arrival at the next hop. */
interface Arrival {
  readonly worker: number
  readonly recipient: string
  readonly hash: string
}

/** What a test found. */
export interface Verdict {
  readonly sent: number
  readonly acknowledged: number
  /** Acknowledged, and a recipient never got it. */
  readonly lost: readonly string[]
  /** Arrived with other octets. */
  readonly damaged: readonly string[]
  /** Arrived again after its end had been written down, or without a crash in between: a bug. */
  readonly unexplained: readonly string[]
  /** Arrived again because the process died between the next hop's answer and the writing down of it, RFC 1047. */
  readonly duplicates: number
  readonly kills: number
  readonly problems: readonly string[]
}

/** The world around a server: it starts and kills workers, sends letters, and at the end compares what was promised with what arrived. */
export class World {
  readonly folder: string
  readonly #sent = new Map<string, Sent>()
  readonly #arrivals = new Map<string, Arrival[]>()
  /** Messages whose end a worker said it had written down, by worker. */
  readonly #finished = new Map<string, number>()
  readonly #workers = new Map<number, ChildProcess>()
  readonly #dead = new Set<number>()
  readonly problems: string[] = []
  #serial = 0
  #kills = 0
  #stats: ((messages: number) => void) | undefined

  constructor(folder: string) {
    this.folder = folder
  }

  static async make(): Promise<World> {
    return new World(await mkdtemp(join(tmpdir(), 'postroad-crash-')))
  }

  /** Starts a worker; with a point it dies there. Resolves when it is ready or dead. */
  async start(crash: { readonly point?: string; readonly nth?: number } = {}): Promise<number> {
    const number = ++this.#serial
    const config: WorkerConfig = { folder: this.folder, ...crash }
    const child = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), [JSON.stringify(config)], {
      serialization: 'advanced',
      execArgv: ['--conditions=@postroad/source'],
    })
    this.#workers.set(number, child)
    await new Promise<void>((resolve) => {
      child.on('message', (message: FromWorker) => {
        if (message.kind === 'ready') resolve()
        this.#hear(number, child, message)
      })
      child.on('exit', (code, signal) => {
        this.#workers.delete(number)
        if (signal === 'SIGKILL') this.#kills++
        else if (code !== 0) this.problems.push(`worker ${number} ended with ${code ?? signal}`)
        this.#dead.add(number)
        resolve()
      })
    })
    return number
  }

  isAlive(worker: number): boolean {
    return this.#workers.has(worker)
  }

  /** A client hands a message to a worker; it is promised when `accepted` comes. */
  send(worker: number, size: number, recipients: readonly string[]): void {
    const key = `k${this.#sent.size}`
    const octets = Buffer.from(`Subject: ${key}\r\n\r\n${'x'.repeat(Math.max(0, size - 30))}\r\n`)
    this.#sent.set(key, { key, recipients, hash: hashOf(octets), id: undefined })
    this.#tell(worker, { kind: 'send', key, recipients, octets })
  }

  async kill(worker: number): Promise<void> {
    const child = this.#workers.get(worker)
    if (!child) return
    child.kill('SIGKILL')
    await this.died(worker)
  }

  async died(worker: number, withinMs = 20_000): Promise<boolean> {
    for (const end = Date.now() + withinMs; this.isAlive(worker); await pause(5)) if (Date.now() > end) return false
    return true
  }

  async stop(worker: number): Promise<void> {
    this.#tell(worker, { kind: 'stop' })
    await this.died(worker)
  }

  /** Waits until a worker has nothing queued any more. */
  async drain(worker: number, withinMs = 30_000): Promise<boolean> {
    let last = Number.NaN
    for (let end = performance.now() + withinMs; performance.now() < end; await pause(20)) {
      const messages = await new Promise<number>((resolve) => {
        this.#stats = resolve
        this.#tell(worker, { kind: 'stats', serial: 0 })
        void this.died(worker, withinMs).then((dead) => dead && resolve(-1))
      })
      if (messages <= 0) return messages === 0
      // A machine that is busy is slow, and that is no fault; one where nothing goes on any more is.
      if (messages !== last) end = performance.now() + withinMs
      last = messages
    }
    return false
  }

  /** Messages that were sent and have not been offered to the next hop. */
  get unseen(): number {
    return this.#sent.size - this.#arrivals.size
  }

  get acknowledged(): number {
    return [...this.#sent.values()].filter(({ id }) => id !== undefined).length
  }

  verdict(): Verdict {
    const lost: string[] = []
    const damaged: string[] = []
    const unexplained: string[] = []
    let duplicates = 0
    for (const { key, recipients, hash, id } of this.#sent.values()) {
      const arrivals = this.#arrivals.get(key) ?? []
      for (const recipient of recipients) {
        const own = arrivals.filter((arrival) => arrival.recipient === recipient)
        if (own.length === 0 && id !== undefined) lost.push(`${key} ${id} to ${recipient}`)
        for (const [at, again] of own.entries()) {
          if (again.hash !== hash) damaged.push(`${key} to ${recipient}`)
          if (at === 0) continue
          const before = own[at - 1]
          if (
            before &&
            this.#dead.has(before.worker) &&
            before.worker !== again.worker &&
            this.#finished.get(`${key} ${recipient}`) !== before.worker
          )
            duplicates++
          else unexplained.push(`${key} ${id} to ${recipient}, by workers ${before?.worker} and ${again.worker}`)
        }
      }
    }
    return {
      sent: this.#sent.size,
      acknowledged: this.acknowledged,
      lost,
      damaged,
      unexplained,
      duplicates,
      kills: this.#kills,
      problems: this.problems,
    }
  }

  async dispose(): Promise<void> {
    for (const worker of this.#workers.keys()) await this.kill(worker)
    await rm(this.folder, { recursive: true, force: true })
  }

  #tell(worker: number, message: ToWorker): void {
    // A worker that is dying cannot be told; its client would see a closed connection.
    this.#workers.get(worker)?.send(message, () => {})
  }

  #hear(worker: number, child: ChildProcess, message: FromWorker): void {
    if (message.kind === 'accepted') {
      const sent = this.#sent.get(message.key)
      if (sent) sent.id = message.id
    } else if (message.kind === 'carry') this.#arrive(worker, child, message)
    else if (message.kind === 'stats') this.#stats?.(message.messages + message.corrupt)
    else if (message.kind === 'refused') this.problems.push(`refused: ${message.why}`)
    else if (message.kind === 'problem' && !/took over deliveries|the claim was lost/.test(message.text))
      this.problems.push(message.text)
    else if (message.kind === 'finished') this.#finish(worker, message.id)
  }

  #arrive(
    worker: number,
    child: ChildProcess,
    { serial, recipients, octets }: Extract<FromWorker, { kind: 'carry' }>,
  ): void {
    const key = /^Subject: (k\d+)\r/.exec(Buffer.from(octets.subarray(0, 40)).toString('latin1'))?.[1] ?? '?'
    const arrivals = this.#arrivals.get(key) ?? []
    // Every seventh first attempt is deferred, so that states and the schedule die too.
    const isDeferred = arrivals.length === 0 && Number(key.slice(1)) % 7 === 3 && !this.#deferred.has(key)
    if (isDeferred) this.#deferred.add(key)
    else for (const recipient of recipients) arrivals.push({ worker, recipient, hash: hashOf(octets) })
    this.#arrivals.set(key, arrivals)
    child.send({ kind: 'answer', serial, code: isDeferred ? 450 : 250 } satisfies ToWorker, () => {})
  }

  readonly #deferred = new Set<string>()

  #finish(worker: number, id: string): void {
    for (const sent of this.#sent.values())
      if (sent.id === id)
        for (const recipient of sent.recipients) this.#finished.set(`${sent.key} ${recipient}`, worker)
  }
}

function hashOf(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('hex')
}

/** Lets time pass; crash tests are about real processes. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
