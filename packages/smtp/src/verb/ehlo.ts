/** What EHLO and LHLO say the server can do. Nothing is said that nobody would honour. */

import { MECHANISMS, type WireMechanism } from '../auth/mechanism.ts'
import type { Connection } from '../session/connection.ts'
import type { Offer } from '../stages.ts'
import { formatPlain } from '../wire/reply.ts'
import { XFORWARD, xclientOffer } from './xclient.ts'

const NOTHING: readonly WireMechanism[] = []

/** Mechanisms this connection may use now. */
export function mechanismsFor(connection: Connection, offer: Offer): readonly WireMechanism[] {
  const { auth, authWithoutTls } = connection.settings
  if (auth === 'none' || offer.mechanisms.length === 0) return NOTHING
  // RFC 4954 §4: what shows a password is not offered in the clear. What does not is not either: the mail behind it would be.
  if (connection.tls === undefined && !authWithoutTls) return NOTHING
  return offer.mechanisms
    .filter((name) => MECHANISMS.has(name) && (name !== 'EXTERNAL' || connection.tls?.client !== undefined))
    .flatMap((name) => (name === 'SCRAM-SHA-256' && canBind(connection) ? ['SCRAM-SHA-256-PLUS', name] : [name]))
}

function canBind({ tls, isForwarded }: Connection): boolean {
  return tls?.version === 'TLSv1.3' && !isForwarded
}

/** Whether STARTTLS makes sense now, RFC 3207 §4.2. */
export function offersStartTls(connection: Connection): boolean {
  const { tls } = connection.settings
  return connection.tls === undefined && (tls === 'optional' || tls === 'required') && connection.server.hasCertificate
}

/** The whole reply to EHLO or LHLO. `greeting` stands in its first line. */
export function formatEhlo(connection: Connection, offer: Offer, greeting: string): string {
  return formatPlain({ code: 250, text: [greeting, ...keywordsOf(connection, offer)] })
}

function keywordsOf(connection: Connection, offer: Offer): string[] {
  const { limits, xclient, xforward } = connection.settings
  const mechanisms = mechanismsFor(connection, offer)
  const keywords = [
    'PIPELINING', // RFC 2920
    `SIZE ${limits.size}`, // RFC 1870
    offersStartTls(connection) && 'STARTTLS', // RFC 3207
    mechanisms.length > 0 && `AUTH ${mechanisms.join(' ')}`, // RFC 4954
    'ENHANCEDSTATUSCODES', // RFC 2034
    offer.eightBitMime && '8BITMIME', // RFC 6152
    'CHUNKING', // RFC 3030
    offer.binaryMime && 'BINARYMIME', // RFC 3030 §3
    offer.smtputf8 && 'SMTPUTF8', // RFC 6531
    offer.dsn && 'DSN', // RFC 3461
    // RFC 8689 §2: not before TLS.
    offer.requireTls && connection.tls !== undefined && 'REQUIRETLS',
    `LIMITS MAILMAX=${limits.transactions} RCPTMAX=${limits.recipients}`, // RFC 9422
    offer.prdr && connection.protocol === 'smtp' && 'PRDR',
    xclient(connection.remote.address) && `XCLIENT ${xclientOffer(connection).join(' ')}`,
    xforward(connection.remote.address) && `XFORWARD ${XFORWARD.join(' ')}`,
    'HELP',
  ]
  return keywords.filter((keyword) => typeof keyword === 'string')
}
