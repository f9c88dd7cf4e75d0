/** An inbox for tests: a server on a free port, and messages as they come. */
import { parseDuration } from '@postroad/options'
import type { Config } from 'postroad'
import type { CaughtEntry } from './entry.ts'
import { type CaughtMail, caughtMail } from './mail.ts'
import { ALL, withIds } from './query.ts'
import { type RunningCatch, startCatch } from './start.ts'
import type { RefusedMail } from './taker.ts'

/** What may be said of an inbox. */
export interface CatchOptions {
  /** Default 0: any that is free, see `port`. */
  readonly port?: number
  /** Where page and API of `postroad catch` are to be; 0: a free port. Default: nowhere. */
  readonly http?: number
  /** `strict`: it behaves as receivers do that know nobody: greylisting, limits, 421. Default `lenient`: it takes everything. */
  readonly like?: 'lenient' | 'strict'
  /** SPF, DKIM and DMARC are looked at, with these resolvers or the machine's. Default: not, and DNS is not asked. */
  readonly authentication?: boolean | { readonly dns: NonNullable<Config['dns']> }
  /** STARTTLS is offered, with a certificate that nobody has signed. Default false. */
  readonly tls?: boolean
  /** Messages that are kept; the oldest go first. Default 10,000. */
  readonly max?: number
}

/** Which message is meant: all that is said must hold. */
export interface MailFilter {
  /** An address of the envelope's recipients; a text is the whole address, in any case of letters. */
  readonly to?: string | RegExp
  /** The author, or the reverse-path. */
  readonly from?: string | RegExp
  /** A text is a part of it. */
  readonly subject?: string | RegExp
}

/** Mail of a program under test. */
export interface Inbox extends AsyncDisposable {
  /** Of SMTP, at 127.0.0.1. */
  readonly port: number
  /** `smtp://127.0.0.1:PORT`, as nodemailer and others take it. */
  readonly url: string
  /** Of the page, when `http` was asked for. */
  readonly page: string | undefined
  /**
   * The first message that fits, of those that no call has been given yet; waits for it. Each message is given once.
   *
   * @throws {Error} after `timeout` (default 5 s; milliseconds, or `'10 s'`): it says what came instead, and what was refused
   */
  next(filter?: MailFilter & { readonly timeout?: number | string }): Promise<CaughtMail>
  /** All that fit and are there, oldest first, given before or not. Waits for nothing. */
  all(filter?: MailFilter): Promise<readonly CaughtMail[]>
  /** Forgets all, and whatever was refused. */
  clear(): Promise<void>
  close(): Promise<void>
}

const TIMEOUT = 5_000
const MOST = 10_000
const OCTETS = 2_000_000_000
/** Lines of an error. */
const LINES = 20
const KNOWN: ReadonlySet<string> = new Set(['port', 'http', 'like', 'authentication', 'tls', 'max'])

/**
 * Starts an inbox that takes all mail, for tests of what sends it. The process stays its own; nothing is left on disk.
 *
 * @throws {PostroadError} `ERR_BIND` when the port cannot be had
 * @throws {TypeError} for an option that there is not
 * @example
 * await using inbox = await catchMail()
 * await signUp({ email: 'ann@example.com', smtp: inbox.url })
 * const mail = await inbox.next({ to: 'ann@example.com', subject: 'Welcome' })
 * assert.match(mail.text, /Confirm your address/)
 */
export async function catchMail(options: CatchOptions = {}): Promise<Inbox> {
  for (const key of Object.keys(options))
    if (!KNOWN.has(key))
      throw new TypeError(`catchMail: there is no option "${key}"; there are ${[...KNOWN].join(', ')}`)
  const { port = 0, http, like = 'lenient', authentication = false, tls = false, max = MOST } = options
  const refused: RefusedMail[] = []
  const running = await startCatch({
    smtp: { host: '127.0.0.1', port },
    http: http === undefined ? undefined : { host: '127.0.0.1', port: http },
    like,
    bounds: { messages: max, octets: OCTETS },
    folder: undefined,
    authentication: authentication !== false,
    ...(typeof authentication === 'object' && { dns: authentication.dns }),
    tls,
    names: [],
    log: { format: 'silent' },
    onRefused(one) {
      refused.push(one)
      if (refused.length > LINES) refused.shift()
    },
  })
  return new TestInbox(running, refused)
}

class TestInbox implements Inbox {
  readonly #running: RunningCatch
  readonly #refused: RefusedMail[]
  /** Not given yet, oldest first. */
  #waiting: CaughtEntry[] = []
  readonly #calls = new Set<() => void>()

