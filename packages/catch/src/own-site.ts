/** Routes for programs and for our own page: a page of another site may not ask, and all that is not said here the listener sees to. */
import { problem } from '@postroad/http'
import type { HttpContext, HttpRoute } from '@postroad/plugin'

/** A route without what all have in common. */
export type OwnRoute = Omit<HttpRoute, 'access'>

/** For programs and our own page. */
export function own(route: OwnRoute): HttpRoute {
  return { ...route, access: 'public', handler: (context) => foreign(context) ?? route.handler(context) }
}

/**
 * A browser says which page asks (Fetch Metadata), and of what changes something its origin, RFC 6454. Programs say nothing. The name in `Host` is
 * looked at by the listener, which keeps out names that somebody else has pointed here.
 */
function foreign({ request }: HttpContext): Response | undefined {
  const site = request.headers.get('sec-fetch-site')
  if (site !== null && site !== 'same-origin' && site !== 'none') return problem(403, 'Not from pages of other sites')
  const origin = request.headers.get('origin')
  if (origin === null) return undefined
  return URL.canParse(origin) && new URL(origin).host === request.headers.get('host')?.toLowerCase()
    ? undefined
    : problem(403, 'Not from pages of other sites')
}
