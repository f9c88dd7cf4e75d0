/** What the contract of transports stands on: a transport, the place its mail goes to, and jobs. */
import assert from 'node:assert/strict'
import {
  type Job,
  type MessageSource,
  type Outcome,
  parseAddress,
  type Recipient,
  type Transport,
} from '@postroad/mail'
import type { Route } from '@postroad/plugin'

/**
 * What is wrong where the mail goes: `gone`, nobody is there; `silent`, somebody is there and says nothing; `choosy`, `unknown@` is refused
 * for good and `busy@` for now; `mute`, a message is taken whole and then the connection breaks without an answer.
 */
export type Scenario = 'gone' | 'silent' | 'choosy' | 'mute'

/** Every {@link Scenario}. */
export const SCENARIOS: readonly Scenario[] = ['gone', 'silent', 'choosy', 'mute']

/** A message at the end of its way. */
export interface Arrived {
  /** Of one recipient. */
  readonly to: string
  /** The octets; the transport may have put header fields on top. */
  readonly octets: Uint8Array
}

/** The place where mail arrives. */
export interface TransportPlace {
  /** A row for each recipient, in any order. */
  arrived(): readonly Arrived[] | Promise<readonly Arrived[]>
  /** How many octets have come so far, about: of messages under way too. */
  octets(): number | Promise<number>
}

/** A fresh transport and where its mail goes. */
export interface TransportFixture {
  readonly transport: Transport
  readonly route: Route
  /** Undefined when what is delivered is nowhere to be found. */
  readonly place?: TransportPlace
  /** Closes what is not the transport. */
  close(): Promise<void>
}

/** How the contract is held against a transport. */
export interface TransportContractOptions {
  readonly name: string
  /** A fresh transport, and a place in this scenario. */
  open(scenario?: Scenario): Promise<TransportFixture>
  /** Scenarios there can be. Default: all; a transport without a network has fewer. */
  readonly scenarios?: readonly Scenario[]
  /** Milliseconds, really, for what must end at once. Default 1,000. */
  readonly patience?: number
}

/** A message that counts how it is read. */
export function messageOf(octets: Uint8Array, isInMemory = true): MessageSource {
  return {
    size: octets.length,
    async *raw() {
      // In pieces, as a file would come.
      for (let at = 0; at < octets.length; at += 1_000) yield octets.subarray(at, at + 1_000)
    },
    ...(isInMemory && { chunks: () => [octets.subarray(0, octets.length >> 1), octets.subarray(octets.length >> 1)] }),
  }
}

/** A recipient; `local` may be outside ASCII. */
export function recipientOf(local: string): Recipient {
  const address = parseAddress(`${local}@to.test`, { smtputf8: true })
  assert.ok(address, local)
  return { address, parameters: {} }
}

/** A job, and what it is made of where that matters. */
export function jobOf({ route }: TransportFixture, to: readonly string[], changes: Partial<Job> = {}): Job {
  return {
    route,
    from: parseAddress('sender@from.test'),
    parameters: {},
    recipients: to.map(recipientOf),
    message: messageOf(Buffer.from('Subject: x\r\n\r\nHello\r\n')),
    signal: new AbortController().signal,
    ...changes,
  }
}

/** What became of a job, checked for form: one outcome a recipient, the objects of the job, codes that say what the kind says. */
export function checkOutcomes(job: Job, outcomes: readonly Outcome[]): void {
  assert.deepEqual(
    outcomes.map(({ recipient }) => job.recipients.indexOf(recipient)).sort((a, b) => a - b),
    job.recipients.map((_, i) => i),
    'one outcome for each recipient, and `recipient` is the very object of the job: who asked looks it up by identity',
  )
  for (const { kind, reply } of outcomes) {
    const fits = kind === 'delivered' ? [2] : kind === 'failed' ? [5] : [4, 5]
    assert.ok(
      fits.includes(Math.floor(reply.code / 100)),
      `the outcome is "${kind}", and its reply ${reply.code} does not say that`,
    )
    assert.equal(typeof reply.text, 'string', 'a reply has a text')
  }
}

/** The work's result, or a failure when it takes longer than it may. */
export async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: what })), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
