/** Programs send with idempotency keys, and send again whatever they do not hear; the server is killed again and again. Nothing is lost, nothing is there twice. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { openLmdbStore } from '@postroad/embedded'
import { readAll } from '@postroad/mail'
import { Link } from '../../plugins/redis/src/link.ts'
import { RedisStore } from '../../plugins/redis-queue/src/store/redis-store.ts'
import { linkOptions, silent } from '../cluster/link.ts'
import { DURABLE, type RedisServer, startRedis } from '../cluster/redis.ts'

const SECRET = 'prt_kill'
const WORKER = join(import.meta.dirname, 'kill-worker.ts')
const CLIENTS = 8

/** What came of it. */
export interface Killed {
  readonly kills: number
  readonly requests: number
  readonly messages: number
  /** Requests that were sent again. */
  readonly retries: number
}

/**
 * @param queue `redis`: the queue is there, and it is killed as often as the server
 * @throws {AssertionError} when mail was lost, doubled, or has another id than was said
 */
export async function killed(kills: number, random: () => number, queue: 'lmdb' | 'redis' = 'lmdb'): Promise<Killed> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-injection-kill-'))
  await using redis = queue === 'redis' ? await startRedis(DURABLE) : undefined
  const world = new World(folder, random, redis)
  try {
    await world.begin()
    const clients = Array.from({ length: CLIENTS }, () => world.client())
    while (world.kills < kills) await world.killOnce()
    world.isOver = true
    await Promise.all(clients)
    await world.end()
    return { ...(await world.judge()), kills }
  } finally {
    await world.end()
    await rm(folder, { recursive: true, force: true })
  }
}

class World {
  kills = 0
  isOver = false
  readonly #folder: string
  readonly #random: () => number
  readonly #redis: RedisServer | undefined
  #server: ChildProcess | undefined
  #port: Promise<number> = Promise.resolve(0)
  #asked = 0
  #answered = 0
  #retries = 0
  /** Ids that were said, by the key of the message. */
  readonly #said = new Map<string, string>()

  constructor(folder: string, random: () => number, redis: RedisServer | undefined) {
    this.#folder = folder
    this.#redis = redis
    this.#random = random
  }

  async begin(): Promise<void> {
    const flags = ['--conditions=@postroad/source', '--no-warnings']
    const server = spawn(process.execPath, [...flags, WORKER, this.#folder, SECRET, this.#redis?.url ?? ''], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#server = server
    this.#port = (async () => {
      for await (const line of createInterface({ input: server.stdout })) return Number(line)
      throw new Error('the server has ended')
    })()
    await this.#port
  }

  async end(): Promise<void> {
    const server = this.#server
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    server.kill('SIGKILL')
    await once(server, 'exit')
  }

  /** After some answers, and a moment that may be anywhere in a request. */
  async killOnce(): Promise<void> {
    const from = this.#answered + Math.floor(this.#random() * 30)
    while (this.#answered <= from) await sleep(1)
    for (let turns = Math.floor(this.#random() * 40); turns > 0; turns--) await new Promise(setImmediate)
    // The one and then the other: what fails under a server that lives is another matter.
    if (this.#redis && this.kills % 2 === 1) {
      await this.#redis.kill()
      await this.#redis.start()
    } else {
      await this.end()
      await this.begin()
    }
    this.kills++
  }

  async client(): Promise<void> {
    while (!this.isOver) await this.#one(this.#asked++)
  }

  async #one(number: number): Promise<void> {
    const mail = (key: string) => ({
      from: 'a@shop.example',
      to: 'ann@example.com',
      subject: key,
      headers: { 'X-Key': key },
      text: 'x'.repeat(number % 7 === 0 ? 100_000 : 500),
      ...(number % 2 === 0 && { at: '+20 h' }),
    })
    const isBatch = number % 3 === 0
    const keys = isBatch ? [0, 1, 2].map((which) => `k${number}.${which}`) : [`k${number}`]
    const body = JSON.stringify(isBatch ? { messages: keys.map(mail) } : mail(keys[0] ?? ''))
    for (let tries = 0; ; tries++) {
      const answer = await this.#ask(isBatch ? '/v1/messages/batch' : '/v1/messages', body, `key-${number}`)
      if (tries > 0) this.#retries++
      if (answer?.status === 202) {
        const ids: string[] = isBatch ? answer.json.results.map(({ id }: { id: string }) => id) : [answer.json.id]
        for (const [at, key] of keys.entries()) this.#said.set(key, ids[at] ?? '')
        this.#answered++
        // Some have not heard the answer.
        if (tries > 0 || number % 5 !== 0) return
      } else if (answer && answer.status !== 409 && answer.status !== 503 && answer.status !== 207)
        throw new Error(`${answer.status}: ${JSON.stringify(answer.json)}`)
      else await sleep(5)
    }
  }

  async #ask(path: string, body: string, key: string): Promise<{ status: number; json: any } | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${await this.#port}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json', 'idempotency-key': key },
        body,
      })
      return { status: response.status, json: await response.json() }
    } catch {
      return undefined
    }
  }

  /** All that is in the queue, against what was said. */
  async judge(): Promise<Omit<Killed, 'kills'>> {
    const { store, close } = await this.#opened()
    try {
      const found = new Map<string, string[]>()
      for await (const { message } of store.list()) {
        const head = (await readAll(store.content(message))).subarray(0, 2_000).toString('latin1')
        const key = /^X-Key: (\S+)/m.exec(head)?.[1] ?? 'none'
        found.set(key, [...(found.get(key) ?? []), message.id])
      }
      for (const [key, ids] of found) assert.equal(ids.length, 1, `${key} is there ${ids.length} times: ${ids}`)
      for (const [key, id] of this.#said) assert.deepEqual(found.get(key), [id], `${key} was taken as ${id}`)
      assert.equal(found.size, this.#said.size, 'what nobody has heard of')
      return { requests: this.#asked, messages: found.size, retries: this.#retries }
    } finally {
      await close()
    }
  }

  async #opened() {
    if (this.#redis) {
      const link = new Link(linkOptions({ url: this.#redis.url }), silent)
      return { store: new RedisStore({ link, name: 'mail' }), close: () => link.close() }
    }
    const store = await openLmdbStore({ folder: join(this.#folder, 'queue'), minFreeBytes: 0 })
    return { store, close: () => store.close() }
  }
}
