/**
 * The milter protocol, both directions: a mail server asks, a filter answers. Nothing here opens a socket, and nothing decides.
 *
 * - `word.ts`: the words of the protocol, by the octet or the bit of each, and what exists in which version.
 * - `frame.ts`: what arrives as frames (`FrameReader`), and frames as what is sent (`FrameWriter`).
 * - `negotiation.ts`: the first frame of both. A filter calls `agree`, a mail server `checkAgreement`.
 * - `command.ts`: what a mail server says. A filter reads it, a mail server writes it.
 * - `answer.ts`: what a filter says, with `reply-text.ts` for replies. A mail server reads it, a filter writes it.
 * - `macros.ts`: what comes beside the commands, read when somebody asks.
 * - `foreign.ts`: what the octets of another protocol look like, for the mistake that says so.
 *
 * To begin reading, take `word.ts`, then `command.ts`: the tables in its tests show each frame as it is on the wire.
 */
export { type Answer, parseAnswer, writeAnswer } from './answer.ts'
export { type Command, type Connect, parseCommand, type SaidCommand, writeCommand, writeMacros } from './command.ts'
export { MilterError } from './errors.ts'
export { FrameReader, FrameWriter, type MilterFrame } from './frame.ts'
export { Macros } from './macros.ts'
export { type Agreement, agree, checkAgreement, hasStep, type MilterOffer } from './negotiation.ts'
export type { MilterReply } from './reply-text.ts'
export { ACTION, ANSWER, actionsOf, COMMAND, frameSizeOf, hasCommand, STEP, stepsOf, VERSION } from './word.ts'
