/** What the server does, while it does it: for pages, stores and traces. The core provides it; nobody who decides about mail needs it. */
import { defineService, type Service } from './service.ts'

/** A client has connected. */
export interface FeedOpened {
  /** Of the session; the ids of its transactions begin with it and a full stop. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly listener: string
  readonly scope: string
  readonly protocol: string
  /** Its address. */
  readonly remote: string
}

/** A handler has run. */
export interface FeedRun {
  /** Of the transaction, or of the session while there is none. */
  readonly id: string
  readonly hook: string
  readonly plugin: string
  /** Its opinions are not obeyed. */
  readonly shadow: boolean
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Milliseconds that it took. */
  readonly ms: number
  /** The reverse-path; absent before MAIL. */
  readonly from?: string
  /** The recipient it was about, at hooks of one. */
  readonly to?: string
  /** As canonical records have them; what is no opinion (a route, a receipt) is not told. */
  readonly opinions: readonly Readonly<Record<string, unknown>>[]
}

/**
 * A canonical record, as in the log: `event` is `transaction`, `session`, `auth`, or of a queued delivery `delivered`, `deferred`, `bounced`; `time` is ISO 8601.
 * Addresses, Message-ID and subject are as the log has them: digests where the operator wants that.
 */
export type FeedRecord = Readonly<Record<string, unknown>> & {
  readonly event: string
  readonly time: string
  readonly id: string
}

/** Who is told. Functions must be quick: they are called where it happens. One that throws is logged, and nothing else comes of it. */
export interface FeedWatcher {
  opened?(event: FeedOpened): void
  ran?(event: FeedRun): void
  /** `written.line` is the record as one line of JSON, with its line break: made when it is first read, once for all who do. */
  recorded?(record: FeedRecord, written: { readonly line: string }): void
  /** A line of the log that is no canonical record, at the level that the operator wants: JSON with `time`, `level`, `text`, `plugin` and other fields. */
  logged?(line: string): void
}

/** What happens in this process, from all scopes and generations. */
export interface Feed {
  /** Tells all that happens from now on, until what it returns is called. */
  watch(watcher: FeedWatcher): () => void
}

export const Feed: Service<Feed> = defineService('feed')
