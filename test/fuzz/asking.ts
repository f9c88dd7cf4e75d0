/** Filters and services that say anything, and the plugins that ask them: each message has an answer in time, and no connection stays. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { milter } from '@postroad/milter'
import {
  ACTION,
  type Answer,
  agree,
  FrameReader,
  FrameWriter,
  parseCommand,
  STEP,
  writeAnswer,
} from '@postroad/milter-protocol'
import { policy } from '@postroad/policy'
import { sessionWith } from '@postroad/testing'
import fc from 'fast-check'
import type { AskedKind } from './asked.ts'
import { type FuzzOptions, type FuzzResult, strayless } from './session.ts'

/** What is said to a question: what is right, octets, nothing, or the end. */
type Said = 'well' | 'silence' | 'end' | Buffer

interface Script {
  readonly says: readonly Said[]
  readonly onError: 'defer' | 'pass' | 'reject'
}

const noise = fc.uint8Array({ maxLength: 60 }).map((octets) => Buffer.from(octets))
const field = { name: 'X', value: Buffer.from(' y') }
const answers = fc.constantFrom<Answer>(
  { kind: 'continue' },
  { kind: 'accept' },
  { kind: 'reject' },
  { kind: 'tempfail' },
  { kind: 'discard' },
  { kind: 'skip' },
  { kind: 'shutdown' },
  { kind: 'connectionFailure' },
  { kind: 'progress' },
  { kind: 'options', version: 6, actions: 0, steps: 0 },
  { kind: 'reply', code: 550, lines: ['No 100% %s'] },
  { kind: 'addHeader', ...field },
  { kind: 'insertHeader', index: 4_294_967_295, ...field },
  { kind: 'changeHeader', index: 3, name: '', value: Buffer.alloc(0) },
  { kind: 'replaceBody', data: Buffer.from('x\r\n') },
  { kind: 'addRcpt', path: '<c@d.test>', parameters: ['NOTIFY=NEVER'] },
  { kind: 'deleteRcpt', path: '<b@mx.test>' },
  { kind: 'changeFrom', path: '<>', parameters: [] },
  { kind: 'quarantine', reason: '' },
)
const milterSays = fc.array(answers, { minLength: 1, maxLength: 4 }).map((list) => {
  const out = new FrameWriter()
  for (const one of list) writeAnswer(out, one)
  return out.take()
})
const frame = fc.tuple(fc.nat(255), noise).map(([code, data]) => new FrameWriter().add(code, data).take())
const policySays = fc
  .tuple(
    fc.constantFrom(
      'DUNNO',
      'OK',
      'REJECT',
      '550 5.7.1 No',
      '421 Go',
      'DEFER_IF_PERMIT Later',
      'PREPEND X: y',
      'PREPEND',
      'HOLD',
      'DISCARD',
      'REDIRECT a',
      'BCC a@b.test',
      'FILTER x:y',
      'class',
      '',
    ),
    fc.constantFrom('\n\n', '\n\n', '\n\n', '\r\n\r\n', '\n', '\nx\n\n', '\0\n\n', '\n\naction=OK\n\n'),
  )
  .map(([action, end]) => Buffer.from(`action=${action}${end}`))

function saids(own: fc.Arbitrary<Buffer>): fc.Arbitrary<Said> {
  return fc.oneof(
    { weight: 10, arbitrary: fc.constant<Said>('well') },
    { weight: 5, arbitrary: own },
    { weight: 1, arbitrary: fc.oneof(noise, frame, fc.constant(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))) },
    { weight: 1, arbitrary: fc.constantFrom<Said>('silence', 'end') },
  )
}

/** Runs until the time is up. @throws the first thing that does not hold, with the script that shows it, shrunk */
export function fuzzAsking(kind: AskedKind, options: FuzzOptions): Promise<FuzzResult> {
  const scripts: fc.Arbitrary<Script> = fc.record({
    says: fc.array(saids(kind === 'milter' ? milterSays : policySays), { minLength: 1, maxLength: 20 }),
    onError: fc.constantFrom('defer', 'pass', 'reject'),
  })
  return strayless(scripts, (script) => play(kind, script), options)
}

const CLOCKS = { connect: 1_000, command: 60, content: 60, limit: 150 }

async function play(kind: AskedKind, { says, onError }: Script): Promise<number> {
  const open = new Set<Socket>()
  let asked = 0
  const next = (): Said => says[asked++ % says.length] ?? 'well'
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {}).on('close', () => open.delete(socket))
    if (kind === 'milter') serveMilter(socket, next)
    else socket.on('data', () => say(socket, next(), Buffer.from('action=DUNNO\n\n')))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  const at = `inet:127.0.0.1:${port}`
  const plugin =
    kind === 'milter' ? milter({ at, timeouts: CLOCKS }) : policy({ at, timeout: 60, states: ['rcpt', 'data'] })
  try {
    const { reply } = await sessionWith({}, [plugin, { onError }])
      .rcpt('b@mx.test')
      .rcpt('c@mx.test')
      .data('Subject: x\n\nx\n')
    assert.ok(reply && reply.code >= 250 && reply.code < 600, JSON.stringify(reply))
    // What is left open is closed with the session, and with the plugin.
    for (let turn = 0; turn < 200 && open.size > 0; turn++) await sleep(5)
    assert.equal(open.size, 0)
    return reply.code === 250 ? 1 : 0
  } finally {
    for (const socket of open) socket.destroy()
    server.close()
  }
}

function say(socket: Socket, said: Said, well: Buffer): void {
  if (said === 'end') socket.destroy()
  else if (said !== 'silence') socket.write(said === 'well' ? well : said)
}

const UNANSWERED: ReadonlySet<string> = new Set(['macros', 'abort', 'quit', 'quitSession'])
const WANTS = {
  actions: Object.values(ACTION).reduce((sum, bit) => sum | bit, 0),
  steps: STEP.leadingSpace | STEP.skip,
  macros: {},
}

function serveMilter(socket: Socket, next: () => Said): void {
  const reader = new FrameReader()
  socket.on('data', (chunk) => {
    reader.push(chunk)
    for (let one = reader.next(); one; one = reader.next()) {
      const command = parseCommand(one)
      if (UNANSWERED.has(command.kind)) continue
      const out = new FrameWriter()
      writeAnswer(
        out,
        command.kind === 'options' ? { kind: 'options', ...agree(command, WANTS) } : { kind: 'continue' },
      )
      say(socket, next(), out.take())
    }
  })
}
