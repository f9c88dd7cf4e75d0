/** What a request carries: one event, or an array of them. */
import { hash } from 'node:crypto'
import type { ToldEvent } from './options.ts'

/** Events of one request. */
export interface Body {
  /** The same for the same events: of one event its own. */
  readonly id: string
  readonly type: string
  readonly text: string
}

/** An event that is sent: its id, and its JSON. */
export interface Sent {
  readonly id: string
  readonly payload: string
}

/** How events are written down for a request. */
export interface BodyShape {
  readonly format: 'standard' | 'cloudevents'
  /** An array, also of one. */
  readonly isBatch: boolean
  /** Of CloudEvents: who says it. */
  readonly source: string
}

/** Makes the body of a request. */
export function bodyOf(events: readonly Sent[], { format, isBatch, source }: BodyShape): Body {
  const texts = events.map(({ payload }) => (format === 'standard' ? payload : cloudEvent(payload, source)))
  const id = events.length === 1 ? (events[0]?.id ?? '') : `batch_${digest(events)}`
  const suffix = isBatch ? '-batch' : ''
  return {
    id,
    type: format === 'standard' ? 'application/json' : `application/cloudevents${suffix}+json`,
    text: isBatch ? `[${texts.join(',')}]` : (texts[0] ?? ''),
  }
}

/** CloudEvents 1.0.2, structured mode. */
function cloudEvent(payload: string, source: string): string {
  const { id, type, timestamp, data }: ToldEvent = JSON.parse(payload) // the queue wrote it
  const { message, transaction } = data
  return JSON.stringify({
    specversion: '1.0',
    id,
    source,
    type: `postroad.mail.${type}`,
    subject: message ?? transaction,
    time: timestamp,
    datacontenttype: 'application/json',
    data,
  })
}

function digest(events: readonly Sent[]): string {
  return hash('sha256', events.map(({ id }) => id).join('\n'), 'base64url').slice(0, 22)
}
