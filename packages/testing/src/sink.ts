/**
 * A small SMTP or LMTP server for tests that takes mail and remembers it; each of its answers can be scripted: refusals, delays,
 * half replies, closed connections. It checks nothing and knows no limits: loopback only.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'

/** The moment that a script is asked about. */
export interface SinkStep {
  /**
   * `CONNECT`, a verb in upper case, `CONTENT` (first octets after 354), or `DOT` (after the final dot; once a recipient on LMTP). `BDAT` is
   * answered when its octets are there, but for 500 and 502: then they are left to be read as commands.
   */
  readonly verb: string
  /** What followed the verb, verbatim; the recipient's path at `DOT` on LMTP. */
  readonly argument: string
  /** 1 for the first connection. */
  readonly connection: number
  /** 1 for the first of this verb on this connection. */
  readonly nth: number
  readonly isSecure: boolean
}

/**
 * What the sink does instead of its default: a reply (lines separated by `\n`, CRLF is added; an empty string says nothing), and
 * perhaps an end: `close` sends FIN, `reset` RST, `hang` never speaks again. `raw` sends octets as they are.
 */
export type SinkAnswer =
  | string
  | { readonly reply?: string; readonly raw?: string; readonly end?: 'close' | 'reset' | 'hang' }

/** How a {@link Sink} behaves. */
export interface SinkOptions {
  /** Default `smtp`. */
  readonly protocol?: 'smtp' | 'lmtp'
  /** UNIX socket instead of a port of 127.0.0.1. */
  readonly path?: string
  /** Default: any free one. */
  readonly port?: number
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** EHLO keywords. Default: PIPELINING, 8BITMIME, SMTPUTF8, DSN, ENHANCEDSTATUSCODES, SIZE 26214400; STARTTLS with `certificate`. */
  readonly extensions?: readonly string[]
  /** PEM; makes STARTTLS work. */
  readonly certificate?: { readonly key: string; readonly cert: string }
  /** TLS from the first octet. */
  readonly isImplicitTls?: boolean
  /** Asked before each answer; undefined: the default one. A promise holds the answer back. */
  readonly script?: (step: SinkStep) => SinkAnswer | undefined | Promise<SinkAnswer | undefined>
}

/** A message that the sink got. */
export interface SinkTransaction {
  readonly connection: number
  /** What followed `MAIL FROM:` */
  readonly from: string
  /** What followed `RCPT TO:`, of those that were answered 2yz. */
  readonly recipients: readonly string[]
  /** Octets after the reply to DATA, as they came, final dot included; those of the chunks after BDAT. */
  readonly raw: Buffer
  /** Octets of the message, dots unstuffed. */
  readonly message: Buffer
  readonly isSecure: boolean
}

/** A running sink. */
export interface Sink {
  readonly host: string
  /** 0 for a UNIX socket. */
  readonly port: number
  readonly path: string | undefined
  /** Messages whose final dot came, in order; also those that were then refused. */
  readonly transactions: readonly SinkTransaction[]
  /** Every command line, in order. */
  readonly commands: readonly string[]
  /** What came in one read each, as text; shows what was pipelined. */
  readonly reads: readonly string[]
  /** Connections so far. */
  readonly connections: number
  /** Connections open now. */
  readonly open: number
  close(): Promise<void>
}

const EXTENSIONS = ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'DSN', 'ENHANCEDSTATUSCODES', 'SIZE 26214400']

/**
 * Starts a sink.
 *
 * @example
 * const sink = await createSink({ script: ({ verb, nth }) => (verb === 'RCPT' && nth === 2 ? '450 4.2.1 Busy' : undefined) })
 */
export async function createSink(options: SinkOptions = {}): Promise<Sink> {
  const record: Recording = { transactions: [], commands: [], reads: [], connections: 0, sockets: new Set() }
  const server = createServer({ noDelay: true }, (socket) => {
    record.connections++
    record.sockets.add(socket)
    socket.on('close', () => record.sockets.delete(socket))
    new SinkConnection(socket, options, record).start()
  })
  await listen(server, options)
  const address = server.address()
  return {
    host: options.host ?? '127.0.0.1',
    port: typeof address === 'object' && address !== null ? address.port : 0,
    path: options.path,
    transactions: record.transactions,
    commands: record.commands,
    reads: record.reads,
    get connections() {
      return record.connections
    },
    get open() {
      return record.sockets.size
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of record.sockets) socket.destroy()
      }),
  }
}

