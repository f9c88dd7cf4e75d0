/** What a client speaks that has come to the wrong place, by its first octets: an operator who reads it knows which two lines to swap. */

const FOREIGN: readonly (readonly [name: string, is: RegExp])[] = [
  ['HTTP', /^(?:GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT|TRACE) |^HTTP\//],
  ['HTTP/2', /^PRI \* /],
  ['TLS', /^\x16\x03[\x00-\x04]/],
  ['a PROXY header', /^PROXY |^\r\n\r\n\x00\r\nQUIT\n/],
  ['SMTP', /^(?:EHLO|HELO|LHLO|MAIL|QUIT|NOOP|RSET|STARTTLS|XCLIENT)\b|^\d{3}[ -]/i],
  // A frame of milter: its length, and the command for options. A HTTP request read so would be a frame of 1.2 GB.
  ['milter', /^\x00\x00\x00[\x05-\xff][OCDQ]/],
  ['clamd', /^[zn]?(?:PING|INSTREAM|VERSION|SCAN|CONTSCAN|IDSESSION|STATS)\b/],
  ['a spamd client', /^(?:PROCESS|CHECK|SYMBOLS|REPORT|HEADERS|TELL) SPAMC\//],
  ['a socket map', /^\d{1,6}:[^,]/],
  ['a TCP table', /^(?:get|put) \S/],
  ['SSH', /^SSH-/],
]

/** Undefined when it is nothing that is known here. */
export function foreignName(octets: Buffer): string | undefined {
  const beginning = octets.toString('latin1', 0, 64)
  return FOREIGN.find(([, is]) => is.test(beginning))?.[0]
}
