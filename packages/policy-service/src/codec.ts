/**
 * The policy protocol as values, both ways: what a mail server asks, what a policy service answers. Imports nothing, opens nothing.
 *
 * `codec/attributes.ts` cuts blocks out of octets; `codec/request.ts` reads questions, `codec/action.ts` reads and writes answers.
 */

export { type PolicyAnswer, parseAction } from './codec/action.ts'
export { BlockReader } from './codec/attributes.ts'
export { formatBlock } from './codec/request.ts'
