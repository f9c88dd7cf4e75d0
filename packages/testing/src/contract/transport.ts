/** What every transport must do, whatever it carries mail with: ours and those of plugins alike. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Job, MessageSource, Outcome } from '@postroad/mail'
import { watchLeaks } from '../leak.ts'
import {
  checkOutcomes,
  jobOf,
  messageOf,
  SCENARIOS,
  type Scenario,
  type TransportContractOptions,
  type TransportFixture,
  type TransportPlace,
  within,
} from './transport-fixture.ts'

/**
 * Registers the tests of the transport contract.
 *
 * @example transportContract({ name: 'pigeon', open: async (scenario) => ({ transport: pigeon(loft), route: { via: 'pigeon' }, place: loft, close }) })
 */
export function transportContract(options: TransportContractOptions): void {
  describe(`transport contract: ${options.name}`, () => {
    for (const [name, run] of transportClauses(options)) test(name, run)
  })
}

/** A clause on its fixture. */
type Clause = (fixture: TransportFixture, patience: number) => Promise<void>

/** The clauses that concern this transport, by name. */
export function transportClauses(options: TransportContractOptions): ReadonlyMap<string, () => Promise<void>> {
  const { scenarios = SCENARIOS, patience = 1_000 } = options
  const clauses: readonly (readonly [name: string, clause: Clause, scenario?: Scenario])[] = [
    ['one outcome for each recipient, of the very objects of the job', outcomes],
    ['what was given arrives: text, octets beyond ASCII, lines of dots, no body, nothing at all', arrives],
    ['a message that is not in memory arrives like one that is', streamed],
    ['RFC 6531: addresses and header fields outside ASCII arrive as they are', beyondAscii],
    ['RFC 5321 §4.5.5: the null reverse-path', nullPath],
    ['a large message is passed on as it is read, and not collected first', large],
    ['a job can be tried again: what was given is left as it is', again],
    ['twenty jobs at once do not mix', atOnce],
    ['a signal that fired before: it ends at once, and nobody is refused for good', abortedBefore],
    ['a message that cannot be read is deferred', unreadable],
    ['nobody there: deferred, never a rejection', gone, 'gone'],
    ['nobody answers: when the signal fires it ends at once, deferred', silent, 'silent'],
    ['each recipient has a fate of its own', choosy, 'choosy'],
    ['RFC 1047: no answer after the whole message is deferred, and said to be uncertain', mute, 'mute'],
    ['closing lets what is under way end, and leaves nothing behind', closes],
    ['closing while nobody answers leaves nothing behind once the signal fires', closesSilent, 'silent'],
  ]
  const concerned = clauses.filter(([, , scenario]) => scenario === undefined || scenarios.includes(scenario))
  return new Map(
    concerned.map(([name, clause, scenario]) => [name, () => onFixture(clause, { options, scenario, patience })]),
  )
}

interface Terms {
  readonly options: TransportContractOptions
  readonly scenario: Scenario | undefined
  readonly patience: number
}

async function onFixture(clause: Clause, { options, scenario, patience }: Terms): Promise<void> {
  const fixture = await options.open(scenario)
  try {
    await clause(fixture, patience)
  } finally {
    await fixture.transport.close()
    await fixture.close()
  }
}

/** One attempt; its outcomes in the order of the recipients. */
async function deliver({ transport }: TransportFixture, job: Job): Promise<readonly Outcome[]> {
  const given = await transport.deliver(job).catch((error: unknown) => {
    throw new assert.AssertionError({ message: `deliver() rejected, where it must resolve to outcomes: ${error}` })
  })
  checkOutcomes(job, given)
  return [...given].sort((a, b) => job.recipients.indexOf(a.recipient) - job.recipients.indexOf(b.recipient))
}

const kinds = (all: readonly Outcome[]): readonly string[] => all.map(({ kind }) => kind)

async function delivers(fixture: TransportFixture, to: readonly string[], changes: Partial<Job> = {}): Promise<void> {
  const said = await deliver(fixture, jobOf(fixture, to, changes))
  for (const { kind, reply } of said) assert.equal(kind, 'delivered', `${kind}: ${reply.code} ${reply.text}`)
}

/** What arrived for one recipient, the last of it being `octets`. */
async function hasArrived({ place }: TransportFixture, to: string, octets: Uint8Array): Promise<void> {
  if (place === undefined) return
  const found = (await place.arrived()).filter((one) => one.to.startsWith(`${to}@`))
  assert.equal(found.length, 1, `${to} got ${found.length} messages`)
  const [got] = found
  const tail = Buffer.from(got?.octets ?? []).subarray(-octets.length || Number.MAX_SAFE_INTEGER)
  assert.ok(tail.equals(octets), `${to} got ${shown(tail)} in place of ${shown(octets)}`)
}

