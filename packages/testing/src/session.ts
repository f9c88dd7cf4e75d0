/** A fluent SMTP session against real plugins in the real host: no socket, a fake clock. */
import assert from 'node:assert/strict'
import {
  type MailParameters,
  parseForwardPath,
  parseReversePath,
  type RcptParameters,
  type TlsInfo,
} from '@postroad/mail'
import type { Address, AuthAttempt, Route } from '@postroad/plugin'
import type { Stages, Wire, WireReply } from '@postroad/smtp'
import { failuresOf } from './failure.ts'
import { mail } from './mail.ts'
import { createTestServer, type Delivered, type TestServer, type TestServerOptions, type Used } from './test-server.ts'

type Step = () => unknown
const OK: WireReply = { code: 250, status: '2.0.0', text: 'Ok' }

/**
 * Begins a session; nothing runs until it is awaited. Commands before the one you write are sent by themselves; when one of
 * them is refused, what you write is not sent, and that refusal is the last reply.
 *
 * @example
 * await session(greylist({ delay: 300_000 }))
 *   .from('203.0.113.7').mail('alice@sender.example')
 *   .rcpt('bob@example.com').expectRefusal('4.7.1')
 *   .after(300_000)
 *   .rcpt('bob@example.com').expectAccepted()
 */
export function session(...plugins: readonly Used[]): FluentSession {
  return new FluentSession(() => createTestServer(plugins))
}

/** As {@link session}, with services, a configuration or LMTP. */
export function sessionWith(options: TestServerOptions, ...plugins: readonly Used[]): FluentSession {
  return new FluentSession(() => createTestServer(plugins, options))
}

/** A session on a server that is there already, which stays open. */
export function sessionOn(server: TestServer): FluentSession {
  return new FluentSession(() => Promise.resolve(server), false)
}

/** A session being written down; it runs when it is awaited. */
export class FluentSession implements PromiseLike<SessionOutcome> {
  readonly #make: () => Promise<TestServer>
  readonly #owned: boolean
  #steps: Step[] = []
  #server: TestServer | undefined
  #stages: Stages | undefined
  #began = { connect: false, helo: false, mail: false }
  /** The greeting was no refusal. */
  #welcome = true
  #wire = { remote: { address: '192.0.2.1', port: 4321 }, tls: undefined as TlsInfo | undefined, stress: false }
  #last: WireReply | undefined
  /** Accepted in this transaction. */
  #recipients = 0
  #replies: readonly WireReply[] = []

  constructor(make: () => Promise<TestServer>, owned = true) {
    this.#make = make
    this.#owned = owned
  }

