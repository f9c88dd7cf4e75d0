/**
 * The cells of the matrix: a mail host as DNS and its TLS show it, and what must become of a message to it. Data, so that others can run them:
 * `node test/tls/matrix.ts --json FILE` writes them with what was seen.
 */

/** How the MX record of `dane.test` is found: a host of its own, or (`nodata`) the domain itself. */
export type MxState =
  | 'secure'
  | 'insecure'
  | 'insecure, tried'
  | 'bogus'
  | 'timeout'
  | 'refused'
  | 'nodata secure'
  | 'nodata insecure'
  | 'nxdomain'
  | 'null secure'
  | 'second good'
  | 'second plain'

/** How the address of the host is found. */
export type AddressState =
  | 'secure'
  | 'secure, AAAA bogus'
  | 'bogus'
  | 'timeout'
  | 'insecure'
  | 'alias secure'
  | 'alias to unsigned'
  | 'alias from unsigned'
  | 'alias bogus'

/**
 * Records in the form `3 1 1 ee`: usage, selector, matching type, and of which certificate (test/tls/certificate.ts); `/31` cuts the data to so
 * many octets. `wrong` is the digest of nothing. Or what DNS says instead.
 */
export type TlsaState =
  | readonly string[]
  | 'nodata secure'
  | 'nxdomain secure'
  | 'denied insecure'
  | 'servfail'
  | 'timeout'
  | 'refused'
  | { readonly insecure: readonly string[] }
  /** At the end of the alias, and at its beginning. */
  | {
      readonly end: readonly string[] | 'servfail' | 'nodata'
      readonly begin: readonly string[] | 'servfail' | 'nodata'
    }

/** The certificates the server sends, its own first; and what it does about STARTTLS. */
export interface ServerState {
  readonly chain: readonly string[]
  readonly starttls: 'works' | 'not offered' | '454' | '502' | 'garbage' | 'closes' | 'fewer keywords after'
}

/**
 * `clear`, `unauthenticated` (TLS with whoever it is, because nothing is published), `encrypted` (TLS is demanded, and no certificate),
 * `dane-ee`, `dane-ta`: delivered so. `skipped`: the host is left out, and the message is deferred; with the result type of RFC 8460 §4.3.
 * `deferred`: nobody was connected to. `failed`: it bounces.
 */
export type Expected =
  | 'clear'
  | 'unauthenticated'
  | 'encrypted'
  | 'dane-ee'
  | 'dane-ta'
  | 'deferred'
  | 'failed'
  | `skipped ${string}`

/** One cell. */
export interface Cell {
  readonly mx: MxState
  readonly address: AddressState
  readonly tlsa: TlsaState
  readonly server: ServerState
  readonly expected: Expected
  /** The paragraph that it follows from. */
  readonly source: string
}

/** Everything that a cell does not say is as it is at its best. */
export function cell(expected: Expected, source: string, over: Partial<Omit<Cell, 'expected' | 'source'>> = {}): Cell {
  const { mx = 'secure', address = 'secure', tlsa = ['3 1 1 ee'], server = EE } = over
  return { mx, address, tlsa, server, expected, source }
}

/** A server that shows these certificates, and does this about STARTTLS. */
export function server(chain: string, starttls: ServerState['starttls'] = 'works'): ServerState {
  return { chain: chain.split(' '), starttls }
}

const EE: ServerState = { chain: ['ee'], starttls: 'works' }

/** Records on one line. */
export function shownTlsa(tlsa: TlsaState): string {
  if (typeof tlsa === 'string') return tlsa
  if (isList(tlsa)) return tlsa.length > 4 ? `${tlsa.length} records` : tlsa.join(', ')
  return 'insecure' in tlsa
    ? `insecure ${tlsa.insecure.join(', ')}`
    : `end ${shownTlsa(asState(tlsa.end))}, begin ${shownTlsa(asState(tlsa.begin))}`
}

function isList(tlsa: TlsaState): tlsa is readonly string[] {
  return Array.isArray(tlsa)
}

function asState(tlsa: readonly string[] | 'servfail' | 'nodata'): TlsaState {
  return tlsa === 'nodata' ? 'nodata secure' : tlsa
}
