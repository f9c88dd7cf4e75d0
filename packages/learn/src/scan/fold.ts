/** What a code point is to the filter: letters without case and width, and what stands between words. */

/** Stands between words. */
export const SPACE = 0
/** A letter or digit of a script that has spaces. */
export const LETTER = 1
/** A sign. */
export const SIGN = 2
/** A letter that is a word by itself: Chinese, Japanese. */
export const IDEOGRAPH = 3
/** Nothing that anybody sees. */
export const INVISIBLE = 4

const PLANE = 0x10000
// One look-up a code point: the folded one, and its class above it. 0: not asked yet.
const known = new Uint32Array(PLANE)

/** The folded code point in the low 24 bits, its class in the high ones. */
export function fold(point: number): number {
  if (point < PLANE) {
    const cached = known[point] ?? 0
    return cached === 0 ? (known[point] = compute(point)) : cached
  }
  return compute(point)
}

function compute(point: number): number {
  if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return pack(0xfffd, SIGN)
  if (isInvisible(point)) return pack(0x20, INVISIBLE)
  const folded = String.fromCodePoint(point).normalize('NFKD').toLowerCase().codePointAt(0) ?? point
  return pack(folded, classOf(folded, point))
}

function pack(point: number, kind: number): number {
  // Zero means that nobody asked: bit 31 is always set.
  return (point | (kind << 24) | 0x80000000) >>> 0
}

function isInvisible(point: number): boolean {
  return (
    point === 0xad ||
    (point >= 0x200b && point <= 0x200f) ||
    (point >= 0x202a && point <= 0x202e) ||
    (point >= 0x2060 && point <= 0x2064) ||
    (point >= 0xfe00 && point <= 0xfe0f) ||
    point === 0xfeff ||
    (point >= 0xe0000 && point <= 0xe0fff)
  )
}

function classOf(folded: number, point: number): number {
  if (folded <= 0x20 || folded === 0x7f || folded === 0xa0 || folded === 0x3000) return SPACE
  if (folded < 0x80) return (folded >= 0x61 && folded <= 0x7a) || (folded >= 0x30 && folded <= 0x39) ? LETTER : SIGN
  if (folded < 0xc0 || (folded >= 0x2000 && folded < 0x2c00) || (folded >= 0x3001 && folded <= 0x3020)) return SIGN
  if (
    (folded >= 0x2e80 && folded < 0xa4d0) ||
    (folded >= 0xf900 && folded < 0xfb00) ||
    (point >= 0x20000 && point < 0x32000)
  )
    return IDEOGRAPH
  return point >= 0x1f000 && point < 0x20000 ? SIGN : LETTER
}
