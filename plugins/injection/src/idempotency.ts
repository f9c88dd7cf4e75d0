/**
 * Idempotency keys (draft-ietf-httpapi-idempotency-key-header): one request, sent again because its answer was lost, is one request.
 *
 * What keeps a message from being taken twice is the queue, which has the key in the step that takes it. Here is what a program is told: the same
 * answer again, that another request has the key (422), that the first is under way (409).
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Store } from '@postroad/plugin'
import { RequestRefused } from './refusal.ts'

/** A request with a key. */
export interface KeyedRequest {
  /** The token's name: keys of others are other keys. */
  readonly caller: string
  readonly key: string
  readonly body: Uint8Array
  /** What else makes the request: its path, query and kind of body. */
  readonly about: string
}

/** An answer that is kept. */
export interface RequestAnswer {
  readonly status: number
  readonly body: string
  /** The same request would be answered alike for ever; else the next with the same key does what is left to do. */
  readonly isFinal: boolean
}

interface Row {
  /** Fingerprint of the request. */
  readonly f: string
  /** Who answers it, and since when. */
  readonly by: string
  readonly at: number
  readonly answer?: RequestAnswer
}

/** Milliseconds for which another process may be believed to answer still. */
const BUSY_MS = 10_000

/** The keys of one server. */
export class Idempotency {
  readonly #store: Store
  readonly #options: { now(): number; readonly ttlMs: number }
  readonly #underWay = new Set<string>()
  readonly #me = `${process.pid}.${randomBytes(6).toString('hex')}`

  constructor(store: Store, options: { now(): number; readonly ttlMs: number }) {
    this.#store = store
    this.#options = options
  }

  /**
   * Answers a request once. `work` gets the name of the request, the same for the same key.
   *
   * @throws {RequestRefused} 422 when the key is that of another request, 409 when the first is under way, 503 when the keys cannot be read
   */
  async once(
    request: KeyedRequest,
    work: (name: string) => Promise<RequestAnswer>,
  ): Promise<RequestAnswer & { readonly isReplay: boolean }> {
    const name = hash(`${request.caller}\0${request.key}`)
    if (this.#underWay.has(name)) throw underWay()
    this.#underWay.add(name)
    try {
      const known = await this.#begin(name, fingerprint(request))
      if (known) return { ...known, isReplay: true }
      const answer = await work(name)
      if (answer.isFinal) await this.#keep(name, fingerprint(request), answer)
      return { ...answer, isReplay: false }
    } finally {
      this.#underWay.delete(name)
    }
  }

  async #begin(name: string, f: string): Promise<RequestAnswer | undefined> {
    const { now, ttlMs } = this.#options
    const mine: Row = { f, by: this.#me, at: now() }
    const text = JSON.stringify(mine)
    let found: string
    try {
      found = await this.#store.setIfAbsent(keyOf(name), text, ttlMs)
    } catch {
      throw new RequestRefused(503, { detail: 'Idempotency keys cannot be read now', headers: { 'retry-after': '5' } })
    }
    if (found === text) return undefined
    const row: Row = JSON.parse(found) // written here
    if (row.f !== f) throw new RequestRefused(422, { detail: 'The idempotency key is that of another request' })
    if (row.answer) return row.answer
    if (row.by !== this.#me && now() - row.at < BUSY_MS && lives(row.by)) throw underWay()
    return undefined
  }

  /** Without it a retry is answered by doing it again: the queue says which messages are there. */
  async #keep(name: string, f: string, answer: RequestAnswer): Promise<void> {
    const { now, ttlMs } = this.#options
    const row: Row = { f, by: this.#me, at: now(), answer }
    await this.#store.set(keyOf(name), JSON.stringify(row), ttlMs).catch(() => {})
  }
}

/**
 * The key of a header: a String of RFC 9651, or the same without quotes.
 *
 * @throws {RequestRefused} 400 when it is none
 */
export function readKey(header: string | null): string | undefined {
  if (header === null) return undefined
  const [, quoted, bare] = /^(?:"((?:[ !#-[\]-~]|\\["\\])*)"|([!#-+\--:<-~]+))$/.exec(header.trim()) ?? []
  const key = quoted?.replaceAll(/\\(["\\])/g, '$1') ?? bare
  if (key === undefined || key === '' || key.length > 255)
    throw new RequestRefused(400, { detail: 'Idempotency-Key is one string of 1 to 255 characters of ASCII' })
  return key
}

function underWay(): RequestRefused {
  return new RequestRefused(409, {
    detail: 'The first request with this idempotency key is under way',
    headers: { 'retry-after': '1' },
  })
}

function fingerprint({ body, about }: KeyedRequest): string {
  return createHash('sha256').update(about).update('\0').update(body).digest('base64url')
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function keyOf(name: string): string {
  return `injection ${name}`
}

/** Whether a process of this machine is there; of another machine nobody knows, and the queue keeps messages single. */
function lives(by: string): boolean {
  try {
    return process.kill(Number(by.split('.')[0]), 0)
  } catch {
    return false
  }
}
