import type { Maybe, WireReply } from '@postroad/smtp'
import { after } from '../run/after.ts'
import { ask } from '../run/ask.ts'
import { HookCall, NOTHING } from '../run/call.ts'
import { opinions } from '../run/check.ts'
import type { SessionState } from '../session/session.ts'
import { delay } from './delay.ts'

/** TCP accepted, before the banner. */
export function connect(session: SessionState): Maybe<WireReply | undefined> {
  const { feed, table, name } = session.scope
  if (feed.tellsOpened) {
    const { id, openedAt, peer } = session
    const { listener, protocol, remote } = peer
    feed.opened({ id, at: openedAt, listener, scope: name, protocol, remote: remote.address })
  }
  const waves = table.connect
  if (!waves) return undefined
  const reply = delay(session, 'connect', ask(waves, new HookCall('connect', session, NOTHING), opinions))
  return after(reply, inPlaceOfTheBanner)
}

/** RFC 5321 §4.3.2: in place of 220 there is 554, or 421 for now; after either the connection is closed. */
function inPlaceOfTheBanner(reply: WireReply | undefined): WireReply | undefined {
  return reply && { ...reply, code: reply.code >= 500 ? 554 : 421, disconnect: true }
}
