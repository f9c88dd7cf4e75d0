/**
 * Several daemons that answer the same questions: what a plugin that asks rspamd, clamd or spamd needs besides their protocols.
 *
 *   daemon.ts     where one listens, as an operator writes it
 *   upstreams.ts  whom to ask, for how long, and whom next when that one fails
 *   slots.ts      so many at once
 *   exchange.ts   a question over a socket whose answer counts though it came before all was written
 *   opinion.ts    what a message is worth that was not looked at
 *   sender-fields.ts  fields that only a scanner may write, when it is the sender who wrote them
 *   zod.ts        the options that all such plugins share; its own entry, `@postroad/upstream/zod`
 *
 * One rule stands above all of it: an error is never an answer. What a daemon could not say, the next one is asked; what none could say is a
 * failure of the plugin, and worth what the operator's `onError` says.
 *
 * Where to begin: upstreams.ts.
 */
export type { Daemon } from './daemon.ts'
export { Exchange, notThe } from './exchange.ts'
export { type ScanAction, scanOpinion } from './opinion.ts'
export { SenderFields } from './sender-fields.ts'
export { Upstreams } from './upstreams.ts'
