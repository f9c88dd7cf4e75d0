/** Questions to spamd: one connection each, the message behind a few fields (`spamd/PROTOCOL` of SpamAssassin). */
import type { MessageSource } from '@postroad/mail'
import { type Daemon, Exchange } from '@postroad/upstream'
import { isWholeReply, parseFields, parseReply, REPLY_LIMIT, type SpamdReply } from './reply.ts'

/** What spamd is given. */
export interface SpamdQuestion {
  /** Fields that go in front of the message: our own trace field, say. */
  readonly front: Uint8Array
  readonly message: MessageSource
  /** Whose preferences count. */
  readonly user?: string | undefined
}

/** HEADERS answers with the header section that spamd would give the message, SYMBOLS with the names of its tests, CHECK with no more than the score. */
export type Verb = 'HEADERS' | 'SYMBOLS' | 'CHECK'

/** @throws {Error} when spamd has no opinion, or the reason of `signal` */
export async function check(
  daemon: Daemon,
  verb: Verb,
  question: SpamdQuestion,
  signal: AbortSignal,
): Promise<SpamdReply> {
  return parseReply(await exchange(daemon, { verb, fields: '', question, signal }))
}

/** As what a message is learned: `forget` takes back what was learned of it. */
export type Lesson = 'spam' | 'ham' | 'forget'

const LESSONS: Readonly<Record<Lesson, string>> = {
  spam: 'Message-class: spam\r\nSet: local\r\n',
  ham: 'Message-class: ham\r\nSet: local\r\n',
  forget: 'Remove: local\r\n',
}

/** @returns whether it was new to spamd @throws {Error} when spamd could not learn it */
export async function tell(
  daemon: Daemon,
  lesson: Lesson,
  question: SpamdQuestion,
  signal: AbortSignal,
): Promise<boolean> {
  const { fields } = parseFields(await exchange(daemon, { verb: 'TELL', fields: LESSONS[lesson], question, signal }))
  return fields.has(lesson === 'forget' ? 'didremove' : 'didset')
}

/** @returns what spamd calls itself @throws {Error} when it does not answer */
export async function ping(daemon: Daemon, signal: AbortSignal): Promise<string> {
  const exchange = new Exchange(daemon, { limit: 1_000, isWhole: (answer) => isWholeLine(answer) })
  return abortable(exchange, signal, async () => {
    exchange.write('PING SPAMC/1.2\r\n\r\n')
    exchange.end()
    const said = (await exchange.answer).toString('latin1').trimEnd()
    if (!/^SPAMD\/[\d.]+ 0 PONG$/.test(said)) throw new Error(`spamd: ${said.replace(/[^\x20-\x7e]/g, '?')}`)
    return said
  })
}

interface Asked {
  readonly verb: string
  readonly fields: string
  readonly question: SpamdQuestion
  readonly signal: AbortSignal
}

async function exchange(daemon: Daemon, { verb, fields, question, signal }: Asked): Promise<Buffer> {
  const { front, message, user } = question
  const exchange = new Exchange(daemon, { limit: REPLY_LIMIT, isWhole: isWholeReply })
  return abortable(exchange, signal, async () => {
    const whose = user === undefined ? '' : `User: ${user}\r\n`
    // Exact: spamd takes neither less nor more.
    const length = front.length + message.size
    exchange.write(`${verb} SPAMC/1.5\r\nContent-length: ${length}\r\n${whose}${fields}\r\n`, front)
    for await (const chunk of message.chunks?.() ?? message.raw()) {
      if (exchange.isOver) break
      const room = exchange.write(chunk)
      if (room) await room
    }
    exchange.end()
    return exchange.answer
  })
}

async function abortable<T>(exchange: Exchange, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const stop = (): void => exchange.abandon(signal.reason as Error) // the host aborts with errors
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  try {
    return await work()
  } finally {
    signal.removeEventListener('abort', stop)
    exchange.abandon(DONE)
  }
}

const DONE = new Error('the question is over')

function isWholeLine(answer: Buffer): boolean {
  if (!'SPAMD/'.startsWith(answer.toString('latin1', 0, 6))) isWholeReply(answer)
  return answer.includes('\n')
}
