/** What EHLO and LHLO say the server can do. Nothing is said that nobody would honour. */

import { MECHANISMS } from './auth/mechanism.ts'
import type { Connection } from './connection.ts'
import { formatPlain } from './reply.ts'
import type { Mechanism, Offer } from './stages.ts'

const NOTHING: readonly Mechanism[] = []

/** Mechanisms this connection may use now. */
export function mechanismsFor(connection: Connection, offer: Offer): readonly Mechanism[] {
  const { auth, authWithoutTls } = connection.settings
  if (auth === 'none' || offer.mechanisms.length === 0) return NOTHING
  // RFC 4954 §4: what shows a password is not offered in the clear. What does not is not either: the mail behind it would be.
  if (connection.tls === undefined && !authWithoutTls) return NOTHING
  return offer.mechanisms.filter((name) => MECHANISMS.has(name) && (name !== 'EXTERNAL' || connection.tls?.client !== undefined))
}

/** Whether STARTTLS makes sense now, RFC 3207 §4.2. */
export function offersStartTls(connection: Connection): boolean {
  const { tls } = connection.settings
  return connection.tls === undefined && (tls === 'optional' || tls === 'required') && connection.server.hasCertificate
}

/** Replies made before, by what they were made of: a server says the same few again and again. */
const cache = new WeakMap<Offer, Map<string, string>>()

/** The whole reply to EHLO or LHLO. `greeting` stands in its first line. */
export function formatEhlo(connection: Connection, offer: Offer, greeting: string): string {
  const { hostname, limits } = connection.settings
  const client = connection.tls?.client === undefined ? '' : 'client'
  const key = [
    hostname,
    limits.size,
    limits.recipients,
    limits.transactions,
    connection.settings.auth,
    connection.tls !== undefined,
    client,
    offersStartTls(connection),
    greeting,
  ].join(' ')
  let texts = cache.get(offer)
  if (texts === undefined) cache.set(offer, (texts = new Map()))
  let text = texts.get(key)
  if (text === undefined) {
    text = formatPlain({ code: 250, text: [greeting, ...keywordsOf(connection, offer)] })
    texts.set(key, text)
  }
  return text
}

function keywordsOf(connection: Connection, offer: Offer): string[] {
  const { limits } = connection.settings
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
    'HELP',
  ]
  return keywords.filter((keyword) => keyword !== false)
}
