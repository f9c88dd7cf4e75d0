/** What listeners of kind `http` see, as the core publishes it: they have no sessions, so no hook tells of them. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'

/** An answer, on the channel `postroad:http`. */
export interface HttpRequestSeen {
  readonly listener: string
  readonly method: string
  /** As the route has it; undefined when there is none. */
  readonly path: string | undefined
  readonly status: number
  /** Milliseconds. */
  readonly took: number
}

/** A connection, on the same. */
export type HttpConnectionSeen = { readonly listener: string } & (
  | { readonly state: 'opened' }
  | { readonly state: 'closed'; readonly reason: string }
)

/** What is told of them. */
export interface HttpWatcher {
  connected(change: HttpConnectionSeen): void
  requested(request: HttpRequestSeen): void
}

/** Tells of all listeners of the process, until it is told to stop. */
export function watchRequests({ connected, requested }: HttpWatcher): { stop(): void } {
  const see = (message: unknown): void => {
    const seen = message as HttpRequestSeen | HttpConnectionSeen // the channel's own message
    if ('state' in seen) connected(seen)
    else requested(seen)
  }
  subscribe('postroad:http', see)
  return { stop: () => void unsubscribe('postroad:http', see) }
}
