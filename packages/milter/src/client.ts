/**
 * The client of milter: a mail server asks one filter.
 *
 * - `dialogue.ts`: what is said in which order, what is not said to whom, and what an answer is.
 * - `connection.ts`: octets in and out, and the clocks.
 * - `content.ts`: fields and body of octets as they arrive.
 * - `field-edits.ts`: what edits of the header mean.
 *
 * To begin reading, take `dialogue.ts`.
 */
export type { FilterAddress } from './client/connection.ts'
export { ContentSplitter } from './client/content.ts'
export {
  type FilterClocks,
  type FilterDecision,
  FilterDialogue,
  type FilterEdit,
  type MacroSource,
} from './client/dialogue.ts'
export { FieldEdits } from './client/field-edits.ts'
