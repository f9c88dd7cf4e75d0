/**
 * The cells of the matrix: a mail host as DNS and its TLS show it, and what must become of a message to it. Data, so that others can run them:
 * `node test/tls/matrix.ts --json FILE` writes them with what was seen.
 */

/** What is wrong with a signature, or with the chain that leads to it: a resolver that validates answers SERVFAIL, RFC 4035 §5.5. */
export type Flaw =
  /** The record is another one than that which was signed. */
  | 'bogus'
  /** The signature has ended. */
  | 'expired'
  /** It has not yet begun. */
  | 'premature'
  /** It was taken away. */
  | 'stripped'
  /** The zone above vouches for another key. */
  | 'wrong DS'
  /** There is no such record, and the proof of it was taken away. */
  | 'denial stripped'

/** Why a zone below a signed one has no signatures that count, RFC 4035 §5.2. */
export type Unsigned =
  /** The zone above proves that it knows of no key. */
  | 'insecure'
  /** It proves only that it says nothing of any key there (opt-out, RFC 5155). */
  | 'opted out'
  /** It knows of a key that nobody can use. */
  | 'unknown algorithm'

/**
 * How the MX record of `dane.test` is found: a host of its own, or (`nodata`) the domain itself. With an alias the mail is for `alias.dane.test`,
 * or for `alias.plain.test`, whose zone is not signed.
 */
export type MxState =
  | 'secure'
  | Unsigned
  | 'insecure, tried'
  | Flaw
  | 'alias secure'
  | 'alias from unsigned'
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
  | Exclude<Flaw, 'denial stripped'>
  | 'timeout'
  | 'nodata secure'
  | Unsigned
  | 'alias secure'
  | 'alias to unsigned'
  | 'alias from unsigned'
  | 'alias bogus'
  | 'alias loop'

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
  | Flaw
  | { readonly insecure: readonly string[] }
  /** `*._tcp` of the host. */
  | { readonly wildcard: readonly string[] }
  /** The name is an alias of `_dane.dane.test`, RFC 7671 §7; or of a name in a zone that is not signed; or its signature is wrong. */
  | { readonly alias: 'secure' | 'to unsigned' | 'bogus'; readonly records: readonly string[] }
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

/** A cell on one line. */
export function lineOf({ mx, address, tlsa, server: { chain, starttls }, expected, source }: Cell): string {
  return [
    `MX ${mx}`,
    `address ${address}`,
    `TLSA ${shownTlsa(tlsa)}`,
    `STARTTLS ${starttls} (${chain.join(' ')})`,
    `→ ${expected}`,
    source,
  ].join(' | ')
}

/** Records on one line. */
export function shownTlsa(tlsa: TlsaState): string {
  if (typeof tlsa === 'string') return tlsa
  if (isList(tlsa)) return tlsa.length > 4 ? `${tlsa.length} records` : tlsa.join(', ')
  if ('insecure' in tlsa) return `insecure ${shownTlsa(tlsa.insecure)}`
  if ('wildcard' in tlsa) return `wildcard ${shownTlsa(tlsa.wildcard)}`
  return 'alias' in tlsa
    ? `alias ${tlsa.alias} ${shownTlsa(tlsa.records)}`
    : `end ${shownTlsa(asState(tlsa.end))}, begin ${shownTlsa(asState(tlsa.begin))}`
}

function isList(tlsa: TlsaState): tlsa is readonly string[] {
  return Array.isArray(tlsa)
}

function asState(tlsa: readonly string[] | 'servfail' | 'nodata'): TlsaState {
  return tlsa === 'nodata' ? 'nodata secure' : tlsa
}
