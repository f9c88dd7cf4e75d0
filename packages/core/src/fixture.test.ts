/** What the tests of this package share: handlers, a scope of them without a host, and a client without a wire. Has no tests of its own. */
import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { type CloseReason, type MailParameters, makeAddress, type RcptParameters } from '@postroad/mail'
import type { HookName, Logger } from '@postroad/plugin'
import type { Judgement, Maybe, Wire, WireReply } from '@postroad/smtp'
import type { Handler, HookContexts } from './plan/handler.ts'
import type { HookTable } from './plan/hook-table.ts'
import { createContentMemory } from './policy/content-memory.ts'
import { createSingleRecipientClients } from './policy/single-recipient-clients.ts'
import { Lifetime } from './session/lifetime.ts'
import type { Scope } from './session/scope.ts'
import { SessionStages } from './stages/session.ts'

export const NOW = Date.UTC(2026, 10, 30)

/** A handler with nothing special; its plugin is `p`. */
export function handler<K extends HookName>(
  hook: K,
  run: (context: HookContexts[K]) => unknown,
  more: Partial<Handler> = {},
): Handler {
  return {
    plugin: 'p',
    ownName: 'p',
    hook,
    run: run as Handler['run'], // a test may call it at another hook, too
    after: [],
    before: [],
    provides: new Set(),
    timeout: 1_000,
    shadow: false,
    onError: 'defer',
    when: undefined,
    awaits: [],
    mechanisms: [],
    relays: false,
    supports: [],
    carries: undefined,
    ways: undefined,
    inTurn: false,
    observes: false,
    points: true,
    phase: 0,
    index: 0,
    asynchronous: undefined,
    ...more,
  }
}

/** A scope, and what it wrote. */
export interface Ground {
  readonly scope: Scope
  /** Canonical lines. */
  readonly lines: Record<string, unknown>[]
  /** Log lines: level, text, fields. */
  readonly logged: (readonly [level: string, text: string, fields: Record<string, unknown>])[]
}

/** A scope with these handlers. */
/** A refusal without the id that it tells, which is there, of the session or of one of its transactions. */
export function withoutId(reply: WireReply | undefined): Omit<WireReply, 'id'> | undefined {
  if (reply === undefined) return undefined
  const { id, ...rest } = reply
  assert.match(id ?? '', /^[0-9A-Z]{17}(?:\.\d+)?$/)
  return rest
}

export function ground(table: Partial<HookTable> = {}, more: Partial<Scope> = {}): Ground {
  const lines: Record<string, unknown>[] = []
  const logged: [string, string, Record<string, unknown>][] = []
  const write =
    (level: string) =>
    (fields: unknown, text?: string): void =>
      void logged.push([level, text ?? '', fields as Record<string, unknown>])
  const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') } as Logger
  const scope: Scope = {
    name: 'server',
    hostname: 'mx.test',
    role: 'mta',
    table: { plugins: ['p', 'q'], ...table },
    lifetime: new Lifetime(),
    log,
    timed: true,
    describes: 'none',
    feed: { tellsOpened: false, tellsRuns: false, tellsRecords: false, opened() {}, ran() {}, record() {} },
    thresholds: {},
    refuseAt: 'rcpt',
    mixed: 'defer-rest',
    memory: createContentMemory(100_000),
    spooling: {},
    added: 'defer',
    spool: tmpdir(),
    now: () => NOW,
    record: (line) => void lines.push(line as Record<string, unknown>), // every line is an object of named fields
    logFor: () => log,
    singleRecipientClients: createSingleRecipientClients(),
    ...more,
  }
  return { scope, lines, logged }
}

/** What the wire says of a client. */
export function wire(more: Partial<Wire> = {}): Wire {
  return {
    listener: 'x',
    protocol: 'smtp',
    remote: { address: '192.0.2.1', port: 4321 },
    local: { address: '192.0.2.25', port: 25 },
    tls: undefined,
    stress: false,
    disconnect: () => undefined,
    ...more,
  }
}

/** A client of the stages. Replies are the code alone, or all of it where a test looks at it. */
export class Client {
  readonly stages: SessionStages
  /** Replies after which the wire was to hang up. */
  readonly disconnected: WireReply[] = []
  gone = 0

  /** @param changing what the wire says anew whenever it is asked */
  constructor({ scope }: Ground, more: Partial<Wire> = {}, changing: () => Pick<Wire, 'identity'> = () => more) {
    const offer = { mechanisms: [], eightBitMime: true, binaryMime: true, smtputf8: true, dsn: true, requireTls: true }
    this.stages = new SessionStages(
      scope,
      Object.defineProperty(wire({ disconnect: (reply) => void this.disconnected.push(reply), ...more }), 'identity', {
        get: () => changing().identity,
      }),
      {
        offer,
        gone: () => void this.gone++,
      },
    )
  }

  /** EHLO and MAIL. */
  async begin(from: string | undefined = 'from@client.test', parameters: MailParameters = {}): Promise<void> {
    await this.stages.helo('client.test', 'EHLO')
    await this.mail(from, parameters)
  }

  mail(from: string | undefined = 'from@client.test', parameters: MailParameters = {}): Maybe<WireReply | undefined> {
    return this.stages.mail(from === '' ? undefined : addressOf(from), parameters)
  }

  async rcpt(to: string, parameters: RcptParameters = {}): Promise<number> {
    return (await this.stages.rcpt(addressOf(to), parameters)).code
  }

  /** DATA and a message; the reply, or the replies of several recipients. */
  async data(text = 'Subject: x\r\n\r\nx\r\n'): Promise<WireReply | readonly WireReply[]> {
    const reply = await this.stages.data()
    if (reply) return reply
    await this.stages.content().write(Buffer.from(text))
    return this.stages.message()
  }

  /** DATA and a message, in a session that judges for another server. */
  async judge(text = 'Subject: x\r\n\r\nx\r\n'): Promise<Judgement> {
    assert.equal(await this.stages.data(), undefined)
    await this.stages.content().write(Buffer.from(text))
    return this.stages.judge()
  }

  /** A whole message: the codes of RCPT, and of the message when one was accepted. */
  async send(...recipients: readonly string[]): Promise<readonly number[]> {
    await this.begin()
    const codes: number[] = []
    for (const to of recipients) codes.push(await this.rcpt(to))
    return codes.includes(250) ? [...codes, ...codesOf(await this.data())] : codes
  }

  close(reason: CloseReason = 'quit'): void {
    this.stages.close(reason)
  }
}

export function codesOf(reply: WireReply | readonly WireReply[]): readonly number[] {
  return 'code' in reply ? [reply.code] : reply.map(({ code }) => code)
}

export function addressOf(text: string) {
  const at = text.lastIndexOf('@')
  return at < 0 ? makeAddress(text, 'x.test') : makeAddress(text.slice(0, at), text.slice(at + 1))
}