  constructor(running: RunningCatch, refused: RefusedMail[]) {
    this.#running = running
    this.#refused = refused
    running.collection.watch((change) => {
      if (change.kind === 'added') this.#waiting.push(change.entry)
      if (change.kind === 'dropped') this.#waiting = this.#waiting.filter(({ id }) => running.collection.get(id))
      if (change.kind === 'deleted') {
        const { ids } = change
        this.#waiting = ids === 'all' ? [] : this.#waiting.filter(({ id }) => !ids.includes(id))
      }
      for (const call of this.#calls) call()
    })
  }

  get port(): number {
    return this.#running.smtp
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.port}`
  }

  get page(): string | undefined {
    const { http } = this.#running
    return http === undefined ? undefined : `http://127.0.0.1:${http}/`
  }

  async next({ timeout = TIMEOUT, ...filter }: Parameters<Inbox['next']>[0] = {}): Promise<CaughtMail> {
    const fits = fitting(filter)
    const ms = typeof timeout === 'number' ? timeout : parseDuration(timeout)
    if (ms === undefined) throw new TypeError(`timeout: milliseconds, or a text such as "10 s", not "${timeout}"`)
    for (;;) {
      const entry = await this.#first(fits, ms)
      if (!entry) throw new Error(this.#absence(filter, ms))
      const raw = await this.#running.collection.read(entry.id)
      // Gone between the two: somebody has cleared the inbox.
      if (raw) return caughtMail(entry, raw)
    }
  }

  #first(fits: (entry: CaughtEntry) => boolean, ms: number): Promise<CaughtEntry | undefined> {
    return new Promise((resolve) => {
      const look = (): void => {
        const at = this.#waiting.findIndex(fits)
        if (at < 0) return
        end()
        resolve(this.#waiting.splice(at, 1)[0])
      }
      const end = (): void => {
        clearTimeout(timer)
        this.#calls.delete(look)
      }
      const timer = setTimeout(() => {
        end()
        resolve(undefined)
      }, ms)
      this.#calls.add(look)
      look()
    })
  }

  async all(filter: MailFilter = {}): Promise<readonly CaughtMail[]> {
    const { entries } = this.#running.collection.find(ALL, { start: 0, limit: -1 })
    const found: CaughtMail[] = []
    for (const entry of entries.filter(fitting(filter)).toReversed()) {
      const raw = await this.#running.collection.read(entry.id)
      if (raw) found.push(await caughtMail(entry, raw))
    }
    return found
  }

  async clear(): Promise<void> {
    this.#refused.length = 0
    const { entries } = this.#running.collection.find(ALL, { start: 0, limit: -1 })
    await this.#running.collection.delete(withIds(entries.map(({ id }) => id)))
    this.#waiting = []
  }

  close(): Promise<void> {
    return this.#running.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** What came instead, so that a failed test says why. */
  #absence(filter: MailFilter, ms: number): string {
    const { entries, count } = this.#running.collection.find(ALL, { start: 0, limit: LINES })
    const came = entries.map(
      (entry) =>
        `  ${entry.sender || '<>'} → ${entry.recipients.join(', ')} ${JSON.stringify(entry.subject)}${this.#waiting.some(({ id }) => id === entry.id) ? '' : ' (given before)'}`,
    )
    const refused = this.#refused.map(({ from, to, refusal }) => `  ${from ?? '<>'} → ${to ?? '?'} ${replyOf(refusal)}`)
    return [
      `No mail ${inWords(filter)}came within ${ms} ms.`,
      ...(came.length === 0
        ? ['Nothing came at all.']
        : [`${count} ${count === 1 ? 'is' : 'are'} there, newest first:`, ...came]),
      ...(refused.length === 0 ? [] : ['Refused:', ...refused]),
    ].join('\n')
  }
}

function replyOf({ kind, code, status, text }: RefusedMail['refusal']): string {
  return [code ?? (kind === 'defer' ? 451 : 550), status, text].filter((part) => part !== undefined).join(' ')
}

function inWords({ to, from, subject }: MailFilter): string {
  const said = Object.entries({ to, from, subject }).filter(([, value]) => value !== undefined)
  if (said.length === 0) return ''
  return `with ${said.map(([name, value]) => `${name} ${value instanceof RegExp ? value : JSON.stringify(value)}`).join(' and ')} `
}

function fitting({ to, from, subject, ...others }: MailFilter): (entry: CaughtEntry) => boolean {
  const [unknown] = Object.keys(others)
  if (unknown !== undefined)
    throw new TypeError(`There is nothing to choose mail by called "${unknown}"; there are to, from, subject`)
  const isAddress = (wanted: string | RegExp, address: string): boolean =>
    typeof wanted === 'string' ? address.toLowerCase() === wanted.toLowerCase() : matches(wanted, address)
  return (entry) =>
    (to === undefined || entry.recipients.some((address) => isAddress(to, address))) &&
    (from === undefined || [entry.from?.address ?? '', entry.sender].some((address) => isAddress(from, address))) &&
    (subject === undefined ||
      (typeof subject === 'string' ? entry.subject.includes(subject) : matches(subject, entry.subject)))
}

/** One with the flag `g` remembers where it was. */
function matches(pattern: RegExp, text: string): boolean {
  pattern.lastIndex = 0
  return pattern.test(text)
}