interface Recording {
  readonly transactions: SinkTransaction[]
  readonly commands: string[]
  readonly reads: string[]
  connections: number
  readonly sockets: Set<Socket>
}

function listen(server: Server, { path, port = 0, host = '127.0.0.1' }: SinkOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path !== undefined ? { path } : { port, host }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

/** A chunk whose octets have not come yet. */
interface AwaitedChunk {
  readonly size: number
  readonly isLast: boolean
  readonly answer: SinkAnswer
}

class SinkConnection {
  readonly #options: SinkOptions
  readonly #record: Recording
  readonly #id: number
  readonly #counts = new Map<string, number>()
  #socket: Socket
  #isSecure = false
  /** Octets not looked at yet, as latin1. */
  #input = ''
  /** Undefined: commands are awaited; else the octets of the message so far. */
  #content: string | undefined
  /** Chunks of BDAT so far, and the one whose octets are awaited. */
  #chunks = ''
  #awaited: AwaitedChunk | undefined
  #from: string | undefined
  #recipients: string[] = []
  #isBusy = false
  #isOver = false

  constructor(socket: Socket, options: SinkOptions, record: Recording) {
    this.#socket = socket
    this.#options = options
    this.#record = record
    this.#id = record.connections
  }

  start(): void {
    if (this.#options.isImplicitTls) this.#secure()
    else this.#listen()
    void this.#run(async () => void (await this.#say('CONNECT', '', '220 sink.test ESMTP')))
  }

  #listen(): void {
    this.#socket.on('error', () => {})
    this.#socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1')
      this.#record.reads.push(text)
      this.#input += text
      void this.#run(async () => {})
    })
  }

  #secure(): void {
    const { key, cert } = this.#options.certificate ?? { key: '', cert: '' }
    this.#socket.removeAllListeners('data')
    this.#input = ''
    this.#socket = new TLSSocket(this.#socket, { isServer: true, secureContext: createSecureContext({ key, cert }) })
    this.#isSecure = true
    this.#listen()
  }

  /** One thing at a time: a script may hold an answer back. */
  async #run(work: () => Promise<void>): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    await work()
    while (!this.#isOver && (await this.#next())) {}
    this.#isBusy = false
  }

  /** Takes one line, or the whole message; false: more octets are needed. */
  async #next(): Promise<boolean> {
    if (this.#content !== undefined) return await this.#text()
    if (this.#awaited !== undefined) return this.#chunk(this.#awaited)
    const end = this.#input.indexOf('\n')
    if (end < 0) return false
    const line = this.#input.slice(0, end).replace(/\r$/, '')
    this.#input = this.#input.slice(end + 1)
    this.#record.commands.push(Buffer.from(line, 'latin1').toString('utf8'))
    await this.#command(line)
    return true
  }

  async #command(line: string): Promise<void> {
    const match = /^(\w+) ?(.*)$/s.exec(line)
    const verb = (match?.[1] ?? '').toUpperCase()
    const argument = Buffer.from(match?.[2] ?? '', 'latin1').toString('utf8')
    if (verb === 'BDAT') return await this.#bdat(argument)
    const said = await this.#say(verb, argument, this.#default(verb, argument))
    if (!/^[23]/.test(said)) return
    if (verb === 'MAIL') this.#from = argument.replace(/^FROM:/i, '')
    if (verb === 'RCPT') this.#recipients.push(argument.replace(/^TO:/i, ''))
    if (verb === 'RSET' || verb === 'EHLO') this.#forget()
    if (verb === 'DATA' && said.startsWith('354')) this.#content = ''
    if (verb === 'STARTTLS') this.#secure()
    if (verb === 'QUIT') this.#end('close')
  }

  /** RFC 3030 §2: the octets are read also when they are refused. */
  async #bdat(argument: string): Promise<void> {
    const isLast = /^\d+ LAST$/i.test(argument)
    const isKnown = (this.#options.extensions ?? EXTENSIONS).includes('CHUNKING')
    const taken = isLast ? '250 2.0.0 Ok: queued as SINK' : '250 2.0.0 Ok'
    const usual = this.#recipients.length > 0 ? taken : '503 5.5.1 No valid recipients'
    const answer = await this.#ask('BDAT', argument, isKnown ? usual : '500 5.5.2 Unknown')
    if (/^50[02]/.test(typeof answer === 'string' ? answer : '')) return void this.#answer(answer, '')
    this.#awaited = { size: Number.parseInt(argument, 10), isLast, answer }
  }

  #chunk({ size, isLast, answer }: AwaitedChunk): boolean {
    if (this.#input.length < size) return false
    const octets = this.#input.slice(0, size)
    this.#input = this.#input.slice(size)
    this.#awaited = undefined
    if (this.#recipients.length > 0) this.#chunks += octets
    if (isLast && this.#recipients.length > 0) this.#keep(this.#chunks, this.#chunks)
    const said = this.#answer(answer, '')
    if (isLast || !said.startsWith('2')) this.#forget()
    return !this.#isOver
  }

  #default(verb: string, argument: string): string {
    switch (verb) {
      case 'EHLO':
      case 'LHLO':
        return this.#hello()
      case 'MAIL':
        return '250 2.1.0 Ok'
      case 'RCPT':
        return this.#from === undefined ? '503 5.5.1 MAIL first' : '250 2.1.5 Ok'
      case 'DATA':
        return this.#recipients.length > 0 ? '354 Go on' : '503 5.5.1 No valid recipients'
      case 'AUTH':
        return argument.toUpperCase().startsWith('PLAIN ') ? '235 2.7.0 Ok' : '504 5.5.4 Only PLAIN'
      case 'STARTTLS':
        return this.#options.certificate ? '220 2.0.0 Ready' : '502 5.5.1 No TLS'
      case 'QUIT':
        return '221 2.0.0 Bye'
      case 'HELO':
      case 'RSET':
      case 'NOOP':
        return '250 2.0.0 Ok'
      default:
        return '500 5.5.2 Unknown'
    }
  }

  #hello(): string {
    const offered = [
      ...(this.#options.extensions ?? EXTENSIONS),
      ...(this.#options.certificate && !this.#isSecure ? ['STARTTLS'] : []),
    ]
    const lines = ['sink.test', ...offered]
    return lines.map((text, i) => `250${i === lines.length - 1 ? ' ' : '-'}${text}`).join('\n')
  }

  async #text(): Promise<boolean> {
    if (this.#content === '' && this.#input !== '') await this.#say('CONTENT', '', '')
    if (this.#isOver) return false
    this.#content += this.#input
    this.#input = ''
    const content = this.#content ?? ''
    const end = content.startsWith('.\r\n') ? 0 : content.indexOf('\r\n.\r\n') + 2
    if (end === 1) return false
    this.#input = content.slice(end + 3)
    this.#content = undefined
    await this.#taken(content.slice(0, end + 3), content.slice(0, end))
    return true
  }

  async #taken(raw: string, stuffed: string): Promise<void> {
    const recipients = this.#recipients
    this.#keep(raw, stuffed.replace(/(^|\r\n)\./g, '$1'))
    this.#forget()
    if (this.#options.protocol !== 'lmtp') await this.#say('DOT', '', '250 2.0.0 Ok: queued as SINK')
    else for (const recipient of recipients) await this.#say('DOT', recipient, `250 2.1.5 ${recipient} Ok`)
  }

  #keep(raw: string, message: string): void {
    this.#record.transactions.push({
      connection: this.#id,
      from: this.#from ?? '',
      recipients: this.#recipients,
      raw: Buffer.from(raw, 'latin1'),
      message: Buffer.from(message, 'latin1'),
      isSecure: this.#isSecure,
    })
  }

  #forget(): void {
    this.#chunks = ''
    this.#from = undefined
    this.#recipients = []
  }

  async #say(verb: string, argument: string, usual: string): Promise<string> {
    return this.#answer(await this.#ask(verb, argument, usual), usual)
  }

  async #ask(verb: string, argument: string, usual: string): Promise<SinkAnswer> {
    const nth = (this.#counts.get(verb) ?? 0) + 1
    this.#counts.set(verb, nth)
    const step = { verb, argument, nth, connection: this.#id, isSecure: this.#isSecure }
    return (await this.#options.script?.(step)) ?? usual
  }

  #answer(answer: SinkAnswer, usual: string): string {
    const { reply, raw, end } = typeof answer === 'string' ? { reply: answer } : answer
    const text = reply ?? (raw === undefined && end === undefined ? usual : '')
    if (this.#socket.writable) {
      if (text !== '') this.#socket.write(`${text.replaceAll('\n', '\r\n')}\r\n`, 'utf8')
      if (raw !== undefined) this.#socket.write(raw, 'latin1')
    }
    if (end !== undefined) this.#end(end)
    return text || (raw ?? '')
  }

  #end(how: 'close' | 'reset' | 'hang'): void {
    this.#isOver = true
    if (how === 'close') this.#socket.end()
    else if (how === 'reset') this.#socket.resetAndDestroy()
  }
}
