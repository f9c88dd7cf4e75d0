/** What listeners see that is no session, so that no hook tells of it: requests, and connections of kinds `http`, `milter` and `policy`. */
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

/** A connection, on the same, and on `postroad:asked`. */
export type ConnectionSeen = { readonly listener: string } & (
  | { readonly state: 'opened' }
  | { readonly state: 'closed'; readonly reason: string }
)

/** What is told of them. */
export interface HttpWatcher {
  connected(change: ConnectionSeen): void
  requested(request: HttpRequestSeen): void
}

/** Tells of all listeners of the process, until it is told to stop. */
export function watchRequests({ connected, requested }: HttpWatcher): { stop(): void } {
  const see = (message: unknown): void => {
    const seen = message as HttpRequestSeen | ConnectionSeen // the channel's own message
    if ('state' in seen) connected(seen)
    else requested(seen)
  }
  const channels = ['postroad:http', 'postroad:asked']
  for (const name of channels) subscribe(name, see)
  return {
    stop() {
      for (const name of channels) unsubscribe(name, see)
    },
  }
}
