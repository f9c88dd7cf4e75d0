/** What a milter's decision is as an opinion. */
import type { FilterDecision } from '@postroad/milter-protocol/client'
import {
  type Address,
  type Defer,
  defer,
  type PermanentStatus,
  type Reject,
  reject,
  type TransientStatus,
} from '@postroad/plugin'

/** Postfix says these where a filter gives no text. */
const REJECTED = 'Command rejected'
const UNAVAILABLE = 'Service unavailable, try again later'

/** The refusal that a decision is; undefined when it is none. */
export function refusalOf(decision: FilterDecision, whom?: readonly Address[]): Reject | Defer | undefined {
  const meant = whom && { for: whom }
  switch (decision.kind) {
    case 'reject':
      return reject(REJECTED, { ...meant })
    case 'tempfail':
      return defer(UNAVAILABLE, { ...meant })
    case 'shutdown':
      return defer('Server shutting down, try again later', { status: '4.3.2', code: 421, disconnect: true, ...meant })
    case 'connectionFailure':
      return defer(UNAVAILABLE, { status: '4.3.0', code: 421, disconnect: true, ...meant })
    case 'reply': {
      const { code, status, lines } = decision
      const text = lines.join('\n')
      // After either Postfix hangs up, whatever the filter meant; a filter that knows it says 521 for that.
      const options = { code, disconnect: code === 421 || code === 521, ...meant }
      // `as`: who read it has seen that the first digits of code and status are the same.
      return code >= 500
        ? reject(text || REJECTED, { ...options, status: (status ?? '5.7.1') as PermanentStatus })
        : defer(text || UNAVAILABLE, { ...options, status: (status ?? '4.7.1') as TransientStatus })
    }
    default:
      return undefined
  }
}
