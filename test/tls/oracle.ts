/** Other mail servers that bring a message to the same hosts over the same DNS. */
import type { Cell } from './cell.ts'

/** What became of a message, as far as the log of another program tells: `tls` with whoever it was, `dane` with the server of the records. */
export type Fate = 'clear' | 'tls' | 'dane' | 'kept' | 'failed'

/** What was seen of an oracle. */
export interface OracleSeen {
  readonly fate: Fate
  /** Its own words. */
  readonly reply: string
  /** Messages that the hosts were given. */
  readonly messages: number
}

/** Another mail server. */
export interface Oracle extends AsyncDisposable {
  readonly name: 'postfix' | 'exim'
  /** Sends one message; the hosts and DNS of the cell are there. */
  send(cell: Cell): Promise<Omit<OracleSeen, 'messages'>>
}

/** What a cell expects in the words that logs have. */
export function fateOf(expected: string): Fate {
  if (expected === 'unauthenticated' || expected === 'encrypted') return 'tls'
  if (expected.startsWith('dane')) return 'dane'
  if (expected.startsWith('skipped') || expected === 'deferred') return 'kept'
  if (expected === 'clear' || expected === 'failed') return expected
  throw new TypeError(`"${expected}" is no fate`)
}
