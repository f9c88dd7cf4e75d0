/** Content-transfer encodings, decoded into a buffer of fixed size; what is damaged is passed over. */

const BASE64 = new Int8Array(256).fill(-1)
for (const [value, char] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries())
  BASE64[char.charCodeAt(0)] = value

const HEX = new Int8Array(256).fill(-1)
for (const [value, char] of [...'0123456789abcdef'].entries()) {
  HEX[char.charCodeAt(0)] = value
  HEX[char.toUpperCase().charCodeAt(0)] = value
}

/** Octets from `from` to `to` of a source. */
export interface OctetSpan {
  readonly octets: Uint8Array
  readonly from: number
  readonly to: number
}

/** Decodes base64 and gives the number of octets written. */
export function decodeBase64({ octets, from, to }: OctetSpan, target: Uint8Array, room: number): number {
  let written = 0
  let bits = 0
  let held = 0
  for (let i = from; i < to && written < room; i++) {
    const value = BASE64[octets[i] ?? 0] ?? -1
    if (value < 0) continue
    held = (held << 6) | value
    bits += 6
    if (bits < 8) continue
    bits -= 8
    target[written++] = (held >>> bits) & 0xff
    held &= (1 << bits) - 1
  }
  return written
}

/** Decodes quoted-printable and gives the number of octets written; `_` is a space in encoded words only. */
export function decodeQuotedPrintable(span: OctetSpan, target: Uint8Array, room: number, isWord = false): number {
  const { octets, from, to } = span
  let written = 0
  for (let i = from; i < to && written < room; i++) {
    const octet = octets[i] ?? 0
    if (octet === 0x3d) {
      const high = HEX[octets[i + 1] ?? 0] ?? -1
      const low = HEX[octets[i + 2] ?? 0] ?? -1
      if (i + 2 < to && high >= 0 && low >= 0) {
        target[written++] = (high << 4) | low
        i += 2
        continue
      }
      const next = i + 1 < to ? octets[i + 1] : 0
      if (next === 0x0a) {
        i++
        continue
      }
      if (next === 0x0d && octets[i + 2] === 0x0a) {
        i += 2
        continue
      }
    }
    target[written++] = isWord && octet === 0x5f ? 0x20 : octet
  }
  return written
}

/** Copies octets as they are. */
export function copyOctets({ octets, from, to }: OctetSpan, target: Uint8Array, room: number): number {
  const length = Math.max(0, Math.min(to - from, room))
  target.set(octets.subarray(from, from + length))
  return length
}
