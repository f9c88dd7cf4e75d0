/** The client of a fluent session: commands before the one that is asked for are sent by themselves. */
import {
  type Identity,
  type MailParameters,
  parseForwardPath,
  parseReversePath,
  type RcptParameters,
  type TlsInfo,
} from '@postroad/mail'
import type { Address, AuthAttempt } from '@postroad/plugin'
import type { JudgingStages, Wire, WireReply } from '@postroad/smtp'
import { isJudging, type JudgedMessage, judgeOn } from './judged.ts'
import { mail } from './mail.ts'
import type { TestServer } from './test-server.ts'

const OK: WireReply = { code: 250, status: '2.0.0', text: 'Ok' }

/** One client, with one connection at a time. */
export class FluentClient {
  readonly server: TestServer
  readonly judges: boolean
  last: WireReply | undefined
  /** After the final dot, one a recipient in LMTP. */
  replies: readonly WireReply[] = []
  /** What was said of the transaction's message. */
  judged: JudgedMessage | undefined
  /** Accepted in this transaction. */
  recipients = 0
  #stages: JudgingStages | undefined
  #began = { connect: false, helo: false, mail: false }
  /** The greeting was no refusal. */
  #welcome = true
  #wire = {
    remote: { address: '192.0.2.1', port: 4321 },
    tls: undefined as TlsInfo | undefined,
    stress: false,
    identity: undefined as Identity | undefined,
  }

  constructor(server: TestServer) {
    this.server = server
    this.judges = isJudging(server.protocol)
  }

  /** From another address, over a new connection. */
  from(address: string): void {
    this.hangUp()
    this.#wire = { ...this.#wire, remote: { address, port: 4321 } }
  }

  tls(info: TlsInfo): void {
    this.#wire.tls = info
    if (this.#began.connect) this.#stages?.secured(info)
    this.#began = { ...this.#began, helo: false, mail: false }
  }

  stress(on: boolean): void {
    this.#wire.stress = on
  }

  async auth(attempt: AuthAttempt | { readonly username: string; readonly password: string }): Promise<void> {
    if (!(await this.helo())) return
    if (this.judges) {
      this.#wire.identity = { name: attempt.username }
      return
    }
    const full: AuthAttempt =
      'mechanism' in attempt ? attempt : { mechanism: 'PLAIN', authorize: undefined, ...attempt }
    this.#said(await this.#on.auth(full))
  }

  rset(): void {
    this.#on.reset()
    this.#began.mail = false
    this.#said(OK)
  }

  async command(line: string): Promise<void> {
    if (this.judges)
      throw new TypeError(
        `"${line}" is answered by the server that takes the mail: leave out \`command\` with protocol: '${this.server.protocol}'`,
      )
    if (!(await this.connect())) return
    const [verb = '', ...rest] = line.split(' ')
    const argument = rest.join(' ')
    const on = this.#on
    const known: Record<string, () => unknown> = {
      VRFY: () => on.verify(argument),
      EXPN: () => on.expand(argument),
      HELP: () => on.help(argument),
    }
    this.#said((await (known[verb.toUpperCase()] ?? (() => on.unknown(verb.toUpperCase(), argument)))()) as WireReply) // all of them answer a reply
  }

  get #on(): JudgingStages {
    if (!this.#stages) throw new Error('there is no connection')
    return this.#stages
  }

  /** Whether it was no refusal: the client goes on. */
  #said(reply: WireReply | undefined): boolean {
    this.last = reply ?? OK
    return this.last.code < 400
  }

  /** Whether the client is welcome. */
  async connect(): Promise<boolean> {
    if (this.#began.connect) return this.#welcome
    this.#began.connect = true
    const { server } = this
    const state = this.#wire
    const wire: Wire = {
      listener: 'test',
      protocol: server.protocol,
      remote: state.remote,
      local: { address: '192.0.2.25', port: 25 },
      get tls() {
        return state.tls
      },
      get stress() {
        return state.stress
      },
      get identity() {
        return state.identity
      },
      disconnect: (reply) => {
        this.#said(reply)
        this.hangUp()
      },
    }
    this.#stages = server.server.attach('test')(wire)
    this.#welcome = this.#said(await this.#stages.connect())
    return this.#welcome
  }

  async helo(
    name = 'client.test',
    verb: 'HELO' | 'EHLO' | 'LHLO' = this.server.protocol === 'lmtp' ? 'LHLO' : 'EHLO',
  ): Promise<boolean> {
    if (!(await this.connect())) return false
    if (this.#began.helo && name === 'client.test') return true
    this.#began = { ...this.#began, helo: true, mail: false }
    return this.#said(await this.#on.helo(name, verb))
  }

  /** Whether there is a transaction now: a MAIL that was refused begins none. */
  async mail(from?: string, parameters: MailParameters = {}): Promise<boolean> {
    if (!(await this.helo())) return false
    if (from === undefined && this.#began.mail) return true
    if (this.#began.mail) this.#on.reset()
    this.#began.mail = true
    this.recipients = 0
    this.judged = undefined
    const path = parseReversePath(from === '<>' ? '<>' : `<${from ?? 'sender@client.test'}>`, { smtputf8: true })
    if (!path) throw new Error(`"${from}" is not a reverse-path`)
    this.#began.mail = this.#said(await this.#on.mail(path.address, parameters))
    return this.#began.mail
  }

  async data(message: string | Uint8Array | Readonly<Record<string, string>>): Promise<void> {
    this.judged = undefined
    if (this.recipients === 0 && !(await this.#defaultRecipient())) return
    const refusal = await this.#on.data()
    this.#said(refusal)
    if (refusal) return
    const bytes =
      message instanceof Uint8Array
        ? message
        : typeof message === 'string'
          ? Buffer.from(message.replace(/\r?\n/g, '\r\n'))
          : mail(message)
    // Postfix' policy protocol has no content.
    if (this.server.protocol !== 'policy') {
      const content = this.#on.content()
      for (let at = 0; at < bytes.length; at += 16_384) await content.write(bytes.subarray(at, at + 16_384))
    }
    const reply = this.judges ? await this.#judge() : await this.#on.message()
    this.replies = 'code' in reply ? [reply] : reply
    this.#began.mail = false
    this.#said(this.replies[0])
  }

  async #judge(): Promise<WireReply> {
    const { judged, heard } = await judgeOn(this.#on, this.server.judgements)
    this.judged = judged
    return heard
  }

  async #defaultRecipient(): Promise<boolean> {
    const path = parseForwardPath('<recipient@mx.test>')
    return path !== undefined && (await this.rcpt(path.address, {}))
  }

  async rcpt(to: Address, parameters: RcptParameters): Promise<boolean> {
    if (!(await this.mail()) || !this.#said(await this.#on.rcpt(to, parameters))) return false
    this.recipients++
    return true
  }

  hangUp(): void {
    const stages = this.#stages
    this.#stages = undefined
    this.#began = { connect: false, helo: false, mail: false }
    this.#wire.identity = undefined
    stages?.close('quit')
  }
}
