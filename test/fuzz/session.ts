/** Random sessions, and what must hold for every one of them. */
import assert from 'node:assert/strict'
import net from 'node:net'
import type { Listener } from '@postroad/listener'
import { type Attach, createListener, type ListenerOptions } from '@postroad/smtp'
import fc from 'fast-check'
import type { Mood } from './checked-stages.ts'

/** A run of the fuzzer. */
export interface FuzzOptions {
  readonly limitMs: number
  readonly seed?: number
}

interface Plan {
  readonly pieces: readonly string[]
  readonly cuts: readonly number[]
  readonly moods: readonly Mood[]
  readonly ending: 'end' | 'destroy' | 'quit' | 'server'
}

const words = fc.constantFrom(
  'a',
  '.',
  '..',
  '\r',
  '\n',
  '\r\n',
  '\r\n.\r\n',
  '\r\n..',
  '\n.\n',
  '\0',
  '\xff',
  'x'.repeat(100),
  'QUIT\r\n',
  'BDAT 3\r\n',
)
const text = fc.array(words, { maxLength: 20 }).map((parts) => parts.join(''))
const lines = fc.constantFrom(
  'EHLO client.test',
  'EHLO client.test',
  'HELO client.test',
  'LHLO client.test',
  'MAIL FROM:<a@b.test>',
  'MAIL FROM:<a@b.test>',
  'MAIL FROM:<> BODY=BINARYMIME',
  'MAIL FROM:<\xc3\xa4@b.test> SMTPUTF8 PRDR SIZE=10 RET=HDRS ENVID=x',
  'RCPT TO:<c@d.test>',
  'RCPT TO:<c@d.test>',
  'RCPT TO:<"x y"@d.test> NOTIFY=NEVER ORCPT=rfc822;x',
  'DATA',
  'DATA',
  'RSET',
  'NOOP',
  'VRFY x',
  'EXPN x',
  'HELP',
  'FOO bar',
  'AUTH PLAIN AGEAYg==',
  'AUTH LOGIN',
  'AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9YWJj',
  'AUTH XOAUTH2',
  '*',
  'AAAA',
  '',
  'STARTTLS',
  'XCLIENT ADDR=192.0.2.1',
  'XFORWARD NAME=x',
  'QUIT',
)
const transaction = text.map(
  (body) => `EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n${body}\r\n.\r\n`,
)
const chunk = text.map((body) => `BDAT ${body.length}${body.length % 2 ? ' LAST' : ''}\r\n${body}`)
const piece = fc.oneof(
  { weight: 8, arbitrary: lines.map((line) => `${line}\r\n`) },
  { weight: 3, arbitrary: transaction },
  { weight: 2, arbitrary: chunk },
  { weight: 1, arbitrary: text },
)
/** How a call is answered, mostly well. */
export const moods: fc.Arbitrary<Mood> = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom<Mood>('yes', 'later') },
  { weight: 2, arbitrary: fc.constantFrom<Mood>('no', 'later no', 'throw', 'reject') },
  { weight: 1, arbitrary: fc.constantFrom<Mood>('never', 'leave') },
)
const plans: fc.Arbitrary<Plan> = fc.record({
  pieces: fc.array(piece, { minLength: 1, maxLength: 15 }),
  cuts: fc.array(fc.nat(2000), { maxLength: 20 }),
  moods: fc.array(moods, { minLength: 1, maxLength: 40 }),
  ending: fc.constantFrom('end', 'destroy', 'quit', 'server'),
})

/** What has been done. */
export interface FuzzResult {
  readonly sessions: number
  /** Messages that came to their end, whatever was said of them. */
  readonly messages: number
}

/** What stands behind the wire, for one session after the other. */
export interface Subject {
  /** Stages for the next session; they answer as `mood` says. */
  prepare(mood: (call: string) => Mood): Attach
  /** After the session, with all that was replied: messages that came to their end. @throws when something does not hold */
  finish(replies: string): number
}

