/**
 * Listeners of kind `http`: one implementation for the admin interface, injection, links in mail, and whatever else plugins serve. None of
 * them opens a socket of its own.
 *
 * A plugin returns `routes` from its `setup` (`HttpRoute` of `@postroad/plugin`): a method, a path, who may ask, and a handler from a
 * `Request` to a `Response`, both of the web's own standard (Fetch). The routes of a scope are served on its listeners of kind `http`.
 *
 * - `listener.ts`: the socket and TLS, how many may connect, and how it ends.
 * - `site.ts`: from a request to an answer. Whether `Host` is ours, which route it is (npm package hono), who asks and whether that is enough,
 *   whether a foreign page asks, how much comes and how long it takes; what a handler throws is 500, and logged.
 * - `token.ts`: secrets that callers show, kept as hashes, with roles; `token-file.ts`: tokens in a file that `postroad token` writes.
 * - `route.ts`: what may be wrong with routes. `streams.ts`: which answers have to be told to end, and when.
 * - `events.ts`: server-sent events; a slow reader is told how many it missed. `event-ring.ts`: the same events for many readers.
 * - `options.ts`: what an operator may say. What other machines can reach has TLS and tokens, or says that it has not.
 * - `problem.ts`: refusals as programs read them, RFC 9457.
 *
 * To begin reading, take `site.ts`.
 */
export { EventRing, type WantedEvents } from './event-ring.ts'
export { eventStream } from './events.ts'
export { createHttpListener, type HttpListener } from './listener.ts'
export { type HttpListenerOptions, type HttpToken, httpMistakes, isServed } from './options.ts'
export { problem } from './problem.ts'
export { type OwnedRoute, routeMistakes } from './route.ts'
export type { HttpAnswer, HttpSite } from './site.ts'
export { newToken } from './token.ts'
export { tokenFile } from './token-file.ts'
