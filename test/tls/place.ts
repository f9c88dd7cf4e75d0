/** Names and addresses of a cell, the same in literal and in real zones. */
import type { Cell, TlsaState } from './cell.ts'

/** Where the server of the cell listens. */
export const FIRST = '127.0.0.2'
/** The address of the second host. */
export const SECOND = '127.0.0.3'

/** The end of aliases of the host. */
export const END = 'host.dane.test'
/** The end of aliases of TLSA records. */
export const TLSA_END = '_dane.dane.test'

/** The mail host. Real DNS has no alias at the top of a zone, so one in a zone that is not signed has a name of its own. */
export function hostOf({ mx, address }: Pick<Cell, 'mx' | 'address'>): string {
  if (mx === 'nodata secure' || mx === 'nodata insecure') return 'dane.test'
  return address === 'alias from unsigned' ? 'mx.plain.dane.test' : 'mx.dane.test'
}

/** Whom the mail is for. */
export function domainOf({ mx }: Pick<Cell, 'mx'>): string {
  if (mx === 'alias secure') return 'alias.dane.test'
  return mx === 'alias from unsigned' ? 'alias.plain.test' : 'dane.test'
}

/** Whether the MX record is one that nobody vouches for, and nobody contradicts. */
export function isUnsigned(mx: Cell['mx']): boolean {
  return mx === 'insecure' || mx === 'insecure, tried' || mx === 'opted out' || mx === 'unknown algorithm'
}

/** Records at both ends of an alias. */
export type Pair = Extract<TlsaState, { end: unknown }>
/** A TLSA name that is itself an alias. */
export type Alias = Extract<TlsaState, { alias: unknown }>
/** What one name has. */
export type One = Exclude<TlsaState, Pair | Alias>

export function isPair(tlsa: TlsaState): tlsa is Pair {
  return typeof tlsa === 'object' && 'end' in tlsa
}

export function isAlias(tlsa: TlsaState): tlsa is Alias {
  return typeof tlsa === 'object' && 'alias' in tlsa
}

/** One end of a pair. */
export function endOf(state: Pair['end']): One {
  return state === 'nodata' ? 'nodata secure' : state
}
