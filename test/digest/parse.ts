/** The HTML part of a digest, as a mail program finds it: quoted-printable, UTF-8. */
export function htmlOf(digest: string): string {
  const [, part = ''] = digest.split('Content-Type: text/html')
  const body = part.slice(part.indexOf('\r\n\r\n') + 4, part.lastIndexOf('\r\n--'))
  const octets = body
    .replaceAll('=\r\n', '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(octets, 'latin1').toString()
}
