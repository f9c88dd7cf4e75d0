/** Whoever meets another protocol at a socket of milter wants to know which: the length that it would be says nothing to anybody. */

const LOOKS: readonly (readonly [RegExp, string])[] = [
  [/^(?:GET|POST|HEAD|PUT|DELETE|OPTIONS|CONNECT|PATCH|PRI) |^HTTP\//, 'this is HTTP'],
  [/^\x16\x03/, 'this is TLS'],
  [/^(?:EHLO|HELO|LHLO|QUIT|MAIL FROM|XCLIENT)[ \r\n:]/i, 'this is a client of SMTP'],
  [/^[2-5]\d\d[ -]/, 'this is a server of SMTP'],
  [/^request=|^[a-z_]+=.*\n/, 'this is a policy request of Postfix'],
  [/^action=/, 'this is a policy server'],
  [/^(?:UNKNOWN COMMAND|PONG\b|stream: |COMMAND READ)/, 'this is clamd'],
  [/^(?:z|n)?(?:PING|INSTREAM|VERSION)[\0\n]/, 'this is a client of clamd'],
  [/^\* (?:OK|BYE|PREAUTH)/, 'this is IMAP'],
  [/^\+OK|^-ERR/, 'this is POP3'],
  [/^PROXY TCP|^\r\n\r\n\0\r\nQUIT\n/, 'this is a PROXY header'],
  [/^\d{1,9}:/, 'this is a netstring'],
]

/** What the first octets look like, as a sentence; undefined when they are nothing that is known. */
export function describeForeign(octets: Uint8Array): string | undefined {
  const text = Buffer.from(octets.buffer, octets.byteOffset, Math.min(octets.length, 64)).toString('latin1')
  return LOOKS.find(([look]) => look.test(text))?.[1]
}
