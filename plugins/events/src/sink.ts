/** Where events go, and what came of it. */
import type { Sent } from './body.ts'

/** What came of a delivery. */
export type EventOutcome =
  | { readonly kind: 'ok' }
  /** These events are not taken: others may be. */
  | { readonly kind: 'refused'; readonly why: string }
  /** The endpoint does not work, or is busy: all events wait. */
  | { readonly kind: 'failed'; readonly why: string; readonly retryAfterMs?: number | undefined }
  /** The endpoint wants nothing any more. */
  | { readonly kind: 'gone'; readonly why: string }

/** One place that events are brought to. */
export interface EventSink {
  /** Does not reject. Aborted: the server stops; what has arrived all the same arrives again. */
  deliver(events: readonly Sent[], signal: AbortSignal): Promise<EventOutcome>
  close?(): void
}

/** What was thrown, in one short line. */
export function whyOf(error: unknown): string {
  const text =
    error instanceof Error ? error.message || ('code' in error ? String(error.code) : error.name) : String(error)
  return text.replace(/\s+/g, ' ').slice(0, 300)
}
