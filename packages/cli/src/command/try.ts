/** `postroad try FILE.eml`: runs a message through the hooks offline and prints every opinion, fact and reply. */

import { readFile } from 'node:fs/promises'
import type { Server } from '@postroad/core'
import { type Address, parseForwardPath, parseReversePath } from '@postroad/mail'
import { textOf } from '@postroad/plugin'
import type { JudgingStages, Wire, WireReply } from '@postroad/smtp'
import { type Command, Option } from 'commander'
import { UsageError } from '../config/usage-error.ts'
import { open } from '../open.ts'
import { judgementText } from './judgement.ts'

interface TryOptions {
  readonly from: string
  readonly to: readonly string[]
  readonly ip: string
  readonly helo: string
  readonly config?: string
  readonly listener?: string
  readonly protocol?: Wire['protocol']
  readonly json?: boolean
}

/** Adds `try`. */
export function tryCommand(program: Command, outcome: { code: number }): void {
  program
    .command('try')
    .description(
      'run a message through the hooks offline and print every opinion, fact and reply; nothing is delivered',
    )
    .argument('<file>', 'the message, as .eml; - for standard input')
    .option('--from <address>', 'reverse-path; <> for the null one', '<>')
    .option('--to <address...>', 'recipients', ['postmaster'])
    .option('--ip <address>', 'address of the client', '192.0.2.1')
    .option('--helo <name>', 'what the client calls itself', 'client.example')
    .option('--listener <name>', 'listener or scope; default: the first')
    .addOption(
      new Option(
        '--protocol <protocol>',
        'how the message comes; milter and policy: another mail server asks, and takes it or not. Default: as the listener has it',
      ).choices(PROTOCOLS),
    )
    .option('--config <config>', 'configuration file or folder')
    .option('--json', 'print JSON')
    .action(async (file: string, options: TryOptions) => {
      outcome.code = await attempt(file, options)
    })
}

/** A threshold that was met, as the canonical line of the log has it. */
interface Met {
  readonly level: string
  readonly at: number
  readonly points: number
  readonly to: readonly string[]
}

interface Step {
  readonly command: string
  readonly reply: string
}

async function attempt(file: string, options: TryOptions): Promise<number> {
  const bytes = await read(file)
  const lines: Readonly<Record<string, unknown>>[] = []
  const write = (text: string): void =>
    void lines.push(
      ...text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    )
  const opened = await open(options.config, { rehearsal: true, log: { format: 'json', level: 'info', write } })
  try {
    await opened.server.start()
    const protocol = options.protocol ?? protocolOf(opened.server, options.listener)
    const steps = await rehearse(opened.server.attach(options.listener), { bytes, options, protocol })
    opened.server.log.flush()
    const record = lines.findLast((line) => line['event'] === 'transaction')
    const session = record ? undefined : lines.findLast((line) => line['event'] === 'session')
    const failures = lines.filter((line) => line['level'] === 'error')
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ steps, transaction: record, session, failures })}\n`
        : `${text(steps, record, failures)}\n`,
    )
    // What is set aside or discarded is answered 250, by whichever server.
    return /^(?:2|pass|quarantine|discard)/.test(steps.at(-1)?.reply ?? '') ? 0 : 1
  } finally {
    await opened.close()
  }
}

async function read(file: string): Promise<Buffer> {
  try {
    const chunks: Buffer[] = []
    if (file !== '-') chunks.push(await readFile(file))
    else for await (const chunk of process.stdin) chunks.push(chunk)
    // A file on disk may have bare LF; on the wire there is CRLF only.
    return Buffer.from(Buffer.concat(chunks).toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1')
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${textOf(cause)}`, { cause })
  }
}

/** That of the listener, or of the first of the scope. */
function protocolOf(server: Pick<Server, 'explain'>, name: string | undefined): Wire['protocol'] {
  const scopes = server.explain()
  const listeners = scopes.flatMap((scope) => (name === undefined || scope.name === name ? scope.listeners : []))
  const one = scopes.flatMap((scope) => scope.listeners).find((listener) => listener.name === name) ?? listeners[0]
  return PROTOCOLS.find((protocol) => protocol === one?.protocol) ?? 'smtp'
}

const PROTOCOLS: readonly Wire['protocol'][] = ['smtp', 'lmtp', 'milter', 'policy']

interface Subject {
  readonly bytes: Buffer
  readonly options: TryOptions
  readonly protocol: Wire['protocol']
}

