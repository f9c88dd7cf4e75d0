/** One event of the `text/event-stream` of the HTML standard, and how it is written down. */

/** One event. `data` is sent as JSON, or as it is when it is text. */
export interface ServerSentEvent {
  readonly data: unknown
  /** Name of its kind; default: `message`, as a browser has it. */
  readonly event?: string
  /** What a browser sends as `Last-Event-ID` when it comes again. */
  readonly id?: string
}

/** One event for many readers is written down once: what waits for ten thousand of them are references. */
const written = new WeakMap<ServerSentEvent, Uint8Array>()

/** The event as it is sent. */
export function octetsOf(event: ServerSentEvent): Uint8Array {
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
