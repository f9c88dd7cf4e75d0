/**
 * One connection to a server, as a client: nodemailer's `SMTPConnection` connects, greets, negotiates TLS and authenticates;
 * from then on commands and replies of mail transactions are ours, in step, with as few writes as the server allows.
 */
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Reply, TlsOutcome } from '@postroad/mail'
import type SMTPConnection from 'nodemailer/lib/smtp-connection'
import type { SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection'
import { type Extensions, parseExtensions } from './extensions.ts'
import { escapeText, localReply, ReplyParser } from './reply.ts'
import { type NextHopSeen, nextHopTap } from './wire-tap.ts'

/** What the sender of a command waits for. */
export interface CommandExchange {
  /** Milliseconds the next reply may take, by stage: RFC 5321 §4.5.3.2. */
  readonly timeoutMs: number
  /** The reply to one command; calls come in the order of the commands. */
  reply(reply: Reply): void
  /** No further reply will come; called once for each exchange that waits for any. */
  lost(reply: Reply): void
}

/** The parts of nodemailer's class that its types hide; the version is pinned, and `connection.test.ts` holds them in place. */
interface Internals {
  readonly _ehloLines?: readonly string[]
  readonly _closing: boolean
  _onConnect(): void
  _sendCommand(line: string, shown?: string): void
  _upgradeConnection(done: (error?: Error | null, secured?: boolean) => void): void
  _onData(chunk: Buffer): void
  _onClose(): void
  _onTimeout(): void
  _onError(error: Error, type: string, data: string | false, command: string): void
}

/** As CommonJS: its ECMAScript modules import node:http, which reads all that it exports, and with that loads the whole of fetch: 50 ms. */
const Base = createRequire(import.meta.url)('nodemailer/lib/smtp-connection') as new (
  options: SMTPConnectionOptions,
) => SMTPConnection & Internals // adds what the types hide

/** What a connection waits for before the first MAIL, as operators know it. */
export type ConnectStep = 'greeting' | 'EHLO' | 'STARTTLS' | 'TLS handshake' | 'EHLO under TLS' | 'AUTH'

/** Octets of a server's words that are kept, as long as they may be no reply. */
const MAX_HEARD = 1000

const NO_EXTENSIONS = parseExtensions([])

/** What became of a reply that did not come: the server may still be at work. */
export const NO_ANSWER = localReply(451, '4.4.2', 'The server did not answer in time')

/** An SMTP or LMTP connection. After {@link takeOver} only the methods of this class may be used. */
export class ClientConnection extends Base {
  #socket: Socket | undefined
  #extensions: Extensions = NO_EXTENSIONS
  #tls: TlsOutcome | undefined
  #step: ConnectStep = 'greeting'
  /** Latin1. */
  #heard = ''
  readonly #parser = new ReplyParser()
  readonly #waiting: CommandExchange[] = []
  /** How many replies may come in the octets that are being read: as many as were awaited before. */
  #due = 0
  /** What has come of a reply came before anybody waited for it. */
  #isUnasked = false
  #pending = ''
  #timer: NodeJS.Timeout | undefined
  #timerMs = 0
  #onDrain: (() => void) | undefined
  #loss: Reply | undefined
  /** By `performance.now()`. */
  readonly openedAt = performance.now()
  /** Transactions so far. */
  transactions = 0
  /** The key under which {@link ChunkTrust} wants to know of this server, when it is free. */
  chunkQuestion: string | undefined
  /** Called once, when the connection is gone. */
  onLost: (() => void) | undefined
  /** Called with each step before {@link takeOver} that begins to be waited for. */
  onStep: ((step: ConnectStep) => void) | undefined
  /** Called when a handshake is done, before anything is said under TLS: what it came to. When it throws, nothing more is said. */
  onSecured: ((socket: TLSSocket) => TlsOutcome) | undefined

  /** What is, or was, waited for before {@link takeOver}. */
  get step(): ConnectStep {
    return this.#step
  }

  /** What the server has said since the present step began, beginning only: untrusted. */
  get heard(): string {
    return Buffer.from(this.#heard, 'latin1').toString('utf8')
  }

  /** One of the two has said goodbye. */
  get isLeaving(): boolean {
    return this._closing || this.destroyed
  }

  get extensions(): Extensions {
    return this.#extensions
  }

  /** Mechanisms for AUTH, before {@link takeOver}. */
  get offeredMechanisms(): ReadonlySet<string> {
    return parseExtensions(this._ehloLines ?? []).auth
  }

  get isAuthenticated(): boolean {
    return this.authenticated
  }

  get isLmtp(): boolean {
    return this.options.lmtp === true
  }

  /** No command is unanswered, and the connection stands. */
  get isIdle(): boolean {
    return this.#loss === undefined && this.#waiting.length === 0
  }

  get isOpen(): boolean {
    return this.#socket !== undefined && this.#loss === undefined
  }

  /** Octets the kernel has not taken yet. */
  get unsent(): number {
    return this.#socket?.writableLength ?? 0
  }

  /** What TLS came to; undefined in the clear. */
  get tls(): TlsOutcome | undefined {
    return this.#tls
  }

  /** After nodemailer's handshake: from now on what arrives is ours. */
  takeOver(): void {
    const socket = this._socket
    if (!socket) throw new TypeError('takeOver: not connected')
    this.#socket = socket
    this.#extensions = parseExtensions(this._ehloLines ?? [])
    socket.setTimeout(0)
    socket.on('drain', () => this.#onDrain?.())
  }

  /** Puts a command into the next {@link flush}, RFC 5321 §4.1.1. More than one in a flush is for servers that pipeline, RFC 2920 §3.1. */
  command(line: string, exchange: CommandExchange): void {
    // The line was checked where it was made; this keeps a mistake there from becoming a second command.
    if (line.includes('\r') || line.includes('\n')) throw new TypeError('command: a line break in a command')
    if (this.#loss !== undefined) {
      exchange.lost(this.#loss)
      return
    }
    this.#pending += `${line}\r\n`
    this.#waiting.push(exchange)
  }

  /** Writes what {@link command} has collected. */
  flush(): void {
    if (this.#pending === '') return
    const text = this.#pending
    this.#pending = ''
    if (nextHopTap.hasSubscribers) this.#tell('out', text)
    this.#socket?.write(text, 'utf8')
    this.#watch()
  }

  /** Writes what {@link command} has collected and a chunk that is the whole message, RFC 3030 §2, as one piece. */
  chunk(octets: readonly Uint8Array[], size: number, exchange: CommandExchange): void {
    this.command(`BDAT ${size} LAST`, exchange)
    if (this.#loss !== undefined) return
    const text = this.#pending
    this.#pending = ''
    const head = Buffer.byteLength(text)
    const out = Buffer.allocUnsafe(head + size)
    out.write(text)
    let at = head
    for (const piece of octets) {
      out.set(piece, at)
      at += piece.length
    }
    if (nextHopTap.hasSubscribers) {
      this.#tell('out', text)
      this.#tell('content', '', out.subarray(head))
    }
    this.#socket?.write(out)
    this.#watch()
  }

  /** One more reply is to come without a command: for a message's octets. */
  expect(exchange: CommandExchange): void {
    if (this.#loss === undefined) this.#waiting.push(exchange)
    else exchange.lost(this.#loss)
  }

  /** Writes octets of a message; false: wait for {@link drained} before the next. */
  write(octets: Uint8Array): boolean {
    const socket = this.#socket
    if (socket === undefined || this.#loss !== undefined) return false
    if (nextHopTap.hasSubscribers) this.#tell('content', '', octets)
    const isRoom = socket.write(octets)
    this.#watch()
    return isRoom
  }

  /** Resolves when there is room again, or the connection is gone. */
  drained(): Promise<void> {
    const socket = this.#socket
    if (socket === undefined || this.#loss !== undefined || !socket.writableNeedDrain) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onDrain = () => {
        this.#onDrain = undefined
        resolve()
      }
    })
  }

  /** Makes the octets written until {@link uncork} one write. */
  cork(): void {
    this.#socket?.cork()
  }

  uncork(): void {
    this.#socket?.uncork()
  }

  /** Says goodbye and goes, without waiting for the answer. */
  leave(): void {
    const socket = this.#socket
    if (socket === undefined || this.#loss !== undefined) return
    // RFC 5321 §4.1.1.10: QUIT first; nothing of ours depends on the answer.
    const idle = this.isIdle
    this.#drop(localReply(451, '4.4.2', 'Connection closed'))
    if (!idle) return void socket.destroy()
    if (nextHopTap.hasSubscribers) this.#tell('out', 'QUIT\r\n')
    socket.end('QUIT\r\n')
    socket.setTimeout(5000, () => socket.destroy())
  }

  /** Cuts the connection; every reply that is awaited is `reply`. */
  destroy(reply: Reply = localReply(451, '4.4.2', 'Connection closed')): void {
    this.#drop(reply)
    this.#socket?.destroy()
  }

  override _onConnect(): void {
    this.#begin('greeting')
    if (nextHopTap.hasSubscribers) this.#tell('open', '')
    super._onConnect()
  }

  override _sendCommand(line: string, shown?: string): void {
    if (line.startsWith('STARTTLS')) this.#begin('STARTTLS')
    else if (/^[EHL]HLO |^HELO /.test(line))
      this.#begin(this.secure && !this.secureConnection ? 'EHLO under TLS' : 'EHLO')
    else this.#begin('AUTH')
    if (nextHopTap.hasSubscribers) this.#tell('out', `${line}\r\n`)
    super._sendCommand(line, shown)
  }

  override _upgradeConnection(done: (error?: Error | null, secured?: boolean) => void): void {
    this.#begin('TLS handshake')
    super._upgradeConnection((error, secured) => {
      if (!error) {
        try {
          this.#tls = this.onSecured?.(this._socket as TLSSocket) // it is one since this moment
        } catch (refusal) {
          this.emit('error', refusal as Error) // what `onSecured` throws
          return
        }
      }
      if (!error && nextHopTap.hasSubscribers) this.#tell('tls', this.#tlsText())
      done(error, secured)
    })
  }

  override _onData(chunk: Buffer): void {
    if (nextHopTap.hasSubscribers) this.#tell('in', chunk.toString('latin1'))
    if (this.#socket === undefined) {
      if (this.#heard.length < MAX_HEARD) this.#heard += chunk.toString('latin1', 0, MAX_HEARD)
      super._onData(chunk)
    } else if (this.#loss === undefined) this.#read(chunk)
  }

  #read(chunk: Buffer): void {
    // Whatever is written while these replies are read, they are not the answer to it.
    this.#due = this.#isUnasked ? 0 : this.#waiting.length
    if (!this.#parser.read(chunk, this.#take))
      this.destroy(
        localReply(
          451,
          '4.5.0',
          `The server does not speak the protocol, it said: ${escapeText(this.#parser.garbage)}`,
        ),
      )
    this.#isUnasked = this.#parser.isPartial && this.#due <= 0
  }

  override _onClose(): void {
    if (this.#socket === undefined) super._onClose()
    else this.#drop(localReply(451, '4.4.2', 'Connection lost'))
  }

  override _onTimeout(): void {
    if (this.#socket === undefined) super._onTimeout()
  }

  override _onError(error: Error, type: string, data: string | false, command: string): void {
    if (this.#socket === undefined) super._onError(error, type, data, command)
    else this.destroy(localReply(451, '4.4.2', 'Connection lost'))
  }

  #tlsText(): string {
    const { version, group, cipher } = this.#tls ?? {}
    return [version, group, cipher].filter(Boolean).join(' ')
  }

  /** Only called when somebody watches. */
  #tell(kind: NextHopSeen['kind'], text: string, octets?: Uint8Array): void {
    const { host } = this.options
    const remote = this._socket ? this._socket.remoteAddress : undefined
    const isSecret = this.#socket === undefined && this.#step === 'AUTH' && kind !== 'tls'
    const seen: NextHopSeen = {
      side: 'client',
      kind,
      of: this,
      host,
      remote,
      text,
      isSecret,
      ...(octets && { octets }),
    }
    nextHopTap.publish(seen)
  }

  #begin(step: ConnectStep): void {
    this.#step = step
    this.#heard = ''
    this.onStep?.(step)
  }

  readonly #take = (reply: Reply): boolean => {
    const exchange = this.#due-- > 0 ? this.#waiting.shift() : undefined
    if (exchange === undefined) {
      // RFC 5321 §3.8: 421 may come at any time; anything else here means that we are out of step.
      this.destroy(reply.code === 421 ? reply : localReply(451, '4.5.0', 'Unexpected reply'))
      return false
    }
    exchange.reply(reply)
    if (reply.code === 421) {
      this.destroy(reply)
      return false
    }
    this.#watch()
    return this.#loss === undefined
  }

  /** Starts the time limit of the first awaited reply anew. */
  #watch(): void {
    const ms = this.#waiting[0]?.timeoutMs
    if (ms === undefined) return
    if (this.#timer !== undefined && this.#timerMs === ms) {
      this.#timer.refresh()
      return
    }
    clearTimeout(this.#timer)
    this.#timerMs = ms
    this.#timer = setTimeout(this.#onDeadline, ms)
    this.#timer.unref()
  }

  // Not cleared when nothing is awaited: a transaction would pay twice for each of its stages.
  readonly #onDeadline = (): void => {
    if (this.#waiting.length > 0) this.destroy(NO_ANSWER)
  }

  #drop(reply: Reply): void {
    if (this.#loss !== undefined) return
    this.#loss = reply
    if (nextHopTap.hasSubscribers) this.#tell('close', reply.text)
    clearTimeout(this.#timer)
    this.#onDrain?.()
    for (const exchange of new Set(this.#waiting.splice(0))) exchange.lost(reply)
    this.onLost?.()
  }
}
