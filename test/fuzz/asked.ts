/**
 * Listeners of kind `milter` and `policy` in front of which somebody says anything: commands in any order, frames and blocks that are none, octets
 * cut anywhere, and leaves at any point. Only what is an answer may come back, and no session may be left behind.
 */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import type { Listener } from '@postroad/listener'
import {
  COMMAND,
  FrameReader,
  FrameWriter,
  parseAnswer,
  type SaidCommand,
  writeCommand,
  writeMacros,
} from '@postroad/milter-protocol'
import { createMilterListener } from '@postroad/milter-protocol/server'
import { createPolicyListener } from '@postroad/policy-service'
import { BlockReader, formatBlock, parseAction } from '@postroad/policy-service/codec'
import type { AttachJudging } from '@postroad/smtp'
import fc from 'fast-check'
import type { Mood } from './checked-stages.ts'
import { type Judged, judgingStages } from './judging-stages.ts'
import { type FuzzOptions, type FuzzResult, moods, strayless } from './session.ts'

/** Whom somebody asks. */
export type AskedKind = 'milter' | 'policy'

interface Script {
  /** Each is said when there was time for an answer to the one before. */
  readonly pieces: readonly Buffer[]
  /** Where the pieces are cut in two. */
  readonly cuts: readonly number[]
  readonly moods: readonly Mood[]
  readonly ending: 'end' | 'destroy' | 'server'
}

const HOOKS = ['connect', 'helo', 'mail', 'rcpt', 'data', 'receive', 'message', 'rewrite']
const noise = fc.uint8Array({ maxLength: 40 }).map((octets) => Buffer.from(octets))

const path = fc.constantFrom(
  '<a@b.test>',
  '<>',
  'a',
  '<"a b"@b.test>',
  '<a@[192.0.2.1]>',
  '<\u00e4@b.test>',
  '<what is this',
  '',
)
const command: fc.Arbitrary<SaidCommand> = fc.oneof(
  fc.constantFrom<SaidCommand>(
    { kind: 'options', version: 6, actions: 0x1ff, steps: 0x1f_ffff },
    { kind: 'options', version: 2, actions: 0, steps: 0 },
    { kind: 'connect', name: 'c.test', family: 'inet', address: '192.0.2.1', port: 25 },
    { kind: 'connect', name: 'localhost', family: 'inet', address: '127.0.0.1', port: 0 },
    { kind: 'connect', name: '', family: 'unknown', address: '', port: 0 },
    { kind: 'helo', name: 'c.test' },
    { kind: 'data' },
    { kind: 'endOfHeader' },
    { kind: 'endOfMessage', data: Buffer.from('last') },
    { kind: 'abort' },
    { kind: 'quitSession' },
    { kind: 'quit' },
    { kind: 'unknown', command: 'FOO' },
  ),
  fc.record({
    kind: fc.constantFrom('mail' as const, 'rcpt' as const),
    path,
    parameters: fc.array(fc.constantFrom('SIZE=1', 'NOTIFY=NEVER', 'X', ''), { maxLength: 2 }),
  }),
  fc.record({ kind: fc.constant('header' as const), name: fc.constantFrom('A', '', 'a:b'), value: noise }),
  fc.record({ kind: fc.constantFrom('body' as const, 'endOfMessage' as const), data: noise }),
)

function frames(commands: readonly SaidCommand[]): Buffer {
  const out = new FrameWriter()
  for (const one of commands) writeCommand(out, one)
  return out.take()
}

const SESSION: readonly SaidCommand[] = [
  { kind: 'options', version: 6, actions: 0x1ff, steps: 0x1f_ffff },
  { kind: 'connect', name: 'c.test', family: 'inet', address: '192.0.2.1', port: 25 },
  { kind: 'helo', name: 'c.test' },
]
const MESSAGE: readonly SaidCommand[] = [
  { kind: 'mail', path: '<a@b.test>', parameters: [] },
  { kind: 'rcpt', path: '<c@d.test>', parameters: [] },
  { kind: 'data' },
  { kind: 'header', name: 'Subject', value: Buffer.from(' x') },
  { kind: 'endOfHeader' },
  { kind: 'body', data: Buffer.from('x\r\n') },
  { kind: 'endOfMessage', data: new Uint8Array() },
]
const macros = fc
  .tuple(
    fc.constantFrom(...Object.values(COMMAND)),
    fc.array(fc.tuple(fc.constantFrom('i', 'auth_authen', ''), fc.string())),
  )
  .map(([code, pairs]) => {
    const out = new FrameWriter()
    writeMacros(out, code, pairs)
    return out.take()
  })
const frame = fc.tuple(fc.nat(255), noise).map(([code, data]) => new FrameWriter().add(code, data).take())
const milterPieces = fc
  .tuple(
    fc.boolean(),
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: command.map((one) => frames([one])) },
        { weight: 4, arbitrary: fc.constant(frames(MESSAGE)) },
        { weight: 2, arbitrary: macros },
        { weight: 1, arbitrary: frame },
        { weight: 1, arbitrary: noise },
      ),
      { maxLength: 12 },
    ),
  )
  .map(([isGreeted, pieces]) => [...(isGreeted ? [frames(SESSION)] : []), ...pieces])