  /** The client's address; ends the connection before it, if there is one. */
  from(address: string): this {
    return this.#then(() => {
      this.#hangUp()
      this.#wire = { ...this.#wire, remote: { address, port: 4321 } }
    })
  }

  /** Under TLS from now on. */
  tls(info: TlsInfo = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' }): this {
    return this.#then(() => {
      this.#wire.tls = info
      if (this.#began.connect) this.#stages?.secured(info)
      this.#began = { ...this.#began, helo: false, mail: false }
    })
  }

  /** The server is near its limits. */
  stress(on = true): this {
    return this.#then(() => {
      this.#wire.stress = on
    })
  }

  connect(): this {
    return this.#then(async () => void (await this.#connect()))
  }

  helo(name = 'client.test', verb: 'HELO' | 'EHLO' | 'LHLO' = 'EHLO'): this {
    return this.#then(async () => void (await this.#helo(name, verb)))
  }

  /** AUTH with a user and password, or any attempt. */
  auth(attempt: AuthAttempt | { readonly username: string; readonly password: string }): this {
    return this.#then(async () => {
      if (!(await this.#helo())) return
      const full: AuthAttempt =
        'mechanism' in attempt ? attempt : { mechanism: 'PLAIN', authorize: undefined, ...attempt }
      this.#said(await this.#on.auth(full))
    })
  }

  /** MAIL FROM; `<>` is the null reverse-path. */
  mail(from: string, parameters: MailParameters = {}): this {
    return this.#then(async () => void (await this.#mail(from, parameters)))
  }

  rcpt(to: string, parameters: RcptParameters = {}): this {
    return this.#then(async () => {
      const path = parseForwardPath(`<${to}>`, { smtputf8: true })
      if (!path) throw new Error(`"${to}" is not a forward-path`)
      await this.#rcpt(path.address, parameters)
    })
  }

  /** DATA and the message: text with any line ends, octets, or fields. Ends the transaction. */
  data(message: string | Uint8Array | Readonly<Record<string, string>> = mail()): this {
    return this.#then(() => this.#data(message))
  }

  rset(): this {
    return this.#then(() => {
      this.#on.reset()
      this.#began.mail = false
      this.#said(OK)
    })
  }

  /** VRFY, EXPN, HELP or any other verb. */
  command(line: string): this {
    return this.#then(async () => {
      if (!(await this.#connect())) return
      const [verb = '', ...rest] = line.split(' ')
      const argument = rest.join(' ')
      const on = this.#on
      const known: Record<string, () => unknown> = {
        VRFY: () => on.verify(argument),
        EXPN: () => on.expand(argument),
        HELP: () => on.help(argument),
      }
      this.#said((await (known[verb.toUpperCase()] ?? (() => on.unknown(verb.toUpperCase(), argument)))()) as WireReply) // all of them answer a reply
    })
  }

  /** The client hangs up. */
  quit(): this {
    return this.#then(() => this.#hangUp())
  }

  /** Lets time pass. */
  after(ms: number): this {
    return this.#then(() => this.#server?.clock.advance(ms))
  }

  /** The last command was answered 2yz (or 354). */
  expectAccepted(): this {
    return this.#check((reply) => assert.ok(reply.code < 400, `expected acceptance, got ${shown(reply)}`))
  }

  /** The last command was refused, with this enhanced status and, if given, text. */
  expectRefusal(status?: string, text?: RegExp): this {
    return this.#check((reply) => {
      assert.ok(reply.code >= 400, `expected a refusal, got ${shown(reply)}`)
      if (status !== undefined) assert.equal(reply.status, status, shown(reply))
      if (text) assert.match(shown(reply), text)
    })
  }

  /** The last reply's code. */
  expectCode(code: number): this {
    return this.#check((reply) => assert.equal(reply.code, code, shown(reply)))
  }

  /** The route of the last accepted recipient. */
  expectRoute(route: Partial<Route>): this {
    return this.#then(() => {
      assert.ok(
        this.#recipients > 0,
        `no recipient was accepted; the last reply is ${this.#last ? shown(this.#last) : 'none'}`,
      )
      const found = this.#server?.routes.at(-1) ?? { via: '' }
      for (const [key, value] of Object.entries(route)) assert.deepEqual(found[key as keyof Route], value, key) // its own keys
    })
  }

  /** The last message arrived, and looks like this. */
  expectDelivered(check?: (delivered: Delivered) => void): this {
    return this.#then(() => {
      const last = this.#server?.delivered.at(-1)
      assert.ok(
        last && !last.quarantined,
        `nothing was delivered; the last reply is ${this.#last ? shown(this.#last) : 'none'}`,
      )
      check?.(last)
    })
  }

  expectQuarantined(reason?: RegExp): this {
    return this.#then(() => {
      const last = this.#server?.delivered.at(-1)
      assert.ok(last?.quarantined !== undefined, 'nothing was quarantined')
      if (reason) assert.match(last.quarantined, reason)
    })
  }

  /** One reply a recipient, LMTP. */
  expectReplies(...codes: readonly number[]): this {
    return this.#then(() =>
      assert.deepEqual(
        this.#replies.map((reply) => reply.code),
        codes,
      ),
    )
  }

  /** Anything else about what was said so far. */
  expect(check: (outcome: SessionOutcome) => void | Promise<void>): this {
    return this.#then(() => check(this.#outcome()))
  }

  async #run(): Promise<SessionOutcome> {
    this.#server ??= await this.#make()
    try {
      for (let step = this.#steps.shift(); step; step = this.#steps.shift()) await step()
      return this.#outcome()
    } finally {
      if (this.#owned) {
        this.#hangUp()
        await this.#server.close()
      }
    }
  }

  // biome-ignore lint/suspicious/noThenProperty: a session is awaited, that is its whole interface.
  then<A, B>(
    resolve?: ((outcome: SessionOutcome) => A | PromiseLike<A>) | null,
    fail?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#run().then(resolve, fail)
  }

  #then(step: Step): this {
    this.#steps.push(step)
    return this
  }

  #check(check: (reply: WireReply) => void): this {
    return this.#then(() => {
      assert.ok(this.#last, 'nothing was answered yet')
      try {
        check(this.#last)
      } catch (error) {
        this.#explain(error)
        throw error
      }
    })
  }

  /** What plugins failed with is not in their replies, and it is what one wants to know. */
  #explain(error: unknown): void {
    const failures = this.#server ? failuresOf(this.#server) : []
    if (error instanceof Error && failures.length > 0) error.message += `\n${failures.join('\n')}`
  }

  get #on(): Stages {
    if (!this.#stages) throw new Error('there is no connection')
    return this.#stages
  }

  /** Whether it was no refusal: the client goes on. */
  #said(reply: WireReply | undefined): boolean {
    this.#last = reply ?? OK
    return this.#last.code < 400
  }

  /** Whether the client is welcome. */
  async #connect(): Promise<boolean> {
    if (this.#began.connect) return this.#welcome
    this.#began.connect = true
    const server = this.#server
    if (!server) throw new Error('there is no server')
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
      disconnect: (reply) => {
        this.#said(reply)
        this.#hangUp()
      },
    }
    this.#stages = server.server.attach('test')(wire)
    this.#welcome = this.#said(await this.#stages.connect())
    return this.#welcome
  }

  async #helo(
    name = 'client.test',
    verb: 'HELO' | 'EHLO' | 'LHLO' = this.#server?.protocol === 'lmtp' ? 'LHLO' : 'EHLO',
  ): Promise<boolean> {
    if (!(await this.#connect())) return false
    if (this.#began.helo && name === 'client.test') return true
    this.#began = { ...this.#began, helo: true, mail: false }
    return this.#said(await this.#on.helo(name, verb))
  }

  /** Whether there is a transaction now: a MAIL that was refused begins none. */
  async #mail(from?: string, parameters: MailParameters = {}): Promise<boolean> {
    if (!(await this.#helo())) return false
    if (from === undefined && this.#began.mail) return true
    if (this.#began.mail) this.#on.reset()
    this.#began.mail = true
    this.#recipients = 0
    const path = parseReversePath(from === '<>' ? '<>' : `<${from ?? 'sender@client.test'}>`, { smtputf8: true })
    if (!path) throw new Error(`"${from}" is not a reverse-path`)
    this.#began.mail = this.#said(await this.#on.mail(path.address, parameters))
    return this.#began.mail
  }

  async #data(message: string | Uint8Array | Readonly<Record<string, string>>): Promise<void> {
    if (this.#recipients === 0 && !(await this.#defaultRecipient())) return
    const refusal = await this.#on.data()
    this.#said(refusal)
    if (refusal) return
    const bytes =
      message instanceof Uint8Array
        ? message
        : typeof message === 'string'
          ? Buffer.from(message.replace(/\r?\n/g, '\r\n'))
          : mail(message)
    const content = this.#on.content()
    for (let at = 0; at < bytes.length; at += 16_384) await content.write(bytes.subarray(at, at + 16_384))
    const reply = await this.#on.message()
    this.#replies = 'code' in reply ? [reply] : reply
    this.#began.mail = false
    this.#said(this.#replies[0])
  }

  async #defaultRecipient(): Promise<boolean> {
    const path = parseForwardPath('<recipient@mx.test>')
    return path !== undefined && (await this.#rcpt(path.address, {}))
  }

  async #rcpt(to: Address, parameters: RcptParameters): Promise<boolean> {
    if (!(await this.#mail()) || !this.#said(await this.#on.rcpt(to, parameters))) return false
    this.#recipients++
    return true
  }

  #hangUp(): void {
    const stages = this.#stages
    this.#stages = undefined
    this.#began = { connect: false, helo: false, mail: false }
    stages?.close('quit')
  }

  #outcome(): SessionOutcome {
    const server = this.#server
    if (!server) throw new Error('nothing ran yet')
    server.server.log.flush()
    return { reply: this.#last, replies: this.#replies, delivered: server.delivered, lines: server.lines, server }
  }
}

/** What a session has led to. */
export interface SessionOutcome {
  readonly reply: WireReply | undefined
  readonly replies: readonly WireReply[]
  readonly delivered: readonly Delivered[]
  readonly lines: TestServer['lines']
  readonly server: TestServer
}

function shown({ code, status, text }: WireReply): string {
  return `${code} ${status ?? ''} ${typeof text === 'string' ? text : text.join(' / ')}`
}
