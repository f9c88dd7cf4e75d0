/** A scope as its listeners of kind `http` have it: routes of its plugins, and a line of the log for each answer. */
import { channel } from 'node:diagnostics_channel'
import type { HttpAnswer, HttpSite } from '@postroad/http'
import type { Scope } from '../session/scope.ts'

/**
 * @param begin called when a handler is; what it gives, when that request is over
 */
export function createSite(
  scope: Scope,
  { routes, identify }: Pick<HttpSite, 'routes' | 'identify'>,
  begin: () => () => void,
): HttpSite {
  return {
    routes,
    ...(identify && { identify }),
    now: () => scope.now(),
    logOf: (plugin) => scope.logFor(plugin),
    begin,
    onConnection: publish,
    onAnswer(answer) {
      publish(answer)
      // Pages and collectors of metrics ask every few seconds.
      const level = isRead(answer) ? 'debug' : 'info'
      scope.log[level](shown(answer), 'answered')
    },
  }
}

/** Subscribe to `postroad:http` to see connections (they have a `state`) and answers (they have a `status`). */
const requests = channel('postroad:http')

function publish(event: HttpAnswer | Parameters<NonNullable<HttpSite['onConnection']>>[0]): void {
  if (requests.hasSubscribers) requests.publish(event)
}

function isRead({ method, status }: HttpAnswer): boolean {
  return (method === 'GET' || method === 'HEAD') && status < 400
}

/** Of the path only what the route says of it: what callers write there may be a secret. */
function shown({ remote, took, ...answer }: HttpAnswer): object {
  const known = Object.entries(answer).filter(([, value]) => value !== undefined)
  return { ...Object.fromEntries(known), remote: remote.address, took: Math.round(took) }
}
