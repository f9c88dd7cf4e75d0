/**
 * The wire: SMTP, LMTP and submission listeners, built on the npm package smtp-server. Octets and replies; it knows no plugin and decides
 * nothing. Whoever decides is behind the {@link Stages}, which are asked at every stage of the protocol.
 *
 * `createListener` makes a place where clients connect. From there a connection goes through these folders, each of which imports only
 * those below it:
 *
 * - `listener`: the server accepts, counts who may come in, watches its own load (`stress`), and makes each connection.
 * - `verb`: what each command means, one file a command; `dispatch` finds it by its name, `ehlo` says what there is.
 * - `session`: the connection and its transaction, the only place where their state changes. `conversation.ts` is what verbs see of it.
 * - `auth`: the SASL exchanges; whether an attempt is good is for the stages to say.
 * - `wire`: a socket as lines, message octets and replies. `channel` waits for answers, looks at deadlines and closes; `input` cuts what
 *   comes; `data-decoder` finds the end of a message.
 * - `config`: the options of a listener, what may be wrong with them, and the settings they come to.
 * - `stages.ts`: the seam. The connection calls its methods in the order of the protocol, one at a time.
 *
 * To begin reading, take `stages.ts`, then `session/conversation.ts`, then one verb from its command to its reply: `verb/rcpt.ts` is short,
 * `verb/message.ts` has the most to say. What guards against hostile octets is in `wire/input.ts` and `wire/data-decoder.ts`.
 */
export { type ListenerOptions, listenerMistakes } from './config/listener-options.ts'
export { networkList } from './config/network.ts'
export { createListener, type SmtpListener } from './listener/listener.ts'
export type {
  Attach,
  AttachJudging,
  ContentSink,
  EnvelopeDifference,
  Judgement,
  JudgingStages,
  Maybe,
  Offer,
  Stages,
  Wire,
  WireReply,
} from './stages.ts'
export { keywordsOn } from './verb/ehlo.ts'
export { isReply, parseMailParameters, parseRcptParameters } from './verb/parameters.ts'
export { formatReply, linesOf } from './wire/reply.ts'
