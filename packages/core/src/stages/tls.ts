import type { SessionState } from '../session/session.ts'

/** After the handshake what was learned of the client before it is forgotten, RFC 3207 §4.2: only the connection remains. */
export function secured(session: SessionState): void {
  session.forgetHelo()
  session.identity = undefined
  session.transaction = undefined
}