function shown(octets: Uint8Array): string {
  return `${JSON.stringify(Buffer.from(octets.subarray(0, 120)).toString('latin1'))} (${octets.length} octets)`
}

async function outcomes(fixture: TransportFixture): Promise<void> {
  await delivers(fixture, ['a', 'b', 'c'])
  for (const to of ['a', 'b', 'c']) await hasArrived(fixture, to, Buffer.from('Subject: x\r\n\r\nHello\r\n'))
}

const MESSAGES: Readonly<Record<string, Buffer>> = {
  text: Buffer.from('Subject: x\r\n\r\nHello\r\n'),
  octets: Buffer.concat([
    Buffer.from('Subject: x\r\n\r\n'),
    Buffer.from(Array.from({ length: 128 }, (_, i) => 128 + i)),
    Buffer.from('\r\n'),
  ]),
  dots: Buffer.from('Subject: x\r\n\r\n.\r\n..\r\n.x\r\nx.\r\n\r\n.\r\n'),
  pieces: Buffer.from(`Subject: x\r\n\r\n${'.\r\n'.repeat(2_000)}`),
  fields: Buffer.from('Subject: x\r\n\r\n'),
  nothing: Buffer.alloc(0),
}

async function arrives(fixture: TransportFixture): Promise<void> {
  for (const [to, octets] of Object.entries(MESSAGES)) {
    await delivers(fixture, [to], { message: messageOf(octets), parameters: { body: '8BITMIME' } })
    await hasArrived(fixture, to, octets)
  }
}

async function streamed(fixture: TransportFixture): Promise<void> {
  for (const [to, octets] of Object.entries(MESSAGES)) {
    await delivers(fixture, [to], { message: messageOf(octets, false), parameters: { body: '8BITMIME' } })
    await hasArrived(fixture, to, octets)
  }
}

async function beyondAscii(fixture: TransportFixture): Promise<void> {
  const octets = Buffer.from('From: jörg@bücher.test\r\nSubject: 件名\r\n\r\nGrüße\r\n')
  await delivers(fixture, ['用户'], { message: messageOf(octets), parameters: { smtputf8: true, body: '8BITMIME' } })
  await hasArrived(fixture, '用户', octets)
}

async function nullPath(fixture: TransportFixture): Promise<void> {
  await delivers(fixture, ['a'], { from: undefined })
}

const LARGE = 8_388_608
/** Octets that may be under way: read from the source, and not at the place yet. */
const UNDER_WAY = 2_097_152

async function large(fixture: TransportFixture, patience: number): Promise<void> {
  const { place } = fixture
  const line = Buffer.from(`${'x'.repeat(76)}\r\n`.repeat(840))
  const count = Math.ceil(LARGE / line.length)
  let given = 0
  let behind = ''
  const message: MessageSource = {
    size: line.length * count,
    async *raw() {
      for (let i = 0; i < count; i++) {
        yield line
        given += line.length
        if (place && behind === '') behind = await catchUp(place, { given, patience: 5 * patience })
      }
    },
  }
  const said = await deliver(fixture, jobOf(fixture, ['a'], { message }))
  assert.equal(behind, '')
  assert.deepEqual(kinds(said), ['delivered'])
  const all = await place?.arrived()
  if (all) assert.ok((all[0]?.octets.length ?? 0) >= message.size, 'all of it arrived')
}

/** Who passes on what it reads is ahead of the place by what buffers hold; who collects, by everything: a sentence about that, or none. */
async function catchUp(
  place: TransportPlace,
  { given, patience }: { readonly given: number; readonly patience: number },
): Promise<string> {
  const until = performance.now() + patience
  while (given - (await place.octets()) > UNDER_WAY) {
    if (performance.now() > until)
      return `${given} octets were read, and the place has ${await place.octets()}: pass on what is read`
    await turn()
  }
  return ''
}

async function again(fixture: TransportFixture): Promise<void> {
  const octets = Buffer.from('Subject: x\r\n\r\n.a\r\n.b\r\n')
  const message = messageOf(octets)
  const job = Object.freeze(jobOf(fixture, ['a'], { message, parameters: Object.freeze({ size: octets.length }) }))
  for (const kept of [job.recipients, ...job.recipients]) Object.freeze(kept)
  const [first, second] = [
    await deliver(fixture, job),
    await deliver(fixture, { ...job, recipients: jobOf(fixture, ['b']).recipients }),
  ]
  assert.deepEqual([...kinds(first), ...kinds(second)], ['delivered', 'delivered'])
  assert.equal(octets.toString(), 'Subject: x\r\n\r\n.a\r\n.b\r\n', 'the octets of the message were changed')
  for (const to of ['a', 'b']) await hasArrived(fixture, to, octets)
}

