/** What was changed of a message, as whoever applies it elsewhere must know it. */

/**
 * One change of the header section; they are applied in the order given. `name` and `index` are those of the section as received, and
 * the empty name is that of lines that are no fields. `raw` is a whole field with its line end.
 */
export type HeaderEdit =
  /** The field that was the `index`th (from 1) of its name gets another value, in its place. */
  | { readonly kind: 'change'; readonly name: string; readonly index: number; readonly raw: Uint8Array }
  | { readonly kind: 'delete'; readonly name: string; readonly index: number }
  /**
   * A new field. 0: above all, the trace field of the server that shows us the message included. n: above the nth of the fields that are
   * left when all changes and deletions were made, or below the last.
   */
  | { readonly kind: 'insert'; readonly name: string; readonly before: number; readonly raw: Uint8Array }

/** All that was changed. */
export interface Edits {
  /** First changes and deletions, from the bottom to the top; then insertions, from the bottom to the top. */
  readonly headers: readonly HeaderEdit[]
  /** The octets of another body, after the empty line; undefined while it is as received. May be called any number of times. */
  readonly body: (() => AsyncIterable<Uint8Array>) | undefined
}
