/** Messages for tests. */

/** The octets of a message with these fields and this body; line ends become CRLF. */
export function mail(headers: Readonly<Record<string, string>> = { Subject: 'Test' }, body = 'Hello\n'): Uint8Array {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`)
  return Buffer.from(`${fields.join('')}\n${body}`.replace(/\r?\n/g, '\r\n'))
}
