/** One session of a client, told as data: what it sends, and how far it comes. */
import {
  type MailParameters,
  parseForwardPath,
  parseReversePath,
  type RcptParameters,
  type TlsInfo,
} from '@postroad/mail'
import type { AuthAttempt } from '@postroad/plugin'
import type { JudgingStages, Stages, Wire, WireReply } from '@postroad/smtp'
import { isJudging, type JudgedMessage, judgeOn } from './judged.ts'
import { mail } from './mail.ts'
import type { TestServer } from './test-server.ts'

/** A path with the parameters of its command. */
export type WithParameters<P> = string | ({ readonly path: string } & P)

/** A message: text with any line ends, octets, or fields. */
export type Content = string | Uint8Array | Readonly<Record<string, string>> | Iterable<Uint8Array>

/** What a client sends; what is left out has a default. The session ends with the last thing named. */
export interface SessionScript {
  /** The client's address. Default 192.0.2.1. */
  readonly from?: string
  /** Under TLS from the beginning. */
  readonly tls?: boolean | TlsInfo
  /** The server is near its limits. */
  readonly stress?: boolean
  /** Default `client.test`, by EHLO (LHLO on LMTP). */
  readonly helo?: string
  /** AUTH. Where another server takes the mail it is who that server says the client is: nobody here is asked. */
  readonly auth?: AuthAttempt | { readonly username: string; readonly password: string }
  /** The reverse-path; `<>` for the null one. Default `sender@client.test`. */
  readonly mail?: WithParameters<MailParameters>
  /** Forward-paths. Default `recipient@mx.test`. */
  readonly rcpt?: WithParameters<RcptParameters> | readonly WithParameters<RcptParameters>[]
  readonly data?: Content
  /** VRFY, EXPN, HELP or any other verb with its argument, after the greeting; not where another server takes the mail. */
  readonly command?: string
}

/** The keys of a {@link SessionScript}. */
export const SESSION_KEYS = ['from', 'tls', 'stress', 'helo', 'auth', 'mail', 'rcpt', 'data', 'command'] as const

/** Where in a session something was said. */
export type SessionStage = 'connect' | 'helo' | 'auth' | 'command' | 'mail' | 'rcpt' | 'data' | 'message'

/** One reply. */
export interface Said {
  readonly at: SessionStage
  readonly reply: WireReply
}

const OK: WireReply = { code: 250, status: '2.0.0', text: 'Ok' }

/** A session under way: {@link SessionClient.hangUp} may come at any time. */
export class SessionClient {
  readonly said: Said[] = []
  /** What was said of the message where another server takes it. */
  judged: JudgedMessage | undefined
  readonly #server: TestServer
  readonly #session: SessionScript
  readonly #isJudging: boolean
  readonly #stages: JudgingStages
  #gone = false

