/**
 * Postfix's policy service: mail servers ask about a client and an envelope, without content, and are answered with an action of access(5).
 *
 * - `listener.ts`: the socket, how many may connect, and how it ends. `connection.ts`: one question after the other.
 * - `delivery.ts`: all questions about one message are one session of the scope, and one transaction. `answer.ts`: what it says, as actions.
 * - `codec.ts`, an entry of its own: the octets, both ways. `foreign.ts` names what has come to the wrong place.
 * - `options.ts`: what an operator may say.
 *
 * To begin reading, take `delivery.ts`.
 */
export { createPolicyListener, type PolicyListener } from './listener.ts'
export { type PolicyListenerOptions, policyMistakes } from './options.ts'
