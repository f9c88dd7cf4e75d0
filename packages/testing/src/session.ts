/** A fluent SMTP session against real plugins in the real host: no socket, a fake clock. */
import assert from 'node:assert/strict'
import { type MailParameters, parseForwardPath, type RcptParameters, type TlsInfo } from '@postroad/mail'
import type { AuthAttempt, Route } from '@postroad/plugin'
import type { WireReply } from '@postroad/smtp'
import { failuresOf } from './failure.ts'
import { FluentClient } from './fluent-client.ts'
import {
  assertEdits,
  assertEnvelope,
  assertOutcome,
  type JudgedEnvelope,
  type JudgedMessage,
  mustBeJudged,
  notTaken,
} from './judged.ts'
import { mail } from './mail.ts'
import { shownReply as shown } from './reply.ts'
import { createTestServer, type Delivered, type TestServer, type TestServerOptions, type Used } from './test-server.ts'

type Step = (client: FluentClient) => unknown

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

/** As {@link session}, with services, a configuration, LMTP, or as a filter that another server asks. */
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
  #client: FluentClient | undefined

  constructor(make: () => Promise<TestServer>, owned = true) {
    this.#make = make
    this.#owned = owned
  }

  /** The client's address; ends the connection before it, if there is one. */
  from(address: string): this {
    return this.#then((client) => client.from(address))
  }

  /** Under TLS from now on. */
  tls(info: TlsInfo = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' }): this {
    return this.#then((client) => client.tls(info))
  }

  /** The server is near its limits. */
  stress(on = true): this {
    return this.#then((client) => client.stress(on))
  }

  connect(): this {
    return this.#then((client) => client.connect())
  }

  helo(name = 'client.test', verb: 'HELO' | 'EHLO' | 'LHLO' = 'EHLO'): this {
    return this.#then((client) => client.helo(name, verb))
  }

  /** AUTH with a user and password, or any attempt. Where another server takes the mail it says, from MAIL on, that the client is this one. */
  auth(attempt: AuthAttempt | { readonly username: string; readonly password: string }): this {
    return this.#then((client) => client.auth(attempt))
  }

  /** MAIL FROM; `<>` is the null reverse-path. */
  mail(from: string, parameters: MailParameters = {}): this {
    return this.#then((client) => client.mail(from, parameters))
  }

  rcpt(to: string, parameters: RcptParameters = {}): this {
    return this.#then((client) => {
      const path = parseForwardPath(`<${to}>`, { smtputf8: true })
      if (!path) throw new Error(`"${to}" is not a forward-path`)
      return client.rcpt(path.address, parameters)
    })
  }

  /** DATA and the message: text with any line ends, octets, or fields. Ends the transaction. */
  data(message: string | Uint8Array | Readonly<Record<string, string>> = mail()): this {
    return this.#then((client) => client.data(message))
  }

  rset(): this {
    return this.#then((client) => client.rset())
  }

  /** VRFY, EXPN, HELP or any other verb; where another server takes the mail, that one answers it. */
  command(line: string): this {
    return this.#then((client) => client.command(line))
  }

  /** The client hangs up. */
  quit(): this {
    return this.#then((client) => client.hangUp())
  }

  /** Lets time pass. */
  after(ms: number): this {
    return this.#then(({ server }) => server.clock.advance(ms))
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
    return this.#then((client) => {
      mustTake(client)
      assert.ok(client.recipients > 0, `no recipient was accepted; ${lastOf(client)}`)
      const found = client.server.routes.at(-1) ?? { via: '' }
      for (const [key, value] of Object.entries(route)) assert.deepEqual(found[key as keyof Route], value, key) // its own keys
    })
  }

  /** The last message arrived, and looks like this. */
  expectDelivered(check?: (delivered: Delivered) => void): this {
    return this.#then((client) => {
      mustTake(client)
      const last = client.server.delivered.at(-1)
      assert.ok(last && !last.quarantined, `nothing was delivered; ${lastOf(client)}`)
      check?.(last)
    })
  }

  expectQuarantined(reason?: RegExp): this {
    return this.#then((client) => {
      if (client.judges) return assertOutcome(judged(client), 'quarantine', reason)
      const last = client.server.delivered.at(-1)
      assert.ok(last?.quarantined !== undefined, 'nothing was quarantined')
      if (reason) assert.match(last.quarantined, reason)
    })
  }

  /** What was said of the last message to the server that takes it; `reason` is that of a quarantine or discard. */
  expectOutcome(outcome: JudgedMessage['outcome'], reason?: RegExp): this {
    return this.#then((client) => assertOutcome(judged(client), outcome, reason))
  }

  /**
   * Exactly these edits of the last message: `Name: value` is new, `~Name: value` was changed, `-Name` is gone, `another body` comes last.
   * A text is the whole edit; a pattern is found in it.
   */
  expectEdits(...edits: readonly (string | RegExp)[]): this {
    return this.#then((client) => assertEdits(judged(client), edits))
  }

  /** Exactly these edits of the last envelope; `{}`: it is as the client said. */
  expectEnvelope(envelope: JudgedEnvelope): this {
    return this.#then((client) => assertEnvelope(judged(client), envelope))
  }

  /** One reply a recipient, LMTP. */
  expectReplies(...codes: readonly number[]): this {
    return this.#then(({ replies }) =>
      assert.deepEqual(
        replies.map((reply) => reply.code),
        codes,
      ),
    )
  }

  /** Anything else about what was said so far. */
  expect(check: (outcome: SessionOutcome) => void | Promise<void>): this {
    return this.#then((client) => check(outcomeOf(client)))
  }

  async #run(): Promise<SessionOutcome> {
    this.#client ??= new FluentClient(await this.#make())
    const client = this.#client
    try {
      for (let step = this.#steps.shift(); step; step = this.#steps.shift()) await step(client)
      return outcomeOf(client)
    } finally {
      if (this.#owned) {
        client.hangUp()
        await client.server.close()
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
    return this.#then(({ last, server }) => {
      assert.ok(last, 'nothing was answered yet')
      try {
        check(last)
      } catch (error) {
        explain(error, server)
        throw error
      }
    })
  }
}

/** What plugins failed with is not in their replies, and it is what one wants to know. */
function explain(error: unknown, server: TestServer): void {
  const failures = failuresOf(server)
  if (error instanceof Error && failures.length > 0) error.message += `\n${failures.join('\n')}`
}

function judged(client: FluentClient): JudgedMessage {
  return mustBeJudged(client.judged, { protocol: client.server.protocol, last: lastOf(client) })
}

/** Who looks for mail where none arrives is told so. */
function mustTake({ server }: FluentClient): void {
  const wrong = notTaken(server.protocol)
  if (wrong) assert.fail(wrong)
}

function lastOf({ last }: FluentClient): string {
  return `the last reply is ${last ? shown(last) : 'none'}`
}

function outcomeOf({ server, last, replies }: FluentClient): SessionOutcome {
  server.server.log.flush()
  const { delivered, judgements, lines } = server
  return { reply: last, replies, delivered, judgements, lines, server }
}

/** What a session has led to. */
export interface SessionOutcome {
  readonly reply: WireReply | undefined
  readonly replies: readonly WireReply[]
  readonly delivered: readonly Delivered[]
  readonly judgements: readonly JudgedMessage[]
  readonly lines: TestServer['lines']
  readonly server: TestServer
}
