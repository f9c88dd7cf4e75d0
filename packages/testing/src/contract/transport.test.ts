/** The contract of transports, held against one that keeps it and against one that breaks each of its clauses. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Job, MessageSource, Outcome, Recipient } from '@postroad/mail'
import { transportClauses, transportContract } from './transport.ts'
import type { Arrived, Scenario, TransportContractOptions, TransportFixture } from './transport-fixture.ts'

const OK = { code: 250, text: 'Ok' }
const LATER = { code: 451, text: 'Later' }
const NO = { code: 550, text: 'No' }

/** What a transport of this file does at each step; each broken one does one of them wrong. */
interface Steps {
  read(message: MessageSource, take: (octets: Uint8Array) => void): Promise<void>
  /** Waits for an answer that never comes. */
  wait(signal: AbortSignal): Promise<void>
  isGivenUp(signal: AbortSignal): boolean
  gone(): Outcome['kind']
  fate(recipient: Recipient, scenario: Scenario | undefined): Outcome['kind']
  outcomes(all: readonly Outcome[]): readonly Outcome[]
  unread(error: unknown): Outcome['kind']
  local(recipient: Recipient): string
  start(): void
  close(): void
}

const GOOD: Steps = {
  async read(message, take) {
    for await (const chunk of message.raw()) take(chunk)
  },
  wait: (signal) =>
    new Promise((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    }),
  isGivenUp: (signal) => signal.aborted,
  gone: () => 'deferred',
  fate: ({ address: { local } }, scenario) =>
    scenario !== 'choosy' || !['unknown', 'busy'].includes(local)
      ? 'delivered'
      : local === 'busy'
        ? 'deferred'
        : 'failed',
  outcomes: (all) => all,
  unread: () => 'deferred',
  local: ({ address }) => address.local,
  start: () => undefined,
  close: () => undefined,
}

/** A transport that carries mail into an array. */
function contractWith(changes: Partial<Steps>): TransportContractOptions {
  const steps: Steps = { ...GOOD, ...changes }
  return { name: 'into an array', patience: 60, open: async (scenario) => fixture(steps, scenario) }
}

function fixture(steps: Steps, scenario: Scenario | undefined): TransportFixture {
  const arrived: Arrived[] = []
  let octets = 0
  const carry = async (job: Job): Promise<readonly Outcome[]> => {
    const say = (kind: Outcome['kind'], recipient: Recipient): Outcome => ({
      recipient,
      kind,
      reply: kind === 'delivered' ? OK : kind === 'failed' ? NO : LATER,
    })
    const all = (kind: Outcome['kind']) => steps.outcomes(job.recipients.map((recipient) => say(kind, recipient)))
    steps.start()
    if (steps.isGivenUp(job.signal)) return all('deferred')
    if (scenario === 'gone') return all(steps.gone())
    if (scenario === 'silent') return steps.wait(job.signal).then(() => all('deferred'))
    const chunks: Uint8Array[] = []
    try {
      await steps.read(job.message, (chunk) => {
        octets += chunk.length
        chunks.push(Uint8Array.from(chunk))
      })
    } catch (error) {
      return all(steps.unread(error))
    }
    if (scenario === 'mute') return all('deferred').map((outcome) => ({ uncertain: true, ...outcome }))
    const fates = job.recipients.map((recipient) => say(steps.fate(recipient, scenario), recipient))
    for (const { recipient, kind } of fates)
      if (kind === 'delivered') arrived.push({ to: `${steps.local(recipient)}@to.test`, octets: Buffer.concat(chunks) })
    return steps.outcomes(fates)
  }
  return {
    transport: { deliver: carry, close: async () => steps.close() },
    route: { via: 'array' },
    place: { arrived: () => arrived, octets: () => octets },
    close: async () => undefined,
  }
}

transportContract(contractWith({}))

let kept: NodeJS.Timeout | undefined
const collected: MessageSource[] = []

