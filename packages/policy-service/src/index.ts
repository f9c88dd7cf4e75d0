/**
 * Postfix's policy service: mail servers ask about a client and an envelope, without content, and are answered with an action of access(5).
 *
 * - `listener.ts`: the socket, how many may connect, how they are told anew by a reload, and how it ends.
 * - `connection.ts`: one question after the other on one socket, which lives as long as the mail server likes.
 * - `inquiry.ts`: all questions about one message are one session of the scope, and one transaction whose recipients grow.
 * - `answer.ts`: what the scope says, as actions; where there is no message only some of it can be said.
 * - `codec.ts`, an entry of its own: the octets, both ways. A plugin that asks services of others needs no more.
 * - `options.ts`: what an operator may say.
 *
 * To begin reading, take `inquiry.ts`.
 */
export { createPolicyListener, type PolicyListener } from './listener.ts'
export { type PolicyListenerOptions, policyMistakes } from './options.ts'
