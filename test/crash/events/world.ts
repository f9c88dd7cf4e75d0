/**
 * One server after the other on one queue, each killed at some moment under load, and an endpoint that fails, hangs and dies by itself. At the
 * end of a world all that is known of mail is held against what the endpoint was told.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createSink, type SinkAnswer, type SinkStep } from '@postroad/testing'
import { DURABLE, startRedis } from '../../cluster/redis.ts'
import type { Break } from './broken.ts'
import { Hook } from './hook.ts'
import type { WorkerSettings } from './worker.ts'

/** How a world goes. */
export interface WorldOptions {
  readonly store: 'lmdb' | 'redis'
  readonly kills: number
  readonly clients: number
  readonly batch: number
  /** Of all that is left to chance, from 0 up to 1. */
  readonly random: () => number
  /** Milliseconds of the life of a server at most, from when it listens; most die when so many letters were taken. */
  readonly lifeMs: number
  /** Milliseconds for the last server to bring everything to its end. Default 120,000. */
  readonly patienceMs?: number
  /** The servers do this wrong. */
  readonly broken?: Break
}

/** What is known at the end. */
export interface WorldResult {
  readonly kills: number
  /** Letters whose 250 was heard. */
  readonly acknowledged: number
  readonly requests: number
  readonly events: number
  /** Events that were told more than once: a kill, or an answer that was lost, came between. */
  readonly again: number
  readonly faults: readonly string[]
}

const NODE = ['--conditions=@postroad/source', '--no-warnings']
const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url))
const PATIENCE = 120_000

/** Runs one world. */
export async function runWorld(options: WorldOptions): Promise<WorldResult> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-events-'))
  const redis = options.store === 'redis' ? await startRedis(DURABLE) : undefined
  const hook = await Hook.open(options.random)
  const letters = new Letters()
  const sink = await createSink({ script: (step) => letters.answer(step) })
  const settings: WorkerSettings = {
    folder,
    hopPort: sink.port,
    hookPort: hook.port,
    secret: hook.secret,
    batch: options.batch,
    ...(redis && { redis: redis.url }),
    ...(options.broken && { broken: options.broken }),
  }
  const errors: string[] = []
  try {
    for (let kill = 0; kill < options.kills; kill++) {
      const server = await Server.start(settings, errors)
      // Some die before they listen.
      if (server && options.random() > 0.1) {
        const clients = Array.from({ length: options.clients }, () => letters.send(server.port))
        const trouble = hook.trouble(options.lifeMs)
        await letters.more(Math.floor(options.random() * 40), options.lifeMs)
        await sleep(options.random() * 60)
        server.kill()
        await Promise.all(clients)
        await trouble
      }
      server?.kill()
      await server?.ended
    }
    await hook.recover()
    const last = await Server.start(settings, errors)
    if (!last) throw new Error(`the last server did not come up: ${errors.at(-1)}`)
    const until = Date.now() + (options.patienceMs ?? PATIENCE)
    while (Date.now() < until && letters.verdict(hook).some((fault) => fault.startsWith('LOST'))) await sleep(200)
    // What is invented may come late.
    await sleep(500)
    last.kill()
    await last.ended
  } finally {
    await hook.close()
    await sink.close()
    await redis?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }
  const { requests, distinct, arrivals } = hook
  return {
    kills: options.kills,
    acknowledged: letters.acknowledged.size,
    requests,
    events: distinct,
    again: arrivals - distinct,
    faults: [...hook.faults, ...letters.verdict(hook)],
  }
}

/** A server of the world. */
class Server {
  readonly port: number
  readonly ended: Promise<unknown>
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, port: number, ended: Promise<unknown>) {
    this.#child = child
    this.port = port
    this.ended = ended
  }

  /** Undefined: it has not come up. */
  static async start(settings: WorkerSettings, errors: string[]): Promise<Server | undefined> {
    const child = spawn(process.execPath, [...NODE, WORKER, JSON.stringify(settings)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // Nobody waits for the same sources to be read a thousand times.
      env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'postroad-compile-cache') },
    })
    const ended = once(child, 'exit')
    if (child.stderr) createInterface(child.stderr).on('line', (line) => void errors.push(line))
    const answer = await Promise.race([once(child, 'message'), ended.then(() => undefined)])
    const [said] = (answer ?? []) as [{ readonly port: number }?]
    return said && new Server(child, said.port, ended)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

type Fate = 'ok' | 'no' | 'later'

