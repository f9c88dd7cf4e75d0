/** DER, X.690 §10: as much of it as the extensions of a certificate need. The octets are foreign, and every length is looked at. */

/** What was read is no DER. */
export class DerError extends Error {
  override readonly name = 'DerError'
}

/** One value. */
export interface Value {
  /** The first octet: class, form and number. */
  readonly tag: number
  readonly data: Buffer
  /** With tag and length. */
  readonly raw: Buffer
}

/** Tags that are looked for. */
export const TAG = { boolean: 0x01, integer: 0x02, oid: 0x06, version: 0xa0, extensions: 0xa3 } as const

/** @throws {DerError} when it is none, or more follows */
export function readDer(octets: Buffer): Value {
  const value = readOne(octets, 0)
  if (value.raw.length !== octets.length) throw new DerError('octets after the end')
  return value
}

/** The values in a value. @throws {DerError} */
export function children({ data }: Value): readonly Value[] {
  const found: Value[] = []
  for (let at = 0; at < data.length; ) {
    const value = readOne(data, at)
    found.push(value)
    at += value.raw.length
  }
  return found
}

function readOne(octets: Buffer, at: number): Value {
  const tag = octets[at]
  const first = octets[at + 1]
  // A number above 30 takes more than one octet, and stands in no certificate.
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw new DerError('no tag, or a long one')
  const more = first < 0x80 ? 0 : first & 0x7f
  // 0x80 alone is a length that is not said, which DER forbids.
  if (first === 0x80 || more > 3 || at + 2 + more > octets.length) throw new DerError('no length, or a long one')
  const length = more === 0 ? first : octets.readUIntBE(at + 2, more)
  const start = at + 2 + more
  if (start + length > octets.length) throw new DerError('a length beyond the end')
  return { tag, data: octets.subarray(start, start + length), raw: octets.subarray(at, start + length) }
}

/** A number that is not negative. @throws {DerError} */
export function integerOf({ data }: Value): number {
  const isNegative = ((data[0] ?? 0x80) & 0x80) !== 0
  if (isNegative) throw new DerError('a negative number, or none')
  // More than fits is as good as no limit.
  return data.length > 6 ? Number.MAX_SAFE_INTEGER : data.readUIntBE(0, data.length)
}

/** `2.5.29.19`. @throws {DerError} */
export function oidOf(value: Value | undefined): string {
  if (value?.tag !== TAG.oid || value.data.length === 0) throw new DerError('no object identifier')
  const numbers: number[] = []
  let number = 0
  for (const octet of value.data) {
    number = number * 128 + (octet & 0x7f)
    if ((octet & 0x80) !== 0) continue
    numbers.push(number)
    number = 0
  }
  const [first = 0, ...rest] = numbers
  const top = Math.min(2, Math.floor(first / 40))
  return [top, first - top * 40, ...rest].join('.')
}
