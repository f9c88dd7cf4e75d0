/** What came of TLS with next hops, for whoever counts in this process: over `node:diagnostics_channel`, so that neither side has to know the other. */
import { channel } from 'node:diagnostics_channel'
import type { TlsOutcome, TlsRefusal } from '@postroad/mail'
import type { ConnectError } from './connect-error.ts'
import type { Target } from './target.ts'

/** Each attempt to speak TLS, each to do without, and each host that a policy has ruled out is published here, as a {@link TlsSession}. */
export const sessions = channel('postroad:tls')

/** One connection to a next hop, or why there is none. */
export interface TlsSession {
  readonly target: Target
  /** Absent: it stands in the clear, or does not stand. */
  readonly tls?: TlsOutcome | undefined
  readonly error?: ConnectError
  /** Our own address at this end; absent where no connection came to be. */
  readonly local?: string | undefined
  /** What is published rules the host out: it was not connected to. */
  readonly refused?: TlsRefusal
}
