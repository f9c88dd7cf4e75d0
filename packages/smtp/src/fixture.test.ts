/** What the tests of this package share: stages that write down what they are asked, and a client. Has no tests of its own. */
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import type { ListenerOptions } from './config/listener-options.ts'
import { createListener, type SmtpListener as Listener } from './listener/listener.ts'
import type { ContentSink, Offer, Stages, Wire, WireReply } from './stages.ts'

export const OFFER: Offer = {
  mechanisms: ['PLAIN', 'LOGIN'],
  eightBitMime: true,
  binaryMime: true,
  smtputf8: true,
  dsn: true,
  requireTls: true,
}

/** What one connection did, in its order. */
export interface Record_ {
  wire: Wire
  calls: string[]
  messages: string[]
  readonly closed: Promise<string>
}

type Overrides = Partial<Stages> | ((wire: Wire, record: Record_) => Partial<Stages>)

interface TlsOptions {
  readonly tls?: boolean
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3'
}

export interface Fixture extends AsyncDisposable {
  readonly listener: Listener
  readonly records: Record_[]
  readonly errors: unknown[]
  client(options?: TlsOptions): Promise<Client>
}

function stub(record: Record_, onClose: (reason: string) => void): Stages {
  const { calls } = record
  const log = (call: string) => void calls.push(call)
  return {
    connect: () => log('connect') as undefined,
    helo: (name, verb) => log(`${verb} ${name}`) as undefined,
    offer: () => OFFER,
    secured: (tls) => log(`secured ${tls.version}`),
    authenticated: (name) => log(`authenticated ${name}`),
    auth: (attempt) => {
      log(`auth ${attempt.mechanism} ${attempt.username} ${'password' in attempt ? attempt.password : ''}`)
      return 'password' in attempt && attempt.password === 'secret'
        ? { code: 235, status: '2.7.0', text: 'Welcome' }
        : undefined
    },
    mail: (from, parameters) => log(`mail <${from ?? ''}> ${JSON.stringify(parameters)}`) as undefined,
    rcpt: (to, parameters) => {
      log(`rcpt <${to}> ${JSON.stringify(parameters)}`)
      if (to.local === 'no') return { code: 550, status: '5.1.1', text: 'No such user' }
      return { code: 250, status: '2.1.5', text: 'Ok' }
    },
    data: () => log('data') as undefined,
    content: () => content(record),
    message: () => {
      log('message')
      return { code: 250, status: '2.0.0', text: 'Queued' }
    },
    reset: () => log('reset'),
    verify: (argument) => ({ code: 252, status: '2.1.5', text: `Try ${argument}` }),
    expand: () => ({ code: 502, status: '5.5.1', text: 'No' }),
    help: () => ({ code: 214, status: '2.0.0', text: ['One', 'Two'] }),
    unknown: (verb) => ({ code: 500, status: '5.5.1', text: `What is ${verb}` }),
    refused: (command, reply) => log(`refused ${command} ${reply.code}`),
    close: (reason) => {
      log(`close ${reason}`)
      onClose(reason)
    },
  }
}

export function content(record: Record_): ContentSink {
  const index = record.messages.push('') - 1
  return {
    write: (chunk) => void (record.messages[index] += Buffer.from(chunk).toString('latin1')),
    abort: () => void record.calls.push('abort'),
  }
}

/** A listener on a free port of the loopback, with stages that accept everything but what is overridden. */
export async function start(options: Partial<ListenerOptions> = {}, overrides: Overrides = {}): Promise<Fixture> {
  const records: Record_[] = []
  const errors: unknown[] = []
  const clients: Client[] = []
  const attach = (wire: Wire): Stages => {
    let resolve: (reason: string) => void = () => {}
    const closed = new Promise<string>((settle) => {
      resolve = settle
    })
    const record: Record_ = { wire, calls: [], messages: [], closed }
    records.push(record)
    return { ...stub(record, resolve), ...(typeof overrides === 'function' ? overrides(wire, record) : overrides) }
  }
  const settings = {
    name: 'test',
    hostname: 'mx.example.com',
    host: '127.0.0.1',
    onError: (error: unknown) => void errors.push(error),
    ...options,
  }
  const listener = createListener(settings, attach)
  await listener.listen()
  return {
    listener,
    records,
    errors,
    async client(tls = {}) {
      const client = await Client.connect(listener, tls)
      clients.push(client)
      return client
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy()
      await listener.close(0)
    },
  }
}

/** Milliseconds a client waits for a reply: a server that says nothing fails a test instead of holding it up. */
const PATIENCE_MS = 8_000
/** The real one, also where a test has another. */
const startTimer = globalThis.setTimeout

/** Sends text, reads replies. */
export class Client {
  socket: Socket | TLSSocket
  #text = ''
  #waiting: (() => void) | undefined
  isClosed = false

  static async connect(listener: Listener, { tls = false, ...versions }: TlsOptions = {}): Promise<Client> {
    const { address } = listener
    const target = 'path' in address ? { path: address.path } : { host: address.host, port: address.port }
    const socket = tls
      ? connectTls({ ...target, ...versions, rejectUnauthorized: false })
      : connect({ ...target, noDelay: true })
    await new Promise((resolve, reject) =>
      socket.once(tls ? 'secureConnect' : 'connect', resolve).once('error', reject),
    )
    return new Client(socket)
  }

  private constructor(socket: Socket | TLSSocket) {
    this.socket = socket
    this.#listen()
  }

  #listen(): void {
    const wake = () => this.#waiting?.()
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1')
      wake()
    })
    this.socket.on('close', () => {
      this.isClosed = true
      wake()
    })
  }

  /** The next reply, its lines joined by `|`; `closed` when there is none. */
  async reply(): Promise<string> {
    for (;;) {
      const match = /^(?:\d{3}-[^\r]*\r\n)*\d{3} [^\r]*\r\n/.exec(this.#text)
      if (match) {
        this.#text = this.#text.slice(match[0].length)
        return match[0].slice(0, -2).replaceAll('\r\n', '|')
      }
      if (this.isClosed) return this.#text === '' ? 'closed' : `unexpected ${this.#text}`
      await new Promise<void>((resolve, reject) => {
        const timer = startTimer(() => reject(new Error(`no reply within ${PATIENCE_MS} ms`)), PATIENCE_MS)
        this.#waiting = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  send(text: string | Buffer): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
  }

  /** Sends one line, gives the reply to it. */
  say(line: string): Promise<string> {
    this.send(`${line}\r\n`)
    return this.reply()
  }

  /** Sends all, gives so many replies. */
  async talk(text: string, count: number): Promise<string[]> {
    this.send(text)
    const replies: string[] = []
    for (let i = 0; i < count; i++) replies.push(await this.reply())
    return replies
  }

  /** Goes on inside TLS. */
  async upgrade(options: ConnectionOptions = {}): Promise<void> {
    this.socket.removeAllListeners('data')
    const secure = connectTls({ ...options, socket: this.socket, rejectUnauthorized: false })
    await new Promise((resolve, reject) => secure.once('secureConnect', resolve).once('error', reject))
    this.socket = secure
    this.#listen()
  }

  destroy(): void {
    this.socket.destroy()
  }
}

export type { Stages, Wire, WireReply }
