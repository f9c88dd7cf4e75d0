/** The load: a client that does little more than write and count lines, so that what is measured is the server. */
import { connect, type Socket } from 'node:net'
import { connect as secure } from 'node:tls'

/** What to send. */
export interface Load {
  readonly port: number
  /** Sessions at the same time. */
  readonly sessions: number
  readonly messages: number
  /** The message with CRLF line ends, dot-stuffed, with the final dot. */
  readonly data: Buffer
  /** One message a connection instead of many. */
  readonly single: boolean
  /** MAIL, RCPT and DATA in one write, RFC 2920. */
  readonly pipelined: boolean
  /** STARTTLS before anything else; the certificate may name anybody. */
  readonly starttls?: boolean
  /** Milliseconds after which no new message is begun. */
  readonly limitMs: number
}

/** What came of it. */
export interface Loaded {
  readonly messages: number
  readonly ms: number
  /** Milliseconds from the message to its reply, one a message. */
  readonly waits: readonly number[]
}

/** Connections to a target, where they are to last. */
export interface Driver {
  /** Sends messages until there are enough, or the time is over. */
  send(load: Load): Promise<Loaded>
  close(): void
}

export const HELO = 'EHLO client.example\r\n'
export const MAIL = 'MAIL FROM:<sender@client.example>\r\n'
export const RCPT = 'RCPT TO:<alice@postroad.test>\r\n'
const STARTTLS = 'STARTTLS\r\n'
export const DATA = 'DATA\r\n'
const QUIT = 'QUIT\r\n'

/** Messages of about this many octets: a small header and lines of text, a few of which begin with a dot. */
export function makeData(octets: number): Buffer {
  const head =
    'From: Sender <sender@client.example>\r\nTo: alice@postroad.test\r\nSubject: bench\r\nDate: Sun, 22 Nov 2026 02:00:00 +0000\r\nMessage-ID: <bench@client.example>\r\n\r\n'
  const line = `${'The quick brown fox jumps over the lazy dog. '.repeat(2).slice(0, 76)}\r\n`
  const count = Math.max(1, Math.round((octets - head.length) / line.length))
  return Buffer.from(`${head}${line.repeat(count)}..a line that begins with a dot\r\n.\r\n`)
}

/**
 * Sends the messages.
 *
 * @throws {Error} with the server's words at the first reply that is not what it should be
 */
export async function sendLoad(load: Load): Promise<Loaded> {
  const started = performance.now()
  const budget: Budget = { left: load.messages, end: started + load.limitMs, sent: 0, waits: [] }
  const sessions = Math.min(load.sessions, load.messages)
  await Promise.all(
    Array.from({ length: sessions }, () => (load.single ? sendOneByOne(load, budget) : sendMany(load, budget))),
  )
  return { messages: budget.sent, ms: performance.now() - started, waits: budget.waits }
}

/** Messages that all sessions share. */
interface Budget {
  left: number
  readonly end: number
  sent: number
  readonly waits: number[]
}

function take(budget: Budget): boolean {
  if (budget.left <= 0 || performance.now() > budget.end) return false
  budget.left--
  return true
}

async function sendOneByOne(load: Load, budget: Budget): Promise<void> {
  while (take(budget)) {
    await new Session(load, budget.waits, () => false).done
    budget.sent++
  }
}

async function sendMany(load: Load, budget: Budget): Promise<void> {
  if (!take(budget)) return
  await new Session(load, budget.waits, () => {
    budget.sent++
    return take(budget)
  }).done
}

type Step = 'banner' | 'helo' | 'starttls' | 'mail' | 'rcpt' | 'data' | 'dot' | 'quit'

const EXPECTED: Readonly<Record<Step, string>> = {
  banner: '220',
  helo: '250',
  starttls: '220',
  mail: '250',
  rcpt: '250',
  data: '354',
  dot: '250',
  quit: '221',
}

class Session {
  readonly done: Promise<void>
  readonly #load: Load
  #socket: Socket
  #isSecure = false
  readonly #waits: number[]
  readonly #again: () => boolean
  #sentAt = 0
  #step: Step = 'banner'
  #text = ''
  #settle: (error?: Error) => void = () => undefined

  /** `again` is asked after each message whether there is another. */
  constructor(load: Load, waits: number[], again: () => boolean) {
    this.#load = load
    this.#waits = waits
    this.#again = again
    this.done = new Promise((resolve, reject) => (this.#settle = (error) => (error ? reject(error) : resolve())))
    this.#socket = this.#listenTo(connect({ port: load.port, host: '127.0.0.1', noDelay: true }))
  }

  #listenTo(socket: Socket): Socket {
    socket.on('data', (chunk) => this.#read(chunk.toString('latin1')))
    socket.on('error', (error) => this.#settle(error))
    socket.on('close', () => this.#settle(new Error(`the server hung up after "${this.#step}"`)))
    return socket
  }

  #read(chunk: string): void {
    this.#text += chunk
    // One line at a time; a line whose code is followed by a hyphen is not the reply's last, RFC 5321 §4.2.1.
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end)
      this.#text = this.#text.slice(end + 1)
      if (line[3] === '-') continue
      if (!line.startsWith(EXPECTED[this.#step])) {
        this.#end(new Error(`the server answered "${line.trim()}" at "${this.#step}"`))
        return
      }
      this.#next()
    }
  }

  #next(): void {
    const { pipelined, data } = this.#load
    const step = this.#step
    if (step === 'data') this.#sentAt = performance.now()
    else if (step === 'dot') this.#waits.push(performance.now() - this.#sentAt)
    if (step === 'banner') this.#say('helo', HELO)
    else if (step === 'helo' && this.#load.starttls && !this.#isSecure) this.#say('starttls', STARTTLS)
    else if (step === 'starttls') this.#secure()
    else if (step === 'helo') this.#begin()
    else if (step === 'mail') this.#say('rcpt', pipelined ? '' : RCPT)
    else if (step === 'rcpt') this.#say('data', pipelined ? '' : DATA)
    else if (step === 'data') this.#say('dot', data)
    else if (step === 'quit') this.#end()
    else if (this.#again()) this.#begin()
    else this.#say('quit', QUIT)
  }

  /** What was said before is forgotten: EHLO again. */
  #secure(): void {
    this.#isSecure = true
    this.#socket.removeAllListeners('data')
    this.#socket = this.#listenTo(secure({ socket: this.#socket, rejectUnauthorized: false }))
    this.#say('helo', HELO)
  }

  #begin(): void {
    this.#say('mail', this.#load.pipelined ? MAIL + RCPT + DATA : MAIL)
  }

  #say(step: Step, what: string | Buffer): void {
    this.#step = step
    if (what.length > 0) this.#socket.write(what)
  }

  #end(error?: Error): void {
    this.#settle(error)
    this.#socket.destroy()
  }
}
