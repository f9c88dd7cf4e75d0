/** What EHLO and LHLO say the server can do. Nothing is said that nobody would honour. */

import { certificatesOf, UNKNOWN } from '@postroad/listener'
import type { TlsInfo } from '@postroad/mail'
import { MECHANISMS, type WireMechanism } from '../auth/mechanism.ts'
import type { ListenerOptions } from '../config/listener-options.ts'
import { settingsOf } from '../config/settings.ts'
import type { Conversation } from '../session/conversation.ts'
import type { Offer } from '../stages.ts'
import { formatPlain } from '../wire/reply.ts'
import { XFORWARD, xclientOffer } from './xclient.ts'

/** What the keywords hang on, besides the offer. */
type State = Pick<Conversation, 'settings' | 'protocol' | 'tls' | 'hasCertificate' | 'isForwarded' | 'remote'>

/** As good as TLS gets for who has no certificate. */
const TLS: TlsInfo = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' }

const NOTHING: readonly WireMechanism[] = []

/** Mechanisms this connection may use now. */
export function mechanismsFor(conversation: State, offer: Offer): readonly WireMechanism[] {
  const { auth, authWithoutTls } = conversation.settings
  if (auth === 'none' || offer.mechanisms.length === 0) return NOTHING
  // RFC 4954 §4: what shows a password is not offered in the clear. What does not is not either: the mail behind it would be.
  if (conversation.tls === undefined && !authWithoutTls) return NOTHING
  return offer.mechanisms
    .filter((name) => MECHANISMS.has(name) && (name !== 'EXTERNAL' || conversation.tls?.client !== undefined))
    .flatMap((name) =>
      name === 'SCRAM-SHA-256' && offer.channelBinding !== false && canBind(conversation)
        ? ['SCRAM-SHA-256-PLUS', name]
        : [name],
    )
}

function canBind({ tls, isForwarded }: State): boolean {
  return tls?.version === 'TLSv1.3' && !isForwarded
}

/** Whether STARTTLS makes sense now, RFC 3207 §4.2. */
export function offersStartTls(conversation: State): boolean {
  const { tls } = conversation.settings
  return conversation.tls === undefined && (tls === 'optional' || tls === 'required') && conversation.hasCertificate
}

/** The whole reply to EHLO or LHLO. `greeting` stands in its first line. */
export function formatEhlo(conversation: Conversation, offer: Offer, greeting: string): string {
  return formatPlain({ code: 250, text: [greeting, ...keywordsOf(conversation, offer)] })
}

/**
 * What EHLO (LHLO, where that is spoken) says on a listener before anybody has connected: to a stranger, in the clear or under TLS 1.3.
 *
 * @throws {ListenerError} naming all that is wrong with the options
 */
export function keywordsOn(options: ListenerOptions, offer: Offer, under: 'clear' | 'tls'): readonly string[] {
  const settings = settingsOf(options)
  const tls = under === 'tls' ? TLS : undefined
  const hasCertificate = certificatesOf(options).length > 0
  return keywordsOf(
    { settings, protocol: settings.protocol, tls, hasCertificate, isForwarded: false, remote: UNKNOWN },
    offer,
  )
}

function keywordsOf(conversation: State, offer: Offer): string[] {
  const { limits, xclient, xforward } = conversation.settings
  const mechanisms = mechanismsFor(conversation, offer)
  const keywords = [
    'PIPELINING', // RFC 2920
    `SIZE ${limits.size}`, // RFC 1870
    offersStartTls(conversation) && 'STARTTLS', // RFC 3207
    mechanisms.length > 0 && `AUTH ${mechanisms.join(' ')}`, // RFC 4954
    'ENHANCEDSTATUSCODES', // RFC 2034
    offer.eightBitMime && '8BITMIME', // RFC 6152
    'CHUNKING', // RFC 3030
    offer.binaryMime && 'BINARYMIME', // RFC 3030 §3
    offer.smtputf8 && 'SMTPUTF8', // RFC 6531
    offer.dsn && 'DSN', // RFC 3461
    // RFC 8689 §2: not before TLS.
    offer.requireTls && conversation.tls !== undefined && 'REQUIRETLS',
    `LIMITS MAILMAX=${limits.transactions} RCPTMAX=${limits.recipients}`, // RFC 9422
    offer.prdr && conversation.protocol === 'smtp' && 'PRDR',
    xclient(conversation.remote.address) && `XCLIENT ${xclientOffer(conversation).join(' ')}`,
    xforward(conversation.remote.address) && `XFORWARD ${XFORWARD.join(' ')}`,
    'HELP',
  ]
  return keywords.filter((keyword) => typeof keyword === 'string')
}
