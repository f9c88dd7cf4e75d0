/** The next hop of a world: takes all letters but some at first, slowly or at once, and writes down who brought what and when. */
import { createSink, type Sink, type SinkAnswer, type SinkStep } from '@postroad/testing'
import type { Book } from './book.ts'
import { rest, TRASH } from './letters.ts'

/** Two hosts, so that one can be suspended. */
export const HOSTS = ['127.0.0.1', '127.0.0.2'] as const

/** The server at the next hop, on both hosts; the book is told of each transaction. */
export class NextHop {
  readonly #book: Book
  readonly #sinks: Sink[] = []
  /** When MAIL came, by connection, of each sink. */
  readonly #began = new Map<string, number>()
  readonly #callers = new Map<string, number>()
  readonly #deferred = new Set<string>()
  readonly problems: string[] = []

  private constructor(book: Book) {
    this.#book = book
  }

  static async open(book: Book): Promise<NextHop> {
    const hop = new NextHop(book)
    for (const [at, host] of HOSTS.entries())
      hop.#sinks.push(await createSink({ host, script: (step) => hop.#answer(at, step) }))
    return hop
  }

  /** Where each listens. */
  get ports(): readonly number[] {
    return this.#sinks.map(({ port }) => port)
  }

  async close(): Promise<void> {
    await Promise.all(this.#sinks.map((sink) => sink.close()))
  }

  async #answer(at: number, { verb, argument, connection }: SinkStep): Promise<SinkAnswer | undefined> {
    const name = `${at}/${connection}`
    // The configuration of a world makes the pid a part of its name.
    if (verb === 'EHLO') this.#callers.set(name, Number(/^p(\d+)\./.exec(argument)?.[1] ?? 0))
    if (verb === 'MAIL') this.#began.set(name, Date.now())
    if (verb === 'RCPT' && argument.includes(`@${TRASH}>`)) return '450 4.2.1 Not now'
    if (verb !== 'DOT') return undefined
    return this.#take(at, name, connection)
  }

  async #take(at: number, name: string, connection: number): Promise<SinkAnswer | undefined> {
    const transaction = this.#sinks[at]?.transactions.findLast((each) => each.connection === connection)
    const text = transaction?.message.toString('latin1') ?? ''
    const found = /^Subject: (\S+)\r$/m.exec(text.slice(0, 4_000))
    const letter = found?.[1] === undefined ? undefined : this.#book.letter(found[1])
    if (!letter || !found) {
      this.problems.push(`something came that nobody sent: ${JSON.stringify(text.slice(0, 300))}`)
      return undefined
    }
    const number = Number(letter.key.slice(letter.key.lastIndexOf('-') + 1))
    // Some are held back a while: the server dies between dot and answer, too.
    if (number % 3 === 0) await rest((number * 7) % 60)
    const recipients = (transaction?.recipients ?? []).map((path) => /<([^>]*)>/.exec(path)?.[1] ?? path)
    if (number % 7 === 3 && !this.#deferred.has(`${letter.key} ${recipients[0]}`)) {
      this.#deferred.add(`${letter.key} ${recipients[0]}`)
      return '450 4.2.0 Later'
    }
    const isWhole = text.slice(found.index) === letter.text
    const received = text.slice(0, found.index)
    for (const recipient of recipients)
      this.#book.arrived({
        key: letter.key,
        recipient,
        pid: this.#callers.get(name) ?? 0,
        transaction: /\bid (\S+?);?\s/.exec(received)?.[1] ?? '',
        beganAt: this.#began.get(name) ?? 0,
        answeredAt: Date.now(),
        isWhole,
      })
    return undefined
  }
}