/** The session a client would have had, as far as it gets. */
async function rehearse(
  attach: (wire: Wire) => JudgingStages,
  { bytes, options, protocol }: Subject,
): Promise<readonly Step[]> {
  const steps: Step[] = []
  const from = reversePath(options.from)
  const to = options.to.map(forwardPath)
  const stages = attach(
    wireOf(options, protocol, (reply) => steps.push({ command: '(disconnected)', reply: shown(reply) })),
  )
  const said = (command: string, reply: WireReply | undefined, silence: string): boolean => {
    steps.push({ command, reply: reply ? shown(reply) : silence })
    return !reply || reply.code < 400
  }
  try {
    if (!said('(connect)', await stages.connect(), '220')) return steps
    const verb = protocol === 'lmtp' ? 'LHLO' : 'EHLO'
    if (!said(`${verb} ${options.helo}`, await stages.helo(options.helo, verb), '250')) return steps
    if (!said(`MAIL FROM:<${from ?? ''}>`, await stages.mail(from, {}), '250 2.1.0')) return steps
    let accepted = 0
    for (const recipient of to) if (said(`RCPT TO:<${recipient}>`, await stages.rcpt(recipient, {}), '')) accepted++
    if (accepted === 0) return steps
    if (!said('DATA', await stages.data(), '354')) return steps
    if (protocol === 'policy') return [...steps, await judged(stages)]
    const content = stages.content()
    for (let at = 0; at < bytes.length; at += 65_536) await content.write(bytes.subarray(at, at + 65_536))
    if (protocol === 'milter') return [...steps, await judged(stages)]
    const reply = await stages.message()
    for (const one of 'code' in reply ? [reply] : reply) said('.', one, '')
    return steps
  } finally {
    stages.close('quit')
  }
}

async function judged(stages: JudgingStages): Promise<Step> {
  const judgement = await stages.judge()
  judgement.dispose()
  return { command: '(judged)', reply: judgementText(judgement) }
}

function wireOf({ ip, listener }: TryOptions, protocol: Wire['protocol'], disconnect: Wire['disconnect']): Wire {
  const local = { address: '192.0.2.25', port: 25 }
  return {
    listener: listener ?? 'try',
    protocol,
    remote: { address: ip, port: 49_152 },
    local,
    tls: undefined,
    stress: false,
    disconnect,
  }
}

function reversePath(text: string): Address | undefined {
  const path = parseReversePath(text.startsWith('<') ? text : `<${text}>`, { smtputf8: true })
  if (path?.rest !== '') throw new UsageError(`--from ${text} is not an address`)
  return path.address
}

function forwardPath(text: string): Address {
  const path = parseForwardPath(text.startsWith('<') ? text : `<${text}>`, { smtputf8: true })
  if (path?.rest !== '') throw new UsageError(`--to ${text} is not an address`)
  return path.address
}

function shown({ code, status, text }: WireReply): string {
  return `${code}${status ? ` ${status}` : ''} ${typeof text === 'string' ? text : text.join(' / ')}`
}

function text(
  steps: readonly Step[],
  record: Readonly<Record<string, unknown>> | undefined,
  failures: readonly object[],
): string {
  const rows = steps.map(({ command, reply }) => `${command.padEnd(40)} ${reply}`)
  const facts = Object.entries((record?.['facts'] as object | undefined) ?? {}).map(
    ([name, value]) => `  ${name.padEnd(14)} ${JSON.stringify(value)}`,
  )
  const opinions = ((record?.['opinions'] as readonly Readonly<Record<string, unknown>>[] | undefined) ?? []).map(
    (one) =>
      `  ${String(one['hook']).padEnd(10)} ${String(one['plugin']).padEnd(16)} ${one['kind']}${one['points'] === undefined ? '' : ` ${one['points']}`} ${one['text'] ?? one['reason'] ?? ''}${one['shadow'] ? ' (shadow: not obeyed)' : ''}`,
  )
  const times = Object.entries((record?.['plugins'] as object | undefined) ?? {}).map(
    ([name, ms]) => `${name} ${ms} ms`,
  )
  return [
    ...rows,
    ...(opinions.length > 0 ? ['', 'opinions', ...opinions] : []),
    ...(record?.['points'] ? [`  ${record['points']} points in all`] : []),
    ...((record?.['thresholds'] as readonly Met[] | undefined) ?? []).map(
      ({ level, at, points, to }) => `  thresholds: ${level} from ${at}, for ${points} points of ${to.join(', ')}`,
    ),
    ...(facts.length > 0 ? ['', 'facts', ...facts] : []),
    ...(failures.length > 0 ? ['', 'failures', ...failures.map((one) => `  ${JSON.stringify(one)}`)] : []),
    ...(times.length > 0 ? ['', `time: ${times.join(', ')}`] : []),
  ].join('\n')
}