/** Runs sessions until the time is up. @throws the first thing that does not hold, with the session that shows it, shrunk */
export function fuzz(subject: Subject, options: FuzzOptions): Promise<FuzzResult> {
  const sessions = fc.tuple(plans, fc.constantFrom('smtp' as const, 'lmtp' as const))
  return strayless(sessions, ([plan, protocol]) => runSession(subject, plan, protocol), options)
}

/** Plays scripts until the time is up, and sees that nothing is thrown where nobody catches it. */
export async function strayless<Script>(
  scripts: fc.Arbitrary<Script>,
  play: (script: Script) => Promise<number>,
  { limitMs, seed }: FuzzOptions,
): Promise<FuzzResult> {
  let [sessions, messages] = [0, 0]
  const stray: unknown[] = []
  const note = (error: unknown): void => void stray.push(error)
  process.on('unhandledRejection', note).on('uncaughtException', note)
  try {
    const property = fc.asyncProperty(scripts, async (script) => {
      sessions++
      messages += await play(script)
      assert.deepEqual(stray, [])
    })
    await fc.assert(property, {
      numRuns: 2 ** 30,
      interruptAfterTimeLimit: limitMs,
      ...(seed !== undefined && { seed }),
    })
    return { sessions, messages }
  } finally {
    process.off('unhandledRejection', note).off('uncaughtException', note)
  }
}

async function runSession(
  subject: Subject,
  { pieces, cuts, moods, ending }: Plan,
  protocol: 'smtp' | 'lmtp',
): Promise<number> {
  const faults: unknown[] = []
  let calls = 0
  const options: ListenerOptions = {
    name: 'fuzz',
    hostname: 'mx.test',
    host: '127.0.0.1',
    protocol,
    authWithoutTls: true,
    xclient: ['127.0.0.1'],
    xforward: ['127.0.0.1'],
    limits: { size: 500, line: 300, errors: 30 },
    onError: (error) => {
      if (!(error instanceof Error && error.message.startsWith('fuzz: '))) faults.push(error)
    },
  }
  const attach = subject.prepare(() => moods[calls++ % moods.length] ?? 'yes')
  const listener = createListener(options, attach)
  await listener.listen()
  const replies = await talk(listener, { octets: Buffer.from(pieces.join(''), 'latin1'), cuts, ending })
  await listener.close(0)
  assert.deepEqual(faults, [])
  assert.equal(listener.connections, 0)
  // Whole lines, printable, each with its code: whatever the stages said. The last may be cut off with the connection.
  for (const line of replies.split('\r\n').slice(0, -1)) assert.match(line, /^[2-5]\d\d[ -][\x20-\x7e]*$/)
  assert.doesNotMatch(replies, /^250 injected/m)
  return subject.finish(replies)
}

async function talk(
  listener: Listener,
  script: { octets: Buffer; cuts: readonly number[]; ending: Plan['ending'] },
): Promise<string> {
  const { octets, cuts, ending } = script
  const { address } = listener
  const socket = net.connect({
    host: '127.0.0.1',
    port: 'port' in address ? address.port : 0,
    noDelay: true,
    allowHalfOpen: true,
  })
  let replies = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    replies += chunk
  })
  const over = new Promise((resolve) => socket.once('end', resolve).once('close', resolve).on('error', resolve))
  const bounds = [...new Set([0, ...cuts.map((cut) => cut % (octets.length + 1)), octets.length])].sort((a, b) => a - b)
  for (const [i, bound] of bounds.entries()) {
    if (socket.destroyed) break
    socket.write(octets.subarray(bounds[i - 1] ?? 0, bound))
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (ending === 'quit') socket.write('\r\n.\r\nQUIT\r\n')
  if (ending === 'destroy') socket.destroy()
  else if (ending === 'server') await listener.close(1)
  else socket.end()
  // A client that has closed its side is let go; only a stage that never answers may keep it, and that ends with the server.
  await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 50))])
  if (ending !== 'destroy') await Promise.all([listener.close(1), over])
  socket.destroy()
  return replies
}