async function atOnce(fixture: TransportFixture): Promise<void> {
  const all = Array.from({ length: 20 }, (_, i) => ({
    to: `r${i}x`,
    octets: Buffer.from(`Subject: ${i}\r\n\r\n${`line ${i}\r\n`.repeat(500)}`),
  }))
  await Promise.all(
    all.map(({ to, octets }, i) => delivers(fixture, [to], { message: messageOf(octets, i % 2 === 0) })),
  )
  for (const { to, octets } of all) await hasArrived(fixture, to, octets)
}

async function abortedBefore(fixture: TransportFixture, patience: number): Promise<void> {
  const job = jobOf(fixture, ['a', 'b'], { signal: AbortSignal.abort(new Error('the test gives up')) })
  const said = await within(
    patience,
    deliver(fixture, job),
    'deliver() goes on although its signal fired before it began',
  )
  assert.ok(!kinds(said).includes('failed'), 'giving up is no refusal: the outcome is "deferred"')
}

async function unreadable(fixture: TransportFixture, patience: number): Promise<void> {
  if (fixture.place === undefined) return
  const message: MessageSource = {
    size: 1_000,
    async *raw() {
      yield Buffer.from('Subject: x\r\n\r\n')
      throw new Error('the disk is gone, as the test wants')
    },
  }
  const job = jobOf(fixture, ['a', 'b'], { message })
  const said = await within(patience, deliver(fixture, job), 'deliver() hangs when the message cannot be read')
  assert.deepEqual(kinds(said), ['deferred', 'deferred'], 'a message of which a part is missing is not delivered')
  assert.deepEqual(await fixture.place.arrived(), [], 'a part of a message arrived')
}

async function gone(fixture: TransportFixture, patience: number): Promise<void> {
  const said = await within(
    5 * patience,
    deliver(fixture, jobOf(fixture, ['a', 'b'])),
    'deliver() hangs when nobody is there',
  )
  assert.deepEqual(kinds(said), ['deferred', 'deferred'], 'where nobody is there somebody may be tomorrow')
}

async function silent(fixture: TransportFixture, patience: number): Promise<void> {
  const giveUp = new AbortController()
  const work = deliver(fixture, jobOf(fixture, ['a', 'b'], { signal: giveUp.signal }))
  await aLittle()
  giveUp.abort(new Error('the test gives up'))
  const said = await within(patience, work, 'deliver() goes on after its signal fired: end the connection then')
  assert.deepEqual(kinds(said), ['deferred', 'deferred'])
}

async function choosy(fixture: TransportFixture): Promise<void> {
  const said = await deliver(fixture, jobOf(fixture, ['a', 'unknown', 'busy', 'b']))
  assert.deepEqual(kinds(said), ['delivered', 'failed', 'deferred', 'delivered'])
  for (const to of ['a', 'b']) await hasArrived(fixture, to, Buffer.from('Subject: x\r\n\r\nHello\r\n'))
  const others = await deliver(fixture, jobOf(fixture, ['unknown', 'busy']))
  assert.deepEqual(kinds(others), ['failed', 'deferred'], 'also where nobody is left to deliver to')
  await delivers(fixture, ['c'])
}

async function mute(fixture: TransportFixture, patience: number): Promise<void> {
  const said = await within(
    5 * patience,
    deliver(fixture, jobOf(fixture, ['a', 'b'])),
    'deliver() hangs when no answer comes',
  )
  assert.deepEqual(kinds(said), ['deferred', 'deferred'], 'without an answer nothing is delivered')
  assert.deepEqual(
    said.map(({ uncertain }) => uncertain === true),
    [true, true],
    'the message may have arrived: say `uncertain`, for the next attempt may make a duplicate',
  )
}

async function closes(fixture: TransportFixture, patience: number): Promise<void> {
  const leaks = watchLeaks(patience)
  const work = deliver(fixture, jobOf(fixture, ['a', 'b']))
  const [said] = await within(
    5 * patience,
    Promise.all([work, fixture.transport.close()]),
    'close(), or what was under way, never ends',
  )
  assert.ok(!kinds(said).includes('failed'), 'closing is no refusal: the outcome is "delivered" or "deferred"')
  await fixture.transport.close()
  await fixture.close()
  assert.deepEqual(await leaks.end(), [], 'closed')
}

async function closesSilent(fixture: TransportFixture, patience: number): Promise<void> {
  const leaks = watchLeaks(patience)
  const giveUp = new AbortController()
  const work = deliver(fixture, jobOf(fixture, ['a'], { signal: giveUp.signal }))
  await aLittle()
  const closing = fixture.transport.close()
  giveUp.abort(new Error('the test gives up'))
  await within(patience, Promise.all([work, closing]), 'close() or what was under way goes on after the signal fired')
  await fixture.close()
  assert.deepEqual(await leaks.end(), [], 'closed')
}

/** So many turns of the event loop that a connection on this machine is there. */
async function aLittle(): Promise<void> {
  for (let i = 0; i < 100; i++) await turn()
}
