/**
 * One file that is compressed by itself: gzip, bzip2, xz. libarchive unpacks these only around an archive, or within one. So they get
 * the records of a zip archive around them, whose readers take the same streams, and hand out piece after piece, however much there is.
 */

/** What is to be read as an archive of one file. */
export interface Single {
  /** Its name, as gzip may remember it. */
  readonly name: string
  /** The stream itself is from here to there. */
  readonly start: number
  readonly end: number
  /** APPNOTE 4.4.5. */
  readonly method: number
  /** Of gzip they are known; of the others what the library finds, which then takes them. */
  crc: number
  size: number
}

const METHODS: readonly (readonly [begins: RegExp, method: number])[] = [
  [/^BZh[1-9](?:1AY&SY|\x17rE8P\x90)/, 12],
  [/^\xfd7zXZ\0/, 95],
]
const UNKNOWN_SIZE = 0x7fff_ffff
const NAME = Buffer.from('content')

/** Octets of the records in front. */
export const FRONT = 30 + NAME.length
/** And of those behind. */
export const BACK = 46 + NAME.length + 22

/** Undefined when it is none of these. */
export function singleOf(octets: Buffer): Single | undefined {
  const head = octets.toString('latin1', 0, 16)
  if (head.startsWith('\x1f\x8b\x08')) return gzip(octets)
  const method = METHODS.find(([begins]) => begins.test(head))?.[1]
  return method === undefined
    ? undefined
    : { name: 'content', start: 0, end: octets.length, method, crc: 0, size: UNKNOWN_SIZE }
}

/** RFC 1952 §2.3: the header may have more fields, and the name of the file. */
function gzip(octets: Buffer): Single | undefined {
  const flags = octets[3] ?? 0
  const end = octets.length - 8
  let start = 10
  if (flags & 4 && end > 12) start += 2 + octets.readUInt16LE(10)
  let name = ''
  for (const flag of [8, 16]) {
    if (!(flags & flag)) continue
    const zero = octets.indexOf(0, start)
    if (zero < 0) return undefined
    if (flag === 8) name = octets.toString('latin1', start, Math.min(zero, start + 255))
    start = zero + 1
  }
  if (flags & 2) start += 2
  if (start >= end) return undefined
  const crc = octets.readUInt32LE(end)
  return { name: name || 'content', start, end, method: 8, crc, size: octets.readUInt32LE(end + 4) }
}

/**
 * A small file is handed out only when sum and size are right: what the library finds them to be is in its complaint.
 *
 * @returns whether something was learned, and it may be read again
 */
export function learn(single: Single, { message }: Error): boolean {
  const [, crc] = /bad CRC: 0x([0-9a-f]{1,8}) /i.exec(message) ?? []
  const [, size] = /wrong size \(read (\d{1,10})[, ]/.exec(message) ?? []
  if (crc !== undefined) single.crc = Number.parseInt(crc, 16)
  if (size !== undefined) single.size = Number(size)
  return crc !== undefined || size !== undefined
}

/** The records in front of the stream, and those behind it. */
export function zipRecords({ start, end, method, crc, size }: Single): readonly [front: Buffer, back: Buffer] {
  const common = Buffer.alloc(26)
  common.writeUInt16LE(63, 0)
  common.writeUInt16LE(method, 4)
  common.writeUInt32LE(crc, 10)
  common.writeUInt32LE(end - start, 14)
  common.writeUInt32LE(size, 18)
  common.writeUInt16LE(NAME.length, 22)
  const front = Buffer.concat([Buffer.from('PK\x03\x04'), common, NAME])
  const central = Buffer.concat([Buffer.from('PK\x01\x02\x3f\0'), common, Buffer.alloc(14), NAME])
  const last = Buffer.alloc(22)
  last.write('PK\x05\x06', 'latin1')
  last.writeUInt16LE(1, 8)
  last.writeUInt16LE(1, 10)
  last.writeUInt32LE(central.length, 12)
  last.writeUInt32LE(front.length + end - start, 16)
  return [front, Buffer.concat([central, last])]
}