/** The letters of a world: what was sent, what was acknowledged, and what the next hop made of it. */
class Letters {
  readonly acknowledged = new Set<string>()
  readonly #sent = new Set<string>()
  readonly #arrived = new Set<string>()
  readonly #refused = new Set<string>()
  readonly #deferred = new Set<string>()
  #count = 0

  /** Until so many recipients more were acknowledged, or the time is over. */
  async more(count: number, ms: number): Promise<void> {
    const wanted = this.acknowledged.size + count
    const until = Date.now() + ms
    while (this.acknowledged.size < wanted && Date.now() < until) await sleep(5)
  }

  /** Sends letters until the server is gone. */
  async send(port: number): Promise<void> {
    // A server that is about to begin may say 451, and hang up.
    while (await this.#session(port)) await sleep(20)
  }

  /** One connection; false: nobody is there any more. */
  async #session(port: number): Promise<boolean> {
    let isThere = false
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const lines = createInterface(socket)[Symbol.asyncIterator]()
    socket.on('error', () => {}) // it was killed
    const hear = async (): Promise<string> => {
      for (;;) {
        const { value, done } = await lines.next()
        if (done) throw new Error('gone')
        if (/^\d{3} /.test(value)) return value
      }
    }
    const say = async (line: string): Promise<string> => {
      socket.write(`${line}\r\n`)
      return hear()
    }
    try {
      await hear()
      isThere = true
      await say('EHLO client.test')
      for (;;) {
        const number = this.#count++
        const fate: Fate = number % 9 === 4 ? 'no' : number % 7 === 3 ? 'later' : 'ok'
        const to = [`${fate}-${number}@one.test`, ...(number % 5 === 0 ? [`ok-${number}@two.test`] : [])]
        if (!(await say(`MAIL FROM:<s${number}@client.test>`)).startsWith('250')) break
        for (const address of to) await say(`RCPT TO:<${address}>`)
        await say('DATA')
        for (const address of to) this.#sent.add(address)
        const reply = await say(`Subject: ${number}\r\n\r\n${'x'.repeat(200)}\r\n.`)
        if (reply.startsWith('250')) for (const address of to) this.acknowledged.add(address)
      }
    } catch {
      // It was killed.
    } finally {
      socket.destroy()
    }
    return isThere
  }

  /** What the next hop says. */
  answer({ verb, argument }: SinkStep): SinkAnswer | undefined {
    const address = /<(\w+-\d+@\w+\.test)>/.exec(argument)?.[1]
    if (verb !== 'RCPT' || address === undefined) return undefined
    if (address.startsWith('no-')) {
      this.#refused.add(address)
      return '550 5.1.1 No such user'
    }
    if (address.startsWith('later-') && !this.#deferred.has(address)) {
      this.#deferred.add(address)
      return '450 4.2.0 Later'
    }
    this.#arrived.add(address)
    return undefined
  }

  /** What is wrong with what the endpoint was told. */
  verdict(hook: Hook): string[] {
    const faults: string[] = []
    for (const address of this.acknowledged) {
      const own = hook.eventsOf(address)
      const end = address.startsWith('no-') ? 'bounced' : 'delivered'
      for (const kind of ['accepted', end]) {
        const ids = new Set(own.filter((event) => event.kind === kind).map(({ id }) => id))
        if (ids.size === 0) faults.push(`LOST ${kind} of ${address}`)
        if (ids.size > 1) faults.push(`TWO IDS of ${kind} of ${address}: ${[...ids]}`)
      }
    }
    for (const address of hook.addresses) {
      const kinds = hook.eventsOf(address).map(({ kind }) => kind)
      const isRefused = address.startsWith('no-')
      if (!this.#sent.has(address)) faults.push(`INVENTED ${kinds} of ${address}`)
      if (kinds.includes('delivered') && (isRefused || !this.#arrived.has(address)))
        faults.push(`INVENTED delivered of ${address}`)
      if (kinds.includes('bounced') && !this.#refused.has(address)) faults.push(`INVENTED bounced of ${address}`)
      // By what came first: what is told again may be told late.
      const order = kinds.filter((kind, at) => kinds.indexOf(kind) === at)
      const last = order.findIndex((kind) => kind === 'delivered' || kind === 'bounced')
      if (order[0] !== 'accepted' || (last >= 0 && last !== order.length - 1))
        faults.push(`ORDER of ${address}: ${order}`)
    }
    return faults
  }
}
