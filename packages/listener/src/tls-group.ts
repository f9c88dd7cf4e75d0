/**
 * The group of the key exchange, which Node tells clients only. OpenSSL keeps it in the session: SSL_SESSION_ASN1 of ssl_asn1.c has it as the
 * integer tagged 19 (`kex_group`, since OpenSSL 3.0), and `getSession` gives that as DER.
 */

/** Context-specific, constructed, 19. */
const KEX_GROUP = 0xb3
const INTEGER = 0x02

/** IANA, TLS Supported Groups. */
const GROUPS = new Map([
  [0x0017, 'secp256r1'],
  [0x0018, 'secp384r1'],
  [0x0019, 'secp521r1'],
  [0x001d, 'x25519'],
  [0x001e, 'x448'],
  [0x0100, 'ffdhe2048'],
  [0x0101, 'ffdhe3072'],
  [0x0102, 'ffdhe4096'],
  [0x11eb, 'SecP256r1MLKEM768'],
  [0x11ec, 'X25519MLKEM768'],
  [0x11ed, 'SecP384r1MLKEM1024'],
])

/** Name of the group, or its number in hexadecimal; undefined when the session does not tell. */
export function keyExchangeGroup(session: Buffer | undefined): string | undefined {
  const content = session && elements(session)[0]?.content
  const field = content && elements(content).find(({ tag }) => tag === KEX_GROUP)
  const integer = field && elements(field.content)[0]
  if (integer?.tag !== INTEGER || integer.content.length > 4) return undefined
  let number = 0
  for (const octet of integer.content) number = number * 256 + octet
  return GROUPS.get(number) ?? `0x${number.toString(16).padStart(4, '0')}`
}

interface Element {
  readonly tag: number
  readonly content: Buffer
}

/** The elements of DER that follow each other, up to what is not one: tags of one octet, lengths of up to four, X.690 §8.1. */
function elements(der: Buffer): Element[] {
  const list: Element[] = []
  let at = 0
  while (at + 2 <= der.length) {
    const [tag = 0, first = 0] = der.subarray(at, at + 2)
    const size = first < 0x80 ? 0 : first & 0x7f
    if (size > 4 || at + 2 + size > der.length) break
    const length = size === 0 ? first : der.readUIntBE(at + 2, size)
    const begin = at + 2 + size
    if (begin + length > der.length) break
    list.push({ tag, content: der.subarray(begin, begin + length) })
    at = begin + length
  }
  return list
}