  constructor(server: TestServer, session: SessionScript) {
    this.#server = server
    this.#session = session
    this.#isJudging = isJudging(server.protocol)
    if (this.#isJudging && session.command !== undefined)
      throw new TypeError(
        `"${session.command}" is answered by the server that takes the mail: with protocol: '${server.protocol}' leave out \`command\``,
      )
    const wire: Wire = {
      listener: 'test',
      protocol: server.protocol,
      remote: { address: session.from ?? '192.0.2.1', port: 4321 },
      local: { address: '192.0.2.25', port: 25 },
      tls: session.tls === true ? { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' } : session.tls || undefined,
      stress: session.stress ?? false,
      ...(this.#isJudging && session.auth && { identity: { name: session.auth.username } }),
      disconnect: (reply) => {
        this.said.push({ at: this.#at, reply })
        this.hangUp()
      },
    }
    this.#stages = server.server.attach('test')(wire)
  }
  #at: SessionStage = 'connect'

  /** The connection breaks. */
  hangUp(reason: 'quit' | 'client' = 'client'): void {
    if (this.#gone) return
    this.#gone = true
    this.#stages.close(reason)
  }

  /** All of the session, as far as it comes; hangs up at the end. */
  async run(): Promise<readonly Said[]> {
    try {
      await this.#converse()
    } finally {
      this.hangUp('quit')
    }
    return this.said
  }

  async #converse(): Promise<void> {
    const { helo, auth, mail, rcpt, data, command } = this.#session
    const on = this.#stages
    const isTransaction = mail !== undefined || rcpt !== undefined || data !== undefined
    if (!(await this.#ask('connect', () => on.connect()))) return
    if (helo === undefined && auth === undefined && command === undefined && !isTransaction) return
    const verb = this.#server.protocol === 'lmtp' ? 'LHLO' : 'EHLO'
    if (!(await this.#ask('helo', () => on.helo(helo ?? 'client.test', verb)))) return
    if (
      auth &&
      !this.#isJudging &&
      !(await this.#ask('auth', () =>
        on.auth('mechanism' in auth ? auth : { mechanism: 'PLAIN', authorize: undefined, ...auth }),
      ))
    )
      return
    if (command !== undefined && !(await this.#ask('command', () => commandOf(on, command)))) return
    if (isTransaction) await this.#transaction()
  }

  async #transaction(): Promise<void> {
    const { mail, rcpt, data } = this.#session
    const on = this.#stages
    const { path, ...parameters } = withPath(mail ?? 'sender@client.test')
    if (!(await this.#ask('mail', () => on.mail(reversePath(path), parameters)))) return
    if (rcpt === undefined && data === undefined) return
    let accepted = 0
    for (const one of Array.isArray(rcpt) ? rcpt : [rcpt ?? 'recipient@mx.test']) {
      const { path: to, ...own } = withPath<RcptParameters>(one)
      if (await this.#ask('rcpt', () => on.rcpt(forwardPath(to), own))) accepted++
      if (this.#gone) return
    }
    if (accepted === 0 || data === undefined || !(await this.#ask('data', () => on.data()))) return
    this.#at = 'message'
    // Postfix' policy protocol has no content.
    if (this.#server.protocol !== 'policy' && !(await this.#send(data))) return
    if (this.#isJudging) {
      const { judged, heard } = await judgeOn(on, this.#server.judgements)
      this.judged = judged
      if (!this.#gone) this.said.push({ at: 'message', reply: heard })
      return
    }
    const reply = await on.message()
    for (const one of 'code' in reply ? [reply] : reply) this.said.push({ at: 'message', reply: one })
  }

  /** Whether the client is still there. */
  async #send(data: Content): Promise<boolean> {
    const content = this.#stages.content()
    for (const piece of pieces(data)) {
      await content.write(piece)
      if (this.#gone) return false
    }
    return true
  }

  /** Whether it goes on. */
  async #ask(
    at: SessionStage,
    command: () => WireReply | undefined | Promise<WireReply | undefined>,
  ): Promise<boolean> {
    this.#at = at
    const reply = (await command()) ?? OK
    if (this.#gone) return false
    this.said.push({ at, reply })
    return reply.code < 400
  }
}

function commandOf(on: Stages, line: string): WireReply | Promise<WireReply> {
  const [verb = '', ...rest] = line.split(' ')
  const argument = rest.join(' ')
  switch (verb.toUpperCase()) {
    case 'VRFY':
      return on.verify(argument)
    case 'EXPN':
      return on.expand(argument)
    case 'HELP':
      return on.help(argument)
    default:
      return on.unknown(verb.toUpperCase(), argument)
  }
}

function withPath<P>(given: WithParameters<P>): { readonly path: string } & Partial<P> {
  return typeof given === 'string' ? ({ path: given } as { path: string } & Partial<P>) : given // without parameters
}

function reversePath(path: string) {
  const parsed = parseReversePath(path === '<>' ? '<>' : `<${path}>`, { smtputf8: true })
  if (!parsed) throw new SyntaxError(`"${path}" is not a reverse-path, RFC 5321 §4.1.2`)
  return parsed.address
}

function forwardPath(path: string) {
  const parsed = parseForwardPath(`<${path}>`, { smtputf8: true })
  if (!parsed) throw new SyntaxError(`"${path}" is not a forward-path, RFC 5321 §4.1.2`)
  return parsed.address
}

/** Octets of a chunk, as a socket gives them. */
const CHUNK = 65_536

function* pieces(content: Content): Generator<Uint8Array> {
  if (typeof content !== 'string' && !(content instanceof Uint8Array) && Symbol.iterator in content) {
    yield* content as Iterable<Uint8Array> // neither text nor octets nor fields
    return
  }
  const bytes =
    content instanceof Uint8Array
      ? content
      : typeof content === 'string'
        ? Buffer.from(content.replace(/\r?\n/g, '\r\n'))
        : mail(content as Readonly<Record<string, string>>) // all that is left
  for (let at = 0; at < bytes.length; at += CHUNK) yield bytes.subarray(at, at + CHUNK)
}
