/** Runs of handlers, as the core publishes them; nobody has to be asked, and no plugin knows that it is watched. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'

/** What the tracing channel `postroad:hook` carries. */
export interface PluginRun {
  readonly plugin: string
  readonly hook: string
  /** Id of the session; undefined after 250. */
  readonly session: string | undefined
  readonly shadow: boolean
  /** By `performance.now()`. */
  readonly startedAt: number
  /** `asyncEnd` follows `end`. */
  readonly asynchronous: boolean
  readonly result?: unknown
  readonly error?: unknown
}

/** Calls `over` once for each run that is over, until it is told to stop; our own runs are nobody's business. */
export function watchRuns(own: string, over: (run: PluginRun) => void): { stop(): void } {
  const end = (message: unknown): void => {
    const run = message as PluginRun // the channel's own message
    if (!run.asynchronous && run.plugin !== own) over(run)
  }
  const asyncEnd = (message: unknown): void => over(message as PluginRun) // as above
  subscribe('tracing:postroad:hook:end', end)
  subscribe('tracing:postroad:hook:asyncEnd', asyncEnd)
  return {
    stop() {
      unsubscribe('tracing:postroad:hook:end', end)
      unsubscribe('tracing:postroad:hook:asyncEnd', asyncEnd)
    },
  }
}
