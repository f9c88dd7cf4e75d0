/** What was counted of one endpoint, since the process began. */
import type { EventOutcome } from './sink.ts'

/** Numbers of one endpoint. */
export class EndpointCounts {
  events = 0
  requests = 0
  failures = 0
  refusals = 0
  dead = 0
  /** Milliseconds that requests took, together. */
  ms = 0
  /** Milliseconds since the epoch of the last success; undefined: none. */
  lastOk: number | undefined
  lastFailure: string | undefined

  told(
    outcome: EventOutcome,
    { events, ms, now }: { readonly events: number; readonly ms: number; readonly now: number },
  ): void {
    this.requests++
    this.ms += ms
    if (outcome.kind === 'ok') {
      this.events += events
      this.lastOk = now
      return
    }
    this.lastFailure = outcome.why
    if (outcome.kind === 'refused') this.refusals++
    else this.failures++
  }
}
