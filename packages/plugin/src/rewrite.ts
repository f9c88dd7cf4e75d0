/** What a `rewrite` handler may answer besides a message: edits of the envelope. */
import type { Address, Message, RcptParameters } from '@postroad/mail'

/** A recipient that an edit adds, with what the next server may be told of it: parameters of RFC 3461. */
export interface AddedRecipient {
  readonly address: Address
  readonly parameters?: RcptParameters
}

/** Edits of message and envelope; made by {@link rewrite}. */
export interface Rewrite {
  readonly kind: 'rewrite'
  readonly message?: Message
  /** The new reverse-path; `null` is `<>`. */
  readonly from?: Address | null
  /** Each gets a route as a recipient of the client's does; one that is there already is not there twice. */
  readonly add?: readonly (Address | AddedRecipient)[]
  /** Answered 250, and not carried: a discard for one. One that is not there is no mistake. */
  readonly remove?: readonly Address[]
}

type Edit = 'message' | 'from' | 'add' | 'remove'

/** What {@link rewrite} takes: at least one of them. */
export type RewriteOptions = {
  [K in Edit]: Required<Pick<Rewrite, K>> & Partial<Omit<Rewrite, K | 'kind'>>
}[Edit]

/**
 * At `rewrite`: another envelope, perhaps with another message. Say `changes: 'envelope'` beside the handler.
 *
 * @throws {TypeError} when there is no edit, one is misspelt, or is not what its type says
 * @example
 * rewrite: { changes: 'envelope', handler: () => rewrite({ add: [archive] }) }
 */
export function rewrite(edits: RewriteOptions): Rewrite {
  if (typeof edits !== 'object' || edits === null) throw new TypeError('rewrite: edits must be an object')
  const keys = Object.keys(edits)
  if (keys.length === 0) throw new TypeError(`rewrite: no edit is given; there are ${EDITS.join(', ')}`)
  for (const key of keys)
    if (!EDITS.includes(key)) throw new TypeError(`rewrite: there is no edit "${key}"; there are ${EDITS.join(', ')}`)
  const problem = rewriteProblem(edits)
  if (problem) throw new TypeError(`rewrite: ${problem}`)
  return { kind: 'rewrite', ...edits }
}

const EDITS: readonly string[] = ['message', 'from', 'add', 'remove']

/** What is wrong with edits; for the host, which believes nobody. */
export function rewriteProblem(edits: Readonly<Record<string, unknown>>): string | undefined {
  const { message, from, add, remove } = edits
  if ('message' in edits && !isObject(message)) return 'message must be a message'
  if ('from' in edits && from !== null && !isAddress(from)) return 'from must be an address, or null for <>'
  if (
    'add' in edits &&
    !(Array.isArray(add) && add.every((one) => isAddress(one) || (isObject(one) && isAddress(one['address']))))
  )
    return 'add must be an array of addresses, or of { address, parameters }; parseAddress makes an address of a text'
  if ('remove' in edits && !(Array.isArray(remove) && remove.every(isAddress)))
    return 'remove must be an array of addresses'
  return undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isAddress(value: unknown): boolean {
  return isObject(value) && typeof value['local'] === 'string' && typeof value['domain'] === 'string'
}
