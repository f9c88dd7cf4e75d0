/** Brings one message to the host of a cell, by the transport that queues use, and says what became of it. */
import { channel } from 'node:diagnostics_channel'
import { smtpTransport } from '@postroad/delivery'
import { type Asker, zoneDns } from '@postroad/dns'
import { memorySource, type Outcome, parseAddress, type TlsQuestion } from '@postroad/mail'
import { createSink, type Sink, type SinkOptions, type SinkStep } from '@postroad/testing'
import { findDane } from '@postroad/tls-policy'
import type { Cell, ServerState } from './cell.ts'
import { identities } from './certificate.ts'
import { literalZone } from './literal-zone.ts'
import { domainOf, FIRST, SECOND } from './place.ts'

/** What was seen, in the words of `Cell.expected`; and how many messages the servers were given. */
export interface Seen {
  readonly shown: string
  /** The reply that decided. */
  readonly reply: string
  readonly messages: number
}

/** The two hosts of a cell. */
export interface Hosts extends AsyncDisposable {
  readonly port: number
  /** Messages that both have been given. */
  count(): number
}

/** Starts both hosts of a cell; on a free port when none is said. */
export async function startHosts(cell: Cell, port?: number): Promise<Hosts> {
  const first = await createSink({ host: FIRST, ...(port !== undefined && { port }), ...sinkOf(cell.server) })
  const second = await createSink({ host: SECOND, port: first.port, ...sinkOf({ chain: ['ee'], starttls: 'works' }) })
  return {
    port: first.port,
    count: () => countOf([first, second]),
    async [Symbol.asyncDispose]() {
      await Promise.all([first.close(), second.close()])
    },
  }
}

/** Runs a cell over its literal zone. */
export async function runCell(cell: Cell): Promise<Seen> {
  await using hosts = await startHosts(cell)
  return await runOver(cell, hosts, zoneDns(literalZone(cell, hosts.port)))
}

/** Runs a cell over what this resolver says. */
export async function runOver(cell: Cell, { port, count }: Hosts, dns: Asker): Promise<Seen> {
  const failures: string[] = []
  const heard = (message: unknown) => {
    const { error } = message as { readonly error?: { readonly failure?: string } } // what the channel carries
    if (error?.failure !== undefined) failures.push(error.failure)
  }
  const sessions = channel('postroad:tls')
  sessions.subscribe(heard)
  try {
    const outcome = await deliver(cell, { dns, port, onRefusal: (failure) => failures.push(failure) })
    return { shown: shownOf(outcome, failures), reply: outcome.reply.text, messages: count() }
  } finally {
    sessions.unsubscribe(heard)
  }
}

/** A message arrives exactly once where it is delivered, and never where it is not. */
export function isAsExpected({ expected }: Cell, { shown, messages }: Seen): boolean {
  const isDelivered = !/^(?:skipped|deferred|failed)/.test(expected)
  return shown === expected && messages === (isDelivered ? 1 : 0)
}

interface Run {
  readonly dns: Asker
  readonly port: number
  onRefusal(failure: string): void
}

async function deliver(cell: Cell, { dns, port, onRefusal }: Run): Promise<Outcome> {
  const insecureMx = cell.mx === 'insecure, tried' ? 'try' : 'off'
  const tlsPolicy = async (question: TlsQuestion, signal: AbortSignal) => {
    const { answer } = await findDane(question, { dns, signal, insecureMx, now: Date.now })
    if (answer && 'refusal' in answer) onRefusal(answer.failure)
    return answer
  }
  const transport = smtpTransport({ hostname: 'client.test', dns, port, tlsPolicy, timeouts: { connect: 2_000 } })
  try {
    const address = parseAddress(`someone@${domainOf(cell)}`)
    if (!address) throw new TypeError('the address of the matrix is none')
    const [outcome] = await transport.deliver({
      route: { via: 'smtp' },
      from: parseAddress('sender@from.test'),
      parameters: {},
      recipients: [{ address, parameters: {} }],
      message: memorySource([Buffer.from('Subject: x\r\n\r\nHello\r\n')]),
      signal: AbortSignal.timeout(60_000),
    })
    if (!outcome) throw new TypeError('nothing became of the message')
    return outcome
  } finally {
    await transport.close()
  }
}

function shownOf({ kind, tls }: Outcome, failures: readonly string[]): string {
  if (kind === 'failed') return 'failed'
  if (kind === 'deferred') return failures.length === 0 ? 'deferred' : `skipped ${failures[0]}`
  if (tls === undefined) return 'clear'
  return tls.verified ?? (tls.policy === 'dane' ? 'encrypted' : 'unauthenticated')
}

function countOf(sinks: readonly Sink[]): number {
  return sinks.reduce((sum, { transactions }) => sum + transactions.length, 0)
}

function sinkOf({ chain, starttls }: ServerState): SinkOptions {
  const all: Readonly<Record<string, { readonly key: string; readonly cert: string }>> = identities
  const shown = chain.map((name) => all[name] ?? never(name))
  const certificate = { key: shown[0]?.key ?? never('none'), cert: shown.map(({ cert }) => cert).join('') }
  const answering = (answer: ReturnType<NonNullable<SinkOptions['script']>>): SinkOptions => ({
    certificate,
    script: ({ verb }) => (verb === 'STARTTLS' ? answer : undefined),
  })
  switch (starttls) {
    case 'works':
      return { certificate }
    case 'not offered':
      return {}
    case '454':
      return answering('454 4.7.0 TLS is not available now')
    case '502':
      return answering('502 5.5.1 STARTTLS is not known')
    case 'garbage':
      return {
        extensions: ['PIPELINING', 'STARTTLS'],
        script: answering({ raw: '220 2.0.0 Go\r\nthis is no TLS\r\n' }).script ?? never('script'),
      }
    case 'closes':
      return answering({ reply: '220 2.0.0 Go', end: 'close' })
    case 'fewer keywords after':
      return {
        certificate,
        script: ({ verb, isSecure }: SinkStep) => (verb === 'EHLO' && isSecure ? '250 sink.test' : undefined),
      }
  }
}

function never(name: string): never {
  throw new TypeError(`there is no certificate "${name}"`)
}
