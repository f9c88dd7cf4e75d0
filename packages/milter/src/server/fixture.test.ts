/** A mail server that asks, a listener that is asked, and stages that say what a test wants. */
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { Judgement, JudgingStages, Wire, WireReply } from '@postroad/smtp'
import { type Answer, parseAnswer } from '../answer.ts'
import { type SaidCommand, writeCommand, writeMacros } from '../command.ts'
import { FrameReader, FrameWriter } from '../frame.ts'
import type { MilterOffer } from '../negotiation.ts'
import { COMMAND } from '../word.ts'
import { createMilterListener, type MilterListener } from './listener.ts'
import type { MilterListenerOptions } from './options.ts'
import type { MilterScope } from './wants.ts'

export const POSTFIX: MilterOffer = { version: 6, actions: 0x1ff, steps: 0x1f_ffff }
export const PASS: Judgement = { outcome: 'pass', dispose: () => {} }
const ALL_HOOKS = ['connect', 'helo', 'mail', 'rcpt', 'data', 'receive', 'message', 'rewrite']

/** What was asked of the stages, and the octets of the last message. */
export interface Heard {
  readonly calls: string[]
  readonly wires: Wire[]
  octets: string
}

/** What a listener is asked for. */
export interface Fixture extends Partial<MilterListenerOptions> {
  readonly stages?: Partial<JudgingStages>
  readonly hooks?: readonly string[]
  readonly tags?: boolean
}

export interface Asked {
  readonly listener: MilterListener
  readonly heard: Heard
  readonly errors: unknown[]
  readonly scope: MilterScope
  connect(offer?: MilterOffer): Promise<MailServer>
}

/** A listener whose stages pass everything but for what the test says. */
export async function listenFor(
  t: TestContext,
  { stages, hooks = ALL_HOOKS, tags = false, ...options }: Fixture = {},
): Promise<Asked> {
  const heard: Heard = { calls: [], wires: [], octets: '' }
  const errors: unknown[] = []
  const scope: MilterScope = {
    hooks: new Set(hooks),
    tags,
    attach(wire) {
      heard.wires.push(wire)
      return fakeStages(heard, stages)
    },
  }
  const listener = createMilterListener(
    { name: 'filter', hostname: 'filter.test', onError: (error) => errors.push(error), ...options },
    scope,
  )
  await listener.listen()
  t.after(() => listener.close(0))
  return {
    listener,
    heard,
    errors,
    scope,
    async connect(offer = POSTFIX) {
      const server = await dial(listener)
      t.after(() => server.socket.destroy())
      server.say({ kind: 'options', ...offer })
      return server
    },
  }
}

export async function dial({ address }: MilterListener): Promise<MailServer> {
  const socket = 'path' in address ? connect(address.path) : connect(address.port, address.host)
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return new MailServer(socket)
}

function fakeStages(heard: Heard, over: Partial<JudgingStages> = {}): JudgingStages {
  const { calls } = heard
  const stages: JudgingStages = {
    connect: () => undefined,
    helo: () => undefined,
    mail: () => undefined,
    rcpt: () => ({ code: 250, status: '2.1.5', text: 'ok' }),
    data: () => undefined,
    content: () => {
      const chunks: Uint8Array[] = []
      return {
        write: (chunk) => {
          chunks.push(Buffer.from(chunk))
          heard.octets = Buffer.concat(chunks).toString('latin1')
        },
        abort: () => void calls.push('abort content'),
      }
    },
    judge: async () => PASS,
    reset: () => undefined,
    close: () => undefined,
    refused: () => undefined,
    secured: () => undefined,
    authenticated: () => undefined,
    offer: () => ({
      mechanisms: [],
      eightBitMime: true,
      binaryMime: true,
      smtputf8: true,
      dsn: true,
      requireTls: true,
    }),
    auth: () => undefined,
    message: () => ({ code: 451, text: 'not asked' }),
    verify: () => ({ code: 252, text: '' }),
    expand: () => ({ code: 252, text: '' }),
    help: () => ({ code: 214, text: '' }),
    unknown: () => ({ code: 500, text: '' }),
    ...over,
  }
  const noted = <T>(call: string, answer: () => T): T => {
    calls.push(call)
    return answer()
  }
  const told: JudgingStages = {
    ...stages,
    connect: () => noted('connect', stages.connect),
    helo: (name, verb) => noted(`helo ${name}`, () => stages.helo(name, verb)),
    mail: (from, parameters) => noted(`mail ${from ?? '<>'}${shown(parameters)}`, () => stages.mail(from, parameters)),
    rcpt: (to, parameters) => noted(`rcpt ${to}${shown(parameters)}`, () => stages.rcpt(to, parameters)),
    data: () => noted('data', stages.data),
    content: () => noted('content', stages.content),
    judge: () => noted('judge', stages.judge),
    reset: () => noted('reset', stages.reset),
    close: (reason) => noted(`close ${reason}`, () => stages.close(reason)),
    refused: (command, reply) => noted(`refused ${command} ${reply.code}`, () => stages.refused(command, reply)),
  }
  return told
}

function shown(parameters: object): string {
  return Object.keys(parameters).length > 0 ? ` ${JSON.stringify(parameters)}` : ''
}

