/**
 * A received message, to the text a reader sees: header fields kept octet for octet, content in memory or on disk, MIME on request.
 *
 * The octets of a message are written once and never copied after that:
 *
 *   createContentWriter                content-store.ts takes the chunks as they come; above a limit they go on in a temporary file (spill-file.ts)
 *        │                             header-scanner.ts counts fields on the way; nothing is refused here
 *   Stored (stored.ts)                 what was written, read by any number of readers at once, until it is disposed of
 *        │
 *   createMessage (message.ts)         the `Message` that plugins get: headers, body, raw octets, edits, MIME
 *
 * An edit makes another message that shares all octets it does not change: header-edit.ts writes the fields on top or takes some out.
 * Names and values that would break the header section throw; long values are folded.
 *
 * What known fields mean (`message.subject`, `from`, …) is read by header-value.ts when somebody asks. MIME is read on first use and once for a
 * message and its edits: mime-scan.ts finds the parts as mail clients do, within limits; attachment.ts lists files, decoded when asked for;
 * mime-text.ts has the npm package mailparser read the texts, and html-text.ts makes text of HTML.
 *
 * Who reads reports gets the parts by their types: sectionsOf (section.ts).
 *
 * What goes wrong has a code: MessageError, whose texts hold nothing of the message. receivedField (received.ts) writes the trace field.
 *
 * Where to begin: message.ts for what a message is, content-store.ts and stored.ts for where its octets are.
 */
export { type ContentWriter, createContentWriter } from './content-store.ts'
export {
  carryEdits,
  createMessage,
  disposeBodies,
  editsOf,
  isMadeFrom,
  type MessageOptions,
  messageFromBytes,
  withFields,
} from './message.ts'
export { receivedField } from './received.ts'
export { type Section, type Sections, sectionsOf } from './section.ts'
export type { SpillFile } from './spill-file.ts'
export type { Stored } from './stored.ts'
