/** The lines of MAIL and RCPT, with the parameters the server understands. */
import type { Address, MailParameters, RcptParameters } from '@postroad/mail'
import type { Extensions } from './extensions.ts'

/** What a connection is, as far as the parameters of MAIL depend on it. */
export interface Peer {
  readonly extensions: Extensions
  readonly isAuthenticated: boolean
}

/**
 * The MAIL command without CRLF, RFC 5321 §4.1.1.2.
 *
 * @param size octets of the message, or undefined when not known yet; sent only to a server that offers SIZE
 */
export function mailCommand(
  from: Address | undefined,
  parameters: MailParameters,
  peer: Peer,
  size: number | undefined,
): string {
  const { extensions } = peer
  let line = from === undefined ? 'MAIL FROM:<>' : `MAIL FROM:<${from}>`
  if (size !== undefined && extensions.size !== undefined) line += ` SIZE=${size}`
  if (parameters.body !== undefined && parameters.body !== 'BINARYMIME' && extensions.eightBitMime)
    line += ` BODY=${parameters.body}`
  // RFC 6531 §3.4: only where it is needed, and the caller has checked that the server knows it.
  if ((parameters.smtputf8 || from?.isInternational) && extensions.smtputf8) line += ' SMTPUTF8'
  if (parameters.requireTls && extensions.requireTls) line += ' REQUIRETLS'
  if (extensions.dsn) {
    if (parameters.ret !== undefined) line += ` RET=${parameters.ret}`
    if (parameters.envid !== undefined) line += ` ENVID=${encodeXtext(parameters.envid)}`
  }
  // RFC 4954 §5: only after our own authentication is the server likely to trust it.
  if (parameters.auth !== undefined && peer.isAuthenticated) {
    line += parameters.auth === null ? ' AUTH=<>' : ` AUTH=${encodeXtext(parameters.auth)}`
  }
  return line
}

/** The RCPT command without CRLF, RFC 5321 §4.1.1.3. */
export function rcptCommand(to: Address, parameters: RcptParameters, extensions: Extensions): string {
  let line = `RCPT TO:<${to}>`
  if (!extensions.dsn) return line
  if (parameters.notify !== undefined && parameters.notify.length > 0) line += ` NOTIFY=${parameters.notify.join(',')}`
  const { orcpt } = parameters
  if (orcpt !== undefined)
    line += ` ORCPT=${orcpt.type};${orcpt.type.toLowerCase() === 'utf-8' ? encodeUtf8Xtext(orcpt.address) : encodeXtext(orcpt.address)}`
  return line
}

const PLAIN = /^[!-*,-<>-~]*$/

/** xtext, RFC 3461 §4: printable ASCII stays but for `+` and `=`; other octets become `+HH`. */
export function encodeXtext(text: string): string {
  if (PLAIN.test(text)) return text
  let out = ''
  for (const octet of Buffer.from(text, 'utf8')) {
    const plain = octet > 0x20 && octet < 0x7f && octet !== 0x2b && octet !== 0x3d
    out += plain ? String.fromCharCode(octet) : `+${octet.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}

/** utf-8-addr-xtext, RFC 6533 §3: code points that xtext cannot show become `\x{HEX}`. */
function encodeUtf8Xtext(text: string): string {
  let out = ''
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    const plain = point > 0x20 && point < 0x7f && point !== 0x2b && point !== 0x3d && point !== 0x5c
    out += plain ? character : `\\x{${point.toString(16).toUpperCase().padStart(2, '0')}}`
  }
  return out
}
