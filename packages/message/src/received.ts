/** The trace field that says when and from whom a message came to us, RFC 5321 §4.4. */
import { type Address, isAtext } from '@postroad/mail'

/** What a `Received` field tells. All text may be foreign: whatever could break the field is replaced. */
export interface ReceivedOptions {
  /** What the client called itself in HELO, EHLO or LHLO. */
  readonly helo: string
  /** IP address of the client, without brackets; empty: it came over a UNIX socket, or from within. */
  readonly remoteAddress: string
  /** Name the address has in the DNS, verified or not. */
  readonly rdns?: string | undefined
  /** Our own name. */
  readonly by: string
  readonly protocol: ReceivedProtocol
  /** Transaction id. */
  readonly id: string
  /** The recipient, when there is only one: several would tell each of the others (RFC 5321 §7.2). */
  readonly for?: Address | undefined
  readonly tls?: { readonly version: string; readonly cipher: string } | undefined
  /** Milliseconds since the epoch. */
  readonly date: number
}

/** Which way a message came; gives the keyword of the IANA registry of RFC 3848 and RFC 6531 §4.3. */
export interface ReceivedProtocol {
  readonly base: 'SMTP' | 'ESMTP' | 'LMTP'
  readonly tls?: boolean
  readonly auth?: boolean
  /** The transaction used SMTPUTF8. */
  readonly smtputf8?: boolean
}

/** `ESMTPSA`, `UTF8LMTPS`, `SMTP`… RFC 3848 §1, RFC 6531 §4.3. */
export function protocolKeyword(protocol: ReceivedProtocol): string {
  // HELO knows neither TLS nor AUTH; a client that used them has said EHLO before.
  const { base, smtputf8, tls, auth } = protocol
  const isExtended = base !== 'SMTP' || smtputf8 || tls || auth
  if (!isExtended) return 'SMTP'
  const name = smtputf8 ? (base === 'LMTP' ? 'UTF8LMTP' : 'UTF8SMTP') : base === 'LMTP' ? 'LMTP' : 'ESMTP'
  return `${name}${tls ? 'S' : ''}${auth ? 'A' : ''}`
}

/**
 * The whole field, folded, with its CRLF.
 *
 * @example
 * receivedField({ helo: 'mail.example', remoteAddress: '192.0.2.1', by: 'mx.example.com', protocol: { base: 'ESMTP' }, id: 'X1', date: 0 })
 * // Received: from mail.example ([192.0.2.1])
 * //  by mx.example.com with ESMTP id X1;
 * //  Thu, 01 Jan 1970 00:00:00 +0000
 */
export function receivedField(options: ReceivedOptions): Buffer {
  const { helo, remoteAddress, rdns, by, protocol, id, tls, date } = options
  const literal = `[${remoteAddress.includes(':') ? 'IPv6:' : ''}${cleanComment(remoteAddress, 64)}]`
  const info = rdns ? `${cleanDomain(rdns)} ${literal}` : literal
  const from = remoteAddress === '' ? '' : ` (${info})`
  let text = `Received: from ${cleanDomain(helo) || 'unknown'}${from}\r\n by ${cleanDomain(by)}`
  if (tls) text += ` (${cleanComment(tls.version, 32)} ${cleanComment(tls.cipher, 64)})\r\n`
  text += ` with ${protocolKeyword(protocol)} id ${cleanAtom(id)}`
  const recipient = options.for === undefined ? '' : forPath(String(options.for))
  if (recipient) text += `\r\n for ${recipient}`
  return Buffer.from(`${text};\r\n ${formatDate(date)}\r\n`)
}

/** RFC 5322 §3.3, always in universal time: `Thu, 01 Jan 1970 00:00:00 +0000`. Milliseconds since the epoch. */
export function formatDate(time: number): string {
  const second = Math.floor(time / 1000)
  if (second !== lastSecond) {
    // toUTCString is `Thu, 01 Jan 1970 00:00:00 GMT`; RFC 5322 §4.3 makes `GMT` obsolete.
    lastText = `${new Date(second * 1000).toUTCString().slice(0, -3)}+0000`
    lastSecond = second
  }
  return lastText
}

// On a busy server most messages of a second share one date.
let lastSecond = Number.NaN
let lastText = ''

const DOMAIN_LIMIT = 255

/** A domain or address literal; other characters become `?`, so that no comment, quote or line can begin or end in it. */
function cleanDomain(text: string): string {
  return replace(
    text,
    DOMAIN_LIMIT,
    (code) => isAtext(code) || code === 0x2e || code === 0x3a || code === 0x5b || code === 0x5d,
  )
}

/** ctext, RFC 5322 §3.2.2, without the quotes and brackets that careless readers take for something. */
function cleanComment(text: string, limit: number): string {
  return replace(text, limit, (code) => isAtext(code) || code === 0x2e || code === 0x3a)
}

function cleanAtom(text: string): string {
  return replace(text, 128, (code) => isAtext(code) || code === 0x2e)
}

/** The path, or nothing where it could break the field: leaving `for` out is always right. */
function forPath(text: string): string {
  const isSafe = text.length <= DOMAIN_LIMIT && !/[\p{Cc}<>\u2028\u2029]/u.test(text)
  return isSafe && text !== '' ? `<${text}>` : ''
}

function replace(text: string, limit: number, isAllowed: (code: number) => boolean): string {
  let isClean = text.length <= limit
  for (let at = 0; isClean && at < text.length; at++) isClean = isAllowed(text.charCodeAt(at))
  if (isClean) return text
  let out = ''
  for (let at = 0; at < text.length && at < limit; at++) out += isAllowed(text.charCodeAt(at)) ? text[at] : '?'
  return out
}