const question = fc
  .record({
    request: fc.constantFrom('smtpd_access_policy', 'smtpd_access_policy', 'smtpd_access_policy', 'other', ''),
    protocol_state: fc.constantFrom(
      'CONNECT',
      'EHLO',
      'MAIL',
      'RCPT',
      'RCPT',
      'RCPT',
      'DATA',
      'END-OF-MESSAGE',
      'VRFY',
      '',
      'NEW',
    ),
    client_address: fc.constantFrom('192.0.2.1', '2001:db8::1', 'unknown', ''),
    helo_name: fc.constantFrom('c.test', ''),
    sender: fc.constantFrom('a@b.test', '', 'a b@b.test', '\u00e4@b.test', '@'),
    recipient: fc.constantFrom('c@d.test', 'e@d.test', '', 'postmaster', '@'),
    recipient_count: fc.constantFrom('0', '1', '2', 'x'),
    instance: fc.constantFrom('1', '1', '2', ''),
  })
  .map((attributes) => Buffer.from(formatBlock(attributes)))
const policyPieces = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: question },
    { weight: 1, arbitrary: noise },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('\n', '\r\n\r\n', 'x=y\n', 'GET / HTTP/1.1\r\n', '=\n\n')
        .map((one) => Buffer.from(one)),
    },
  ),
  { maxLength: 10 },
)

/** Runs until the time is up. @throws the first thing that does not hold, with the script that shows it, shrunk */
export function fuzzAsked(kind: AskedKind, options: FuzzOptions): Promise<FuzzResult> {
  const scripts: fc.Arbitrary<Script> = fc.record({
    pieces: kind === 'milter' ? milterPieces : policyPieces,
    cuts: fc.array(fc.nat(4_000), { minLength: 1, maxLength: 20 }),
    moods: fc.array(moods, { minLength: 1, maxLength: 40 }),
    ending: fc.constantFrom('end', 'destroy', 'server'),
  })
  return strayless(scripts, (script) => play(kind, script), options)
}

/** Messages that came to their end. */
async function play(kind: AskedKind, script: Script): Promise<number> {
  const seen: Judged[] = []
  const faults: unknown[] = []
  let calls = 0
  const attach: AttachJudging = (wire) => {
    const one: Judged = { closed: 0, messages: 0, stuck: false, held: 0 }
    seen.push(one)
    return judgingStages(one, () => script.moods[calls++ % script.moods.length] ?? 'yes', wire)
  }
  const options = {
    name: 'fuzz',
    hostname: 'mx.test',
    onError: (error: unknown) => {
      // An assertion is said by stages, and what stages throw is said to the operator.
      const isExpected =
        error instanceof Error &&
        (error.message.startsWith('fuzz: ') || /^(?:Milter|PolicyProtocol)Error$/.test(error.name))
      if (!isExpected) faults.push(error)
    },
  }
  const listener =
    kind === 'milter'
      ? createMilterListener(options, { hooks: new Set(HOOKS), tags: false, attach })
      : createPolicyListener(options, attach)
  await listener.listen()
  const heard = await talk(listener, script)
  await listener.close(0)
  assert.deepEqual(faults, [])
  assert.equal(listener.connections, 0)
  // Judgements that came after the end are freed, too.
  for (let turn = 0; turn < 20 && seen.some(({ held }) => held > 0); turn++) await new Promise(setImmediate)
  for (const { closed, held } of seen) assert.deepEqual({ closed, held }, { closed: 1, held: 0 })
  if (kind === 'milter') readAnswers(heard)
  else readActions(heard)
  return seen.reduce((sum, { messages }) => sum + messages, 0)
}

/** Whole frames, each an answer; the last may be cut off with the connection. */
function readAnswers(octets: Buffer): void {
  const reader = new FrameReader()
  reader.push(octets)
  for (let one = reader.next(); one; one = reader.next()) {
    const answer = parseAnswer({ code: one.code, data: Buffer.from(one.data) })
    if (answer.kind !== 'reply') continue
    assert.ok(answer.code >= 400 && answer.code < 600)
    for (const line of answer.lines) assert.match(line, /^[\x20-\x7e]*$/)
  }
}

function readActions(octets: Buffer): void {
  const reader = new BlockReader()
  for (let at = 0; at < octets.length; ) {
    const block = reader.read(octets, at)
    if (!block) return
    at += block.used
    assert.deepEqual([...block.attributes.keys()], ['action'])
    const answer = parseAction(block.attributes.get('action') ?? '')
    assert.ok(answer.kind !== 'unknown' && answer.kind !== 'ok', JSON.stringify(answer))
  }
}

async function talk({ address }: Listener, { pieces, cuts, ending }: Script): Promise<Buffer> {
  const port = 'port' in address ? address.port : 0
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true })
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  for (const [index, piece] of pieces.entries()) {
    if (socket.destroyed) break
    const cut = (cuts[index % cuts.length] ?? 0) % (piece.length + 1)
    const count = chunks.length
    socket.write(piece.subarray(0, cut))
    await new Promise(setImmediate)
    socket.write(piece.subarray(cut))
    // Some wait for the answer, and some do not.
    for (let turn = 0; turn < cut % 16 && chunks.length === count && !socket.destroyed; turn++)
      await new Promise((resolve) => setTimeout(resolve, 1))
  }
  if (ending === 'destroy') socket.destroy()
  else if (ending === 'end') socket.end()
  await new Promise((resolve) => setTimeout(resolve, 5))
  socket.destroy()
  return Buffer.concat(chunks)
}
