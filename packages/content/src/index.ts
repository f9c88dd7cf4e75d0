/**
 * What plugins see in a message that look at what it says: links with their hosts, HTML in one pass, and signals with their evidence.
 *
 *   signal.ts         what was found, with the places where, and the points it is worth
 *   html-document.ts  what HTML has in it, by one pass over its tokens that several plugins share
 *   link.ts           the links of a message, from text and HTML, each with its host and that host's registered domain
 *   readable.ts       the content of a message, unless it is beyond the limits
 *   script-mix.ts     names that are written with letters that look like others
 *
 * Everything is bounded and linear in its input; nothing is ever fetched.
 *
 * Where to begin: signal.ts.
 */
export { type HtmlDocument, type HtmlLink, htmlOf } from './html-document.ts'
export { type FoundLink, linksOf, type MessageLinks, readLink, registeredDomain } from './link.ts'
export { contentOf } from './readable.ts'
export { looksLike, mixesScripts } from './script-mix.ts'
export { opinionsOn, type Signal, Signals } from './signal.ts'
