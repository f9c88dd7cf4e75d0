/** Sessions that stay, each with one transaction at a time; what is timed is the whole transaction, from MAIL to the reply to its data. */
import { connect, type Socket } from 'node:net'
import { ArrivalClock } from './arrivals.ts'
import { DATA, type Driver, HELO, type Load, type Loaded, MAIL, RCPT } from './load.ts'

/** Opens the sessions, up to EHLO. */
export interface TransactionOptions {
  readonly port: number
  readonly sessions: number
  /** Milliseconds from the start at which messages are due, ascending. Without it a session sends one after the other. */
  readonly due?: readonly number[] | undefined
}

export async function openTransactions({ port, sessions, due }: TransactionOptions): Promise<Driver> {
  const clients = await Promise.all(Array.from({ length: sessions }, () => TransactionSession.open(port)))
  return {
    send: (load) => (due === undefined ? sendClosed(clients, load) : sendOpen(clients, due, load)),
    close() {
      for (const client of clients) client.close()
    },
  }
}

/** Who has its reply sends the next. */
async function sendClosed(clients: readonly TransactionSession[], load: Load): Promise<Loaded> {
  const started = performance.now()
  const waits: number[] = []
  let left = load.messages
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() - started < load.limitMs && left-- > 0) {
        const since = performance.now()
        await client.transact(load)
        waits.push(performance.now() - since)
      }
    }),
  )
  return { messages: waits.length, ms: performance.now() - started, waits }
}

/**
 * A message is sent when it is due and a session is free, and its clock begins when it is due. What is due and has not
 * been begun when the time is over is not sent, and counts with what it has waited until then.
 */
async function sendOpen(clients: readonly TransactionSession[], due: readonly number[], load: Load): Promise<Loaded> {
  const clock = await ArrivalClock.open()
  const free = [...clients]
  const waiting: number[] = []
  const waits: number[] = []
  const running = new Set<Promise<void>>()
  const stop = new AbortController()
  let begun = 0
  const dispatch = (): void => {
    while (free.length > 0 && waiting.length > 0 && !stop.signal.aborted) {
      // In turn: every session is used, as connections of many senders are.
      const client = free.shift()
      const at = waiting.shift()
      if (client === undefined || at === undefined) return
      begun++
      const one = client.transact(load).then(
        () => {
          waits.push(clock.now() - at)
          free.push(client)
          running.delete(one)
          dispatch()
        },
        (error: unknown) => stop.abort(error),
      )
      running.add(one)
    }
  }
  const timeout = setTimeout(() => stop.abort(), load.limitMs)
  await clock.run(due, stop.signal, (at) => {
    waiting.push(at)
    dispatch()
  })
  while (running.size > 0 && !isFault(stop.signal)) await Promise.race(running)
  clearTimeout(timeout)
  if (isFault(stop.signal)) throw stop.signal.reason
  const ms = clock.now()
  const left = due.slice(begun).filter((at) => at <= load.limitMs)
  return { messages: begun, ms, waits: [...waits, ...left.map((at) => ms - at)] }
}

/** That the time is over is none. */
function isFault({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(reason instanceof DOMException)
}

class TransactionSession {
  readonly #socket: Socket
  #text = ''
  #codes: string[] = []
  #fault: Error | undefined
  #heard: () => void = () => undefined

  private constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('data', (chunk) => this.#read(chunk.toString('latin1')))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error('the server hung up')))
  }

  static async open(port: number): Promise<TransactionSession> {
    const session = new TransactionSession(port)
    await session.#expect('220')
    await session.#say(HELO, '250')
    return session
  }

  async transact({ pipelined, data }: Pick<Load, 'pipelined' | 'data'>): Promise<void> {
    if (pipelined) await this.#say(MAIL + RCPT + DATA, '250', '250', '354')
    else {
      await this.#say(MAIL, '250')
      await this.#say(RCPT, '250')
      await this.#say(DATA, '354')
    }
    await this.#say(data, '250')
  }

  close(): void {
    this.#socket.destroy()
  }

  #say(what: string | Buffer, ...codes: readonly string[]): Promise<void> {
    this.#socket.write(what)
    return this.#expect(...codes)
  }

  async #expect(...codes: readonly string[]): Promise<void> {
    while (this.#codes.length < codes.length && this.#fault === undefined)
      await new Promise<void>((resolve) => (this.#heard = resolve))
    if (this.#fault) throw this.#fault
    const got = this.#codes.splice(0, codes.length)
    if (got.some((code, index) => code !== codes[index]))
      throw new Error(`the server answered ${got.join(', ')} in place of ${codes.join(', ')}`)
  }

  #read(chunk: string): void {
    this.#text += chunk
    // A line whose code is followed by a hyphen is not the reply's last, RFC 5321 §4.2.1.
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      if (this.#text[3] !== '-') this.#codes.push(this.#text.slice(0, 3))
      this.#text = this.#text.slice(end + 1)
    }
    this.#heard()
  }

  #fail(error: Error): void {
    this.#fault ??= error
    this.#heard()
  }
}