/** Name of the clause, what breaks it, and what the author is told. */
const BROKEN: readonly (readonly [clause: RegExp, steps: Partial<Steps>, sentence: RegExp])[] = [
  [/^one outcome/, { outcomes: (all) => all.slice(1) }, /one outcome for each recipient/],
  [
    /^one outcome/,
    { outcomes: (all) => all.map((one) => ({ ...one, recipient: { ...one.recipient } })) },
    /`recipient` is the very object of the job/,
  ],
  [
    /^one outcome/,
    { outcomes: (all) => all.map((one) => ({ ...one, reply: LATER })) },
    /the outcome is "delivered", and its reply 451/,
  ],
  [/^what was given arrives/, { read: unstuffing }, /dots got .* in place of/],
  [
    /not in memory/,
    {
      read: async (message, take) => {
        for (const chunk of message.chunks?.() ?? []) take(chunk)
      },
    },
    /got "" .* in place of "Subject: x/,
  ],
  [/^RFC 6531/, { local: ({ address }) => address.local.replace(/[^\x20-\x7e]/g, '?') }, /用户 got 0 messages/],
  [/null reverse-path/, { fate: () => 'failed' }, /failed: 550/],
  [/^a large message/, { read: collecting }, /octets were read, and the place has 0: pass on what is read/],
  [/tried again/, { read: scribbling }, /the octets of the message were changed/],
  [/^twenty jobs/, { read: mixing }, /in place of/],
  [/fired before/, { isGivenUp: () => false, fate: () => 'failed' }, /giving up is no refusal/],
  [
    /fired before/,
    { isGivenUp: () => false, read: () => new Promise(() => undefined) },
    /goes on although its signal fired/,
  ],
  [/cannot be read/, { unread: () => 'delivered' }, /a part is missing is not delivered/],
  [/^nobody there/, { gone: () => 'failed' }, /somebody may be tomorrow/],
  [
    /^nobody there/,
    {
      gone: () => {
        throw new Error('ECONNREFUSED')
      },
    },
    /deliver\(\) rejected, where it must resolve to outcomes: Error: ECONNREFUSED/,
  ],
  [
    /^nobody answers/,
    { wait: () => new Promise(() => undefined) },
    /goes on after its signal fired: end the connection then/,
  ],
  [/fate of its own/, { fate: () => 'delivered' }, /Expected values to be strictly deep-equal/],
  [/^RFC 1047/, { outcomes: (all) => all.map((one) => ({ ...one, uncertain: false })) }, /say `uncertain`/],
  [
    /^closing lets/,
    { start: () => void (kept = setInterval(() => undefined, 1_000).unref()) },
    /a timer opened .*transport\.test\.ts/,
  ],
  [/^closing while/, { wait: () => new Promise(() => undefined) }, /goes on after the signal fired/],
]

async function unstuffing(message: MessageSource, take: (octets: Uint8Array) => void): Promise<void> {
  for await (const chunk of message.raw())
    take(Buffer.from(Buffer.from(chunk).toString('latin1').replaceAll('\r\n..', '\r\n.'), 'latin1'))
}

async function collecting(message: MessageSource, take: (octets: Uint8Array) => void): Promise<void> {
  const chunks: Uint8Array[] = []
  for await (const chunk of message.raw()) chunks.push(chunk)
  for (const chunk of chunks) take(chunk)
}

async function scribbling(message: MessageSource, take: (octets: Uint8Array) => void): Promise<void> {
  for (const chunk of message.chunks?.() ?? []) take(chunk.fill(46))
}

/** Reads the message that came last, whoever asks. */
async function mixing(message: MessageSource, take: (octets: Uint8Array) => void): Promise<void> {
  collected.push(message)
  await turn()
  await GOOD.read(collected.at(-1) ?? message, take)
}

describe('the transport contract finds', () => {
  for (const [name, steps, sentence] of BROKEN)
    test(`${name.source.replace(/[\\^]/g, '')}: ${sentence.source.slice(0, 60)}`, async () => {
      const [, run] = [...transportClauses(contractWith(steps))].find(([title]) => name.test(title)) ?? []
      assert.ok(run, name.source)
      await assert.rejects(run(), sentence)
      clearInterval(kept)
    })

  test('every clause is broken by some transport above', () => {
    const unbroken = [...transportClauses(contractWith({})).keys()].filter(
      (title) => !BROKEN.some(([name]) => name.test(title)),
    )
    assert.deepEqual(unbroken, [])
  })
})
