/** The clients of a world: each sends numbered letters, one after the other, and writes down what it hears. */
import { connect, type Socket } from 'node:net'
import type { Book, Letter } from './book.ts'
import type { Chance } from './chance.ts'

/** Octets: most stand in the database, the others are files. */
const SIZES = [300, 300, 4_096, 4_096, 12_000, 40_000]
const LARGE = 300_000

/** Nobody takes mail for it: what goes there stays in the queue until a command deletes it. */
export const TRASH = 'trash.test'
export const DOMAINS = ['one.test', 'two.test'] as const

/** Makes the letters of a world. */
export class Letters {
  readonly #name: string
  readonly #chance: Chance
  #count = 0

  constructor(name: string, chance: Chance) {
    this.#name = name
    this.#chance = chance
  }

  next(): Letter {
    const key = `${this.#name}-${this.#count++}`
    const size = this.#chance.percent(3) ? LARGE : this.#chance.pick(SIZES)
    return { key, recipients: this.#recipients(), text: textOf(key, size) }
  }

  #recipients(): string[] {
    if (this.#chance.percent(3)) return [`r@${TRASH}`]
    if (this.#chance.percent(25)) return DOMAINS.map((domain) => `r@${domain}`)
    return [`r@${this.#chance.pick(DOMAINS)}`]
  }
}

/** Every line names the letter and itself: octets that belong elsewhere show. */
function textOf(key: string, size: number): string {
  const lines = [`Subject: ${key}`, '']
  for (let length = 0, count = 0; length < size; count++) {
    const line = `${count % 7 === 3 ? '.' : ''}${key} ${count} ${'x'.repeat(count % 60)}`
    lines.push(line)
    length += line.length + 2
  }
  return `${lines.join('\r\n')}\r\n`
}

/** How the clients of one life of a server behave. */
export interface ClientOptions {
  readonly port: () => number
  readonly letters: Letters
  readonly book: Book
  /** Letters in all. */
  readonly limit: number
  readonly clients: number
  /** Milliseconds between the letters of a client, at most. */
  readonly pauseMs: number
  readonly chance: Chance
  /** Milliseconds without an answer that are a hang. */
  readonly patienceMs: number
  onSilence(what: string): void
}

/** Several clients; they come back when they are thrown out. */
export class Clients {
  readonly #options: ClientOptions
  readonly #over = new AbortController()
  readonly #ended: Promise<unknown>
  #left: number
  #isPaused = false

  constructor(options: ClientOptions) {
    this.#options = options
    this.#left = options.limit
    this.#ended = Promise.all(Array.from({ length: options.clients }, () => this.#insist()))
  }

  /** Time in which servers are frozen or descriptors are out is nobody's hang. */
  set isPatient(is: boolean) {
    this.#isPaused = is
  }

  /** Sent everything. */
  get isDone(): boolean {
    return this.#left <= 0
  }

  /** Hangs up, whatever is under way. */
  async end(): Promise<void> {
    this.#over.abort()
    await this.#ended
  }

  async #insist(): Promise<void> {
    while (this.#left > 0 && !this.#over.signal.aborted) {
      await this.#session().catch(() => {}) // a connection that breaks is what all this is about
      await rest(20, this.#over.signal)
    }
  }

  async #session(): Promise<void> {
    const { port, chance, pauseMs } = this.#options
    const socket = connect({ port: port(), host: '127.0.0.1', noDelay: true })
    const hangUp = (): void => void socket.destroy()
    this.#over.signal.addEventListener('abort', hangUp, { once: true })
    const replies = readReplies(socket)
    const say = (line: string, step: string): Promise<string> => {
      if (line !== '') socket.write(`${line}\r\n`, 'latin1')
      return this.#answer(replies, step)
    }
    try {
      if (!(await say('', 'the banner')).startsWith('220')) return
      if (!(await say('EHLO client.test', 'EHLO')).startsWith('250')) return
      while (this.#left-- > 0 && (await this.#send(say))) await rest(chance.between(0, pauseMs), this.#over.signal)
    } finally {
      this.#over.signal.removeEventListener('abort', hangUp)
      socket.destroy()
    }
  }

  /** False: the session is over. */
  async #send(say: (line: string, step: string) => Promise<string>): Promise<boolean> {
    const { letters, book } = this.#options
    const letter = letters.next()
    const steps = ['MAIL FROM:<s@client.test>', ...letter.recipients.map((each) => `RCPT TO:<${each}>`), 'DATA']
    for (const step of steps) {
      const reply = await say(step, step)
      if (reply.startsWith('421')) return false
      // Nothing was handed over: no promise is asked for.
      if (!/^[23]/.test(reply)) return (await say('RSET', 'RSET')).startsWith('250')
    }
    book.sent(letter)
    const reply = await say(`${letter.text.replace(/^\./gm, '..')}.`, 'the final dot')
    if (reply.startsWith('250')) book.acknowledged(letter.key)
    else if (reply !== '') book.refused(letter.key, reply)
    return /^[245]/.test(reply) && !reply.startsWith('421')
  }

  /** Throws when the connection is over. */
  async #answer(replies: AsyncGenerator<string>, step: string): Promise<string> {
    const began = performance.now()
    let waited = 0
    const look = setInterval(() => {
      // Counted in small steps: a frozen test sees no hang of others.
      if (!this.#isPaused) waited += 1_000
      if (waited < this.#options.patienceMs) return
      clearInterval(look)
      this.#options.onSilence(`no answer to ${step} for ${Math.round((performance.now() - began) / 1_000)} s`)
    }, 1_000)
    try {
      const { value, done } = await replies.next()
      if (done) throw new Error('closed')
      return value
    } finally {
      clearInterval(look)
    }
  }
}

/** Last lines of replies; ends with the connection. */
async function* readReplies(socket: Socket): AsyncGenerator<string> {
  let text = ''
  try {
    for await (const chunk of socket.setEncoding('latin1')) {
      const rows = `${text}${chunk}`.split('\r\n')
      text = rows.pop() ?? ''
      for (const row of rows) if (row[3] !== '-') yield row
    }
  } catch {
    // The server was killed: that is the point.
  }
}

/**
 * Time that somebody else had to answer: passes by the clock, but never faster than four times what was slept, because a machine that stands
 * still is nobody's hang.
 */
export class Patience {
  readonly #withinMs: number
  #spentMs = 0
  #lookedAt = performance.now()

  constructor(withinMs: number) {
    this.#withinMs = withinMs
  }

  /** Sleeps; resolves to whether there is time left. */
  async wait(ms: number): Promise<boolean> {
    this.#lookedAt = performance.now()
    await rest(ms)
    this.#spentMs += Math.min(performance.now() - this.#lookedAt, ms * 4)
    return this.#spentMs < this.#withinMs
  }

  /** Something moved. */
  renew(): void {
    this.#spentMs = 0
  }
}

/** Lets time pass, or not. */
export function rest(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const end = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.addEventListener('abort', end, { once: true })
  })
}
