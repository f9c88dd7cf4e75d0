/** Calls by which a browser says who it is. */
import { type CallHandlers, CallRefused } from './answer.ts'
import type { AuditLog } from './audit.ts'
import type { Sessions } from './session.ts'

/** Wrong tickets from one address in a minute: nobody guesses 256 bits, but nobody needs to try for long. */
const WRONG = 10

/** The handlers. */
export function sessionCalls(sessions: Sessions, audit: AuditLog): CallHandlers {
  let minute = 0
  const wrong = new Map<string, number>()
  return {
    async session({ context }) {
      const { caller } = context
      if (!caller) throw new CallRefused(401, 'Nobody has said who asks')
      const expires = await sessions.expiryOf(context.request)
      return Response.json({ name: caller.name, roles: caller.roles, ...(expires !== undefined && { expires }) })
    },
    async login({ context, body: { ticket } }) {
      const { request, caller, remote } = context
      const now = context.now()
      if (ticket === undefined) {
        if (!caller) throw new CallRefused(401, 'Show a token, as Authorization: Bearer …, or the ticket of a link')
        // Who needs no token gets no cookie either: there is nothing it would be good for.
        if (!request.headers.has('authorization')) return Response.json({ name: caller.name, roles: caller.roles })
        const { cookie, expires } = await sessions.begin(request, caller, now)
        await audit.add(context, { action: 'log in', target: caller.name, ok: true })
        return answer({ ...caller, expires }, cookie)
      }
      if (Math.floor(now / 60_000) !== minute) {
        minute = Math.floor(now / 60_000)
        wrong.clear()
      }
      const count = wrong.get(remote.address) ?? 0
      if (count >= WRONG) throw new CallRefused(429, 'Too many links that are not good any more: wait a minute')
      try {
        const { cookie, expires, caller: known } = await sessions.redeem(request, ticket, now)
        await audit.add({ ...context, caller: known }, { action: 'log in', target: known.name, ok: true })
        return answer({ ...known, expires }, cookie)
      } catch (error) {
        if (wrong.size < 10_000) wrong.set(remote.address, count + 1)
        throw error
      }
    },
    async logout({ context }) {
      const cookie = await sessions.end(context.request, context.now())
      return new Response(JSON.stringify({ ok: true }), {
        headers: { 'content-type': 'application/json', 'set-cookie': cookie },
      })
    },
  }
}

function answer(
  session: { readonly name: string; readonly roles: readonly string[]; readonly expires: number },
  cookie: string,
) {
  const { name, roles, expires } = session
  return new Response(JSON.stringify({ name, roles, expires }), {
    headers: { 'content-type': 'application/json', 'set-cookie': cookie },
  })
}
