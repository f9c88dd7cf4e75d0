/** Checks of messages on their way: begun when DATA is said, fed while the message arrives, asked when it is there. */
import type { DataContext, MessageContext, ReceiveSink } from '@postroad/plugin'
import { unlessAborted } from './node-resolver.ts'

/** The check of one message. */
export interface MessageCheck<T> {
  write(chunk: Uint8Array): void
  /** The result, at once when there is nothing to wait for; nothing may be written afterwards. */
  finish(): T | Promise<T>
}

interface Arrival<T> {
  /** Of the envelope. */
  readonly id: string
  readonly check: MessageCheck<T>
  isComplete: boolean
}

/**
 * Brings the hooks `receive` and `message` of a plugin together.
 *
 * @example
 * const arrivals = new Arrivals((context) => new Verification(context.now()))
 * return { receive: (context) => arrivals.listen(context), message: (context) => judge(await arrivals.finish(context)) }
 */
export class Arrivals<T> {
  readonly #begin: (context: DataContext) => MessageCheck<T>
  readonly #arriving = new WeakMap<object, Arrival<T>>()

  constructor(begin: (context: DataContext) => MessageCheck<T>) {
    this.#begin = begin
  }

  /** What listens to the message that is about to arrive. */
  listen(context: DataContext): ReceiveSink {
    const { session } = context
    const arrival: Arrival<T> = { id: context.envelope.id, check: this.#begin(context), isComplete: false }
    this.#arriving.set(session, arrival)
    return {
      write: (chunk) => arrival.check.write(chunk),
      end: () => {
        arrival.isComplete = true
      },
      abort: () => void this.#arriving.delete(session),
    }
  }

  /** The result. A message that did not arrive through `receive` (a replay, `postroad try`) is read now. */
  finish(context: MessageContext): T | Promise<T> {
    const arrival = this.#arriving.get(context.session)
    this.#arriving.delete(context.session)
    const isHere = arrival?.isComplete === true && arrival.id === context.envelope.id
    const found = isHere ? arrival.check.finish() : readAll(this.#begin(context), context)
    return found instanceof Promise ? unlessAborted(found, context.signal) : found
  }
}

async function readAll<T>(check: MessageCheck<T>, { message }: MessageContext): Promise<T> {
  for await (const chunk of message.raw()) check.write(chunk)
  return check.finish()
}
