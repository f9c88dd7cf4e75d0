/** Server-sent events (the `text/event-stream` of the HTML standard): one way, through any proxy, resumed by the browser itself. */
import type { HttpContext } from '@postroad/plugin'

/** One event. `data` is sent as JSON, or as it is when it is text. */
export interface ServerSentEvent {
  readonly data: unknown
  /** Name of its kind; default: `message`, as a browser has it. */
  readonly event?: string
  /** What a browser sends as `Last-Event-ID` when it comes again. */
  readonly id?: string
}

/** Where events go. */
export interface EventStream {
  /** The same object for many readers costs little more than for one. Never waits: when the reader is slow the oldest that wait are dropped, and it is told how many. */
  send(event: ServerSentEvent): void
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
      pull: () => feed.drain(),
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

class Feed implements EventStream {
  readonly #queue: number
  readonly #heartbeatMs: number
  #waiting: Uint8Array[] = []
  #skipped = 0
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #timer: NodeJS.Timeout | undefined
  #end: (() => void) | undefined
  #isOver = false

  constructor({ queue = 256, heartbeatMs = 15_000 }: EventStreamOptions) {
    this.#queue = queue
    this.#heartbeatMs = heartbeatMs
    this.send = this.send.bind(this)
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

  drain(): void {
    while (this.#isReady()) {
      if (this.#skipped > 0) {
        this.#enqueue(Buffer.from(format({ event: 'skipped', data: { count: this.#skipped } })))
        this.#skipped = 0
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

/** One event for many readers is written down once: what waits for ten thousand of them are references. */
const written = new WeakMap<ServerSentEvent, Uint8Array>()

function octetsOf(event: ServerSentEvent): Uint8Array {
  let octets = written.get(event)
  if (!octets) written.set(event, (octets = Buffer.from(format(event))))
  return octets
}

/** A line end in a field would begin another field. */
function format({ data, event, id }: ServerSentEvent): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  const head = [event && `event: ${oneLine(event)}`, id && `id: ${oneLine(id)}`].filter(
    (line) => line !== undefined && line !== '',
  )
  return `${[...head, ...text.split(/\r\n|\r|\n/).map((line) => `data: ${line}`)].join('\n')}\n\n`
}

function oneLine(text: string): string {
  return text.replace(/[\r\n\0]/g, ' ')
}
