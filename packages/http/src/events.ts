/** Server-sent events (the `text/event-stream` of the HTML standard): one way, through any proxy, resumed by the browser itself. */
import type { HttpContext } from '@postroad/plugin'
import { octetsOf, type ServerSentEvent } from './event.ts'
import type { EventRing, RingReader, WantedEvents } from './event-ring.ts'

/** Where events go. */
export interface EventStream {
  /** The same object for many readers costs little more than for one. Never waits: when the reader is slow the oldest that wait are dropped, and it is told how many. */
  send(event: ServerSentEvent): void
  /** Events of a ring from now on, those that are wanted; one ring a stream. */
  follow<E extends ServerSentEvent>(ring: EventRing<E>, wants: WantedEvents<E>): void
  close(): void
}

/** Options of {@link eventStream}. */
export interface EventStreamOptions {
  /** Events that wait for a slow reader. Default 256. */
  readonly queue?: number
  /** Milliseconds between signs of life, which proxies want. Default 15,000. */
  readonly heartbeatMs?: number
}

/**
 * The answer to a request for events. `begin` subscribes, and gives what unsubscribes: called once, when the reader or the listener is gone.
 *
 * @example
 * handler: (context) => eventStream(context, ({ send }) => feed.subscribe((record) => send({ data: record })))
 */
export function eventStream(
  context: Pick<HttpContext, 'signal' | 'request'>,
  begin: (stream: EventStream, lastEventId: string | undefined) => (() => void) | void,
  options: EventStreamOptions = {},
): Response {
  const feed = new Feed(options)
  const { signal, request } = context
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        feed.open(controller)
        if (signal.aborted) feed.close()
        else signal.addEventListener('abort', () => feed.close(), { once: true })
        feed.onClose(begin(feed, request.headers.get('last-event-id') ?? undefined) ?? (() => {}))
      },
      pull: () => feed.pull(),
      cancel: () => feed.close(),
    },
    // By octets: events may be long.
    new ByteLengthQueuingStrategy({ highWaterMark: 16_384 }),
  )
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    },
  })
}

/** Where a reader is among the events of a ring. */
interface Followed {
  readonly ring: EventRing
  readonly wants: WantedEvents<ServerSentEvent>
  place: number
  /** How many were counted before it. */
  counted: number
}

class Feed implements EventStream, RingReader {
  readonly #queue: number
  readonly #heartbeatMs: number
  #waiting: Uint8Array[] = []
  #skipped = 0
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #timer: NodeJS.Timeout | undefined
  #end: (() => void) | undefined
  #isOver = false
  #followed: Followed | undefined

  constructor({ queue = 256, heartbeatMs = 15_000 }: EventStreamOptions) {
    this.#queue = queue
    this.#heartbeatMs = heartbeatMs
    this.send = this.send.bind(this)
    this.follow = this.follow.bind(this)
    this.close = this.close.bind(this)
  }

  open(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller
    // The header section goes out at once.
    this.#push(OPEN)
    this.#timer = setInterval(() => {
      if (this.#waiting.length === 0) this.#push(ALIVE)
    }, this.#heartbeatMs).unref()
  }

  /** `end` is called once, at once when it is over already. */
  onClose(end: () => void): void {
    if (this.#isOver) end()
    else this.#end = end
  }

  send(event: ServerSentEvent): void {
    if (!this.#isOver) this.#push(octetsOf(event))
  }

  follow<E extends ServerSentEvent>(ring: EventRing<E>, wants: WantedEvents<E>): void {
    if (this.#isOver) return
    this.#followed = {
      ring: ring as unknown as EventRing, // what is asked of it is what `wants` takes
      wants: wants as WantedEvents<ServerSentEvent>,
      place: ring.end,
      counted: ring.countedBefore(ring.end),
    }
    ring.wait(this, ring.end)
  }

  /** The reader has room. */
  pull(): void {
    this.drain()
    if (this.#followed && this.#isReady()) this.#followed.ring.wait(this, this.#followed.place)
  }

  take(): void {
    const followed = this.#followed
    if (!followed) return
    const { ring, wants } = followed
    while (this.#isReady() && followed.place < ring.end) {
      if (followed.place < ring.start) {
        followed.place = ring.start
        this.#skipped += ring.countedBefore(ring.start) - followed.counted
        this.drain()
      }
      const { octets, next } = ring.batch(followed.place, wants)
      followed.place = next
      followed.counted = ring.countedBefore(next)
      if (octets) this.#enqueue(octets)
    }
    // Who has no room comes again by `pull`.
    if (this.#isReady()) ring.wait(this, followed.place)
  }

  drain(): void {
    while (this.#isReady()) {
      if (this.#skipped > 0) {
        const count = this.#skipped
        // What is enqueued may ask for more at once.
        this.#skipped = 0
        this.#enqueue(octetsOf({ event: 'skipped', data: { count } }))
        continue
      }
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#enqueue(next)
    }
  }

  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#timer)
    this.#waiting = []
    this.#followed?.ring.leave(this)
    this.#followed = undefined
    try {
      this.#controller?.close()
    } catch {
      // The reader has closed it already.
    }
    this.#end?.()
  }

  #push(octets: Uint8Array): void {
    if (this.#waiting.length >= this.#queue) {
      this.#waiting.shift()
      this.#skipped++
    }
    this.#waiting.push(octets)
    this.drain()
  }

  #isReady(): boolean {
    return !this.#isOver && (this.#controller?.desiredSize ?? 0) > 0
  }

  #enqueue(octets: Uint8Array): void {
    this.#controller?.enqueue(octets)
  }
}

const OPEN = Buffer.from(': open\n\n')
const ALIVE = Buffer.from(': alive\n\n')