/** The other end: what Postfix or Sendmail would say. */
export class MailServer {
  readonly socket: Socket
  readonly #reader = new FrameReader()
  readonly #answers: Answer[] = []
  #wake: (() => void) | undefined
  #isOver = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => {
      this.#reader.push(chunk)
      for (let frame = this.#reader.next(); frame; frame = this.#reader.next())
        this.#answers.push(parseAnswer({ code: frame.code, data: Buffer.from(frame.data) }))
      this.#wake?.()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#isOver = true
      this.#wake?.()
    })
  }

  say(...commands: readonly SaidCommand[]): this {
    const out = new FrameWriter()
    for (const command of commands) writeCommand(out, command)
    this.socket.write(out.take())
    return this
  }

  tell(command: keyof typeof COMMAND, macros: Record<string, string>): this {
    const out = new FrameWriter()
    writeMacros(out, COMMAND[command], Object.entries(macros))
    this.socket.write(out.take())
    return this
  }

  /** The next answer; undefined when the connection has ended. */
  async hear(): Promise<Answer | undefined> {
    while (this.#answers.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#answers.shift()
  }

  /** Answers up to a decision, as texts of one line each. */
  async hears(): Promise<readonly string[]> {
    const lines: string[] = []
    for (;;) {
      const answer = await this.hear()
      if (answer === undefined) return [...lines, 'gone']
      lines.push(line(answer))
      if (DECISIONS.has(answer.kind)) return lines
    }
  }

  /** What is said, and the answer. */
  async ask(command: SaidCommand): Promise<string> {
    return (await this.say(command).hears()).join(' | ')
  }

  get isOver(): boolean {
    return this.#isOver
  }

  async end(): Promise<void> {
    while (!this.#isOver)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
  }
}

const DECISIONS: ReadonlySet<string> = new Set([
  'continue',
  'accept',
  'reject',
  'tempfail',
  'discard',
  'reply',
  'skip',
  'shutdown',
  'options',
])

/** An answer as a test names it. */
export function line(answer: Answer): string {
  switch (answer.kind) {
    case 'reply':
      return `${answer.code}${answer.status ? ` ${answer.status}` : ''} ${answer.lines.join(' / ')}`
    case 'options':
      return `options ${answer.version} ${answer.actions.toString(16)} ${answer.steps.toString(16)}`
    case 'insertHeader':
    case 'changeHeader':
      return `${answer.kind} ${answer.index} ${answer.name}:${Buffer.from(answer.value).toString('latin1')}`
    case 'addHeader':
      return `addHeader ${answer.name}:${Buffer.from(answer.value).toString('latin1')}`
    case 'replaceBody':
      return `body ${answer.data.length}`
    case 'addRcpt':
    case 'changeFrom':
      return [answer.kind, answer.path, ...answer.parameters].join(' ')
    case 'deleteRcpt':
      return `deleteRcpt ${answer.path}`
    case 'quarantine':
      return `quarantine ${answer.reason}`
    default:
      return answer.kind
  }
}

export const CLIENT: SaidCommand = {
  kind: 'connect',
  name: 'client.example',
  family: 'inet',
  address: '192.0.2.1',
  port: 40_000,
}
export const HELO: SaidCommand = { kind: 'helo', name: 'client.example' }
export const FROM: SaidCommand = { kind: 'mail', path: '<a@example.com>', parameters: [] }
export const TO: SaidCommand = { kind: 'rcpt', path: '<b@example.net>', parameters: [] }

export function field(name: string, value: string): SaidCommand {
  return { kind: 'header', name, value: Buffer.from(value, 'latin1') }
}

/** A message as it is said between DATA and its end. */
export const MESSAGE: readonly SaidCommand[] = [
  field('Subject', ' hello'),
  { kind: 'endOfHeader' },
  { kind: 'body', data: Buffer.from('text\r\n') },
]
export const END: SaidCommand = { kind: 'endOfMessage', data: new Uint8Array() }

export const DATA: SaidCommand = { kind: 'data' }

/** What stages may say. */
export const REFUSED: WireReply = { code: 550, status: '5.1.1', text: 'No such user' }
export const LATER: WireReply = { code: 451, status: '4.7.1', text: 'Later' }

/** Stages that judge every message so. */
export const verdict = (judgement: Partial<Judgement>): Partial<JudgingStages> => ({
  judge: async () => ({ ...PASS, ...judgement }) as Judgement, // the outcome is of one kind
})

export const client = (address: string, more: object = {}): SaidCommand =>
  ({ ...CLIENT, address, ...more }) as SaidCommand // the kind stays
export const mail = (path: string, ...parameters: string[]): SaidCommand => ({ kind: 'mail', path, parameters })
export const rcpt = (path: string, ...parameters: string[]): SaidCommand => ({ kind: 'rcpt', path, parameters })

/** From the client to DATA, each answered. */
export async function begin(server: MailServer): Promise<void> {
  await server.hears()
  for (const command of [CLIENT, HELO, FROM, TO, DATA]) await server.ask(command)
}

/** A server that has agreed on the steps, with what it is asking. */
export async function agreed(t: TestContext, fixture?: Fixture): Promise<Asked & { readonly server: MailServer }> {
  const asked = await listenFor(t, fixture)
  const server = await asked.connect()
  await server.hears()
  return { ...asked, server }
}

/** The same when its client has said HELO. */
export async function greeted(t: TestContext, fixture?: Fixture): ReturnType<typeof agreed> {
  const asked = await agreed(t, fixture)
  for (const command of [CLIENT, HELO]) await asked.server.ask(command)
  return asked
}

/** The same at the beginning of a message. */
export async function begun(t: TestContext, fixture?: Fixture): ReturnType<typeof agreed> {
  const asked = await greeted(t, fixture)
  for (const command of [FROM, TO, DATA]) await asked.server.ask(command)
  return asked
}
