/**
 * The server of milter: mail servers (Postfix, Sendmail) ask what to do with a message, and a scope of plugins judges it.
 *
 * - `listener.ts`: a place where they connect, and who may.
 * - `connection.ts`: octets in and out, one command at a time, and the clocks.
 * - `session.ts`: what the commands mean. `transaction.ts` is one message of it, `content.ts` its octets.
 * - `asking.ts`: the client of the mail server, as plugins see it, by what the server tells of it (`macro-board.ts`).
 * - `path.ts`: addresses and parameters as servers pass them on.
 * - `wants.ts`: which commands are asked for, and which actions, derived from what the plugins hook.
 * - `say.ts`: a judgement in words of milter.
 *
 * To begin reading, take `session.ts`: `take` has every command.
 */
export { createMilterListener, type MilterListener } from './server/listener.ts'
export {
  DEFAULT_MILTER_LIMITS,
  type MilterLimits,
  type MilterListenerOptions,
  milterMistakes,
} from './server/options.ts'
export { type MilterScope, type Wants, wantsOf } from './server/wants.ts'
