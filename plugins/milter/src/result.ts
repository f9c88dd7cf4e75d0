/** What a milter did, for other plugins and for the log. */
import type { FilterDecision } from '@postroad/milter-protocol/client'
import { defineFact, type Fact } from '@postroad/plugin'

/** What a milter did with a message. */
export interface MilterResult {
  /** The last thing it said. */
  readonly decision: FilterDecision['kind']
  /** A phrase an edit: `insert Authentication-Results at 0`, `body`. */
  readonly edits?: readonly string[]
  readonly quarantine?: string
  /** It was not shown the message. */
  readonly skipped?: 'size'
}

/**
 * The fact that says what a milter did with the message; set at `message`.
 *
 * @param name the label that the operator gave it with `as`; default: that of a single milter
 * @example
 * const bulk = milterResult('bulk')
 * message: { after: [bulk], handler: ({ find }) => (find(bulk)?.edits?.includes('add X-Bulk') ? suspect(2, 'bulk') : undefined) }
 */
export function milterResult(name = 'milter'): Fact<MilterResult, 'transaction'> {
  return defineFact<MilterResult>(name === 'milter' ? name : `milter-${name}`)
}
