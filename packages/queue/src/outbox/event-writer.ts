/** What a queue and the plugins beside it write down for programs; nothing where nobody wants to hear of it. */
import type { Reply } from '@postroad/mail'
import { defineService, type Events, type MailEvent, type Service } from '@postroad/plugin'
import type { Lease, QueuedMessage } from '../model.ts'
import type { Transition } from '../state.ts'
import { acceptedEvents, endedEvent, publishedEvent } from './event.ts'
import type { Outbox } from './outbox.ts'

/** Who tells programs. */
export interface OutboxSubscriber {
  /** What is written down from now on. */
  readonly kinds: ReadonlySet<MailEvent['kind']>
  /** A reply when no more mail should be taken, because its events would have no room. */
  admit?(): Reply | undefined
  /** This process has written events: there is something to read. */
  written?(): void
}

/** The events of a queue, for who tells programs of them. The queue plugins provide it. */
export interface MailOutbox {
  /** Who is in it has events written down. */
  readonly subscribers: Set<OutboxSubscriber>
  /** The events; the queue is opened by the first who asks. */
  open(): Promise<Outbox>
}

export const MailOutbox: Service<MailOutbox> = defineService('outbox')

/** Makes the events of one queue. */
export class EventWriter implements Events, MailOutbox {
  readonly subscribers = new Set<OutboxSubscriber>()
  readonly #open: () => Promise<Outbox>
  readonly #now: () => number

  constructor(open: () => Promise<Outbox>, now: () => number) {
    this.#open = open
    this.#now = now
  }

  open(): Promise<Outbox> {
    return this.#open()
  }

  async publish(event: MailEvent, signal?: AbortSignal): Promise<void> {
    if (!this.#wants(event.kind)) return
    signal?.throwIfAborted()
    const written = this.#publish(event)
    await (signal ? unlessAborted(written, signal) : written)
  }

  async #publish(event: MailEvent): Promise<void> {
    await (await this.#open()).append([publishedEvent(event, this.#now())])
    this.written()
  }

  /** A reply when no more mail should be taken. */
  admit(): Reply | undefined {
    for (const { admit } of this.subscribers) {
      const reply = admit?.()
      if (reply) return reply
    }
    return undefined
  }

  /** What is to be written with a message that is taken. Notifications of our own are nobody's mail: what they tell has had its event. */
  accepted(message: QueuedMessage): readonly string[] | undefined {
    return this.#wants('accepted') && message.reportOn === undefined ? acceptedEvents(message) : undefined
  }

  /** What is to be written with the end of an attempt. */
  ended(
    lease: Lease,
    { events, state }: Pick<Transition, 'events' | 'state'>,
    now: number,
  ): readonly string[] | undefined {
    if (this.subscribers.size === 0 || lease.message.reportOn !== undefined) return undefined
    const wanted = events.filter(({ name, recipients }) => recipients.length > 0 && this.#wants(name))
    return wanted.length === 0 ? undefined : wanted.map((event) => endedEvent(event, lease, { now, state }))
  }

  /** Tells that there is something to read. */
  written(): void {
    for (const { written } of this.subscribers) written?.()
  }

  #wants(kind: MailEvent['kind']): boolean {
    for (const { kinds } of this.subscribers) if (kinds.has(kind)) return true
    return false
  }
}

/** Whoever waits does not wait longer than its hook; what is being written goes on. */
function unlessAborted(written: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    written.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
    signal.addEventListener('abort', abort, { once: true })
  })
}
