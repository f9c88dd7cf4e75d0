/**
 * A zip archive whose only file is the archive itself, octet by octet, without an end. It consists of two commands of DEFLATE
 * (RFC 1951): a stored block writes down what follows it, a match repeats what was written last.
 */
import { crc32 } from 'node:zlib'

/** RFC 1951 §3.2.5, as far as they are needed: what the codes begin at. */
const LENGTHS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99]
const DISTANCES = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193]

const NAME = Buffer.from('again.zip')
/** The lengths of a stored block of nothing: it ends at an octet, wherever its three bits were. */
const EMPTY = Buffer.from([0, 0, 0xff, 0xff])
/** Two matches of 10 octets, 20 back: a block of five octets to the bit. */
const REPEAT_20 = block([10, 10], 20)
/** How often the inner pattern is written: as often as makes room for the records at the end. */
const TIMES = 14
/** Octets of the last stored block. */
const LAST = TIMES * (REPEAT_20.length + 5)
const REPEAT_LAST = Buffer.concat([block([LAST - 100, 100], LAST, 1), EMPTY])

/** The archive. */
export function quine(): Buffer {
  // The comment is what is left of the room; another octet in it where no checksum fits.
  for (let filler = 0x20; filler < 0x7f; filler++) {
    const made = withChecksum((crc) => archive(crc, filler))
    if (made) return made
  }
  throw new Error('no checksum fits')
}

function archive(crc: number, filler: number): Buffer {
  const size = archiveSize()
  const common = Buffer.alloc(26)
  common.writeUInt16LE(20, 0)
  common.writeUInt16LE(8, 4)
  common.writeUInt32LE(crc >>> 0, 10)
  common.writeUInt32LE(size.packed, 14)
  common.writeUInt32LE(size.all, 18)
  common.writeUInt16LE(NAME.length, 22)
  const front = Buffer.concat([Buffer.from('PK\x03\x04'), common, NAME])
  const back = lastRecords(common, filler, size)
  return Buffer.concat([front, commands(front, back), back])
}

/** What stands behind the commands: the end of the stream, the directory, and a comment that fills the room. */
function lastRecords(common: Buffer, filler: number, { packed }: { readonly packed: number }): Buffer {
  const directory = Buffer.concat([Buffer.from('PK\x01\x02\x14\0'), common, Buffer.alloc(14), NAME])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(30 + NAME.length + packed, 16)
  const room = LAST - REPEAT_LAST.length - 5 - directory.length - end.length
  end.writeUInt16LE(room, 20)
  return Buffer.concat([stored(0, true), directory, end, Buffer.alloc(room, filler)])
}

/**
 * The commands X for which unpacking X gives front, X and back. Beside each is what it writes; what is still owed grows to one command
 * and is then paid with more than it costs, so that the next one stands there before it is said.
 */
function commands(front: Buffer, back: Buffer): Buffer {
  const first = stored(front.length + 5)
  // Ten octets, so that what is owed after it is repeated by the same command as the pattern is.
  const again = Buffer.concat([block([front.length + 5], front.length + 5, 2), EMPTY])
  const owed = Buffer.concat([stored(again.length), again])
  const second = stored(owed.length + 5)
  const last = stored(LAST)
  const pattern = Buffer.concat([REPEAT_20, last])
  return Buffer.concat([
    ...[first, front, first], // front, first
    again, // front, first
    owed, // again
    ...[second, owed, second], // owed, second
    REPEAT_20, // owed, second
    ...[last, ...Array.from({ length: TIMES }, () => pattern)], // the pattern so many times
    REPEAT_20, // and twice more, of which the last command is the one that follows
    ...[last, REPEAT_LAST, back], // the repetition, and back
    REPEAT_LAST, // the same once more
  ])
}

function archiveSize(): { readonly packed: number; readonly all: number } {
  const front = 30 + NAME.length
  const back = LAST - REPEAT_LAST.length
  const packed = commands(Buffer.alloc(front), Buffer.alloc(back)).length
  return { packed: packed + 5, all: front + packed + back }
}

/** RFC 1951 §3.2.4: as many octets as they are; `isLast`: nothing follows. */
function stored(length: number, isLast = false): Buffer {
  return Buffer.from([isLast ? 1 : 0, length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff])
}

/** RFC 1951 §3.2.6: matches of these lengths, each so far back. Where it does not end with an octet: so many blocks of nothing behind it, the last one stored, whose lengths are to follow. */
function block(lengths: readonly number[], distance: number, empty = 0): Buffer {
  let bits = '010'
  for (const length of lengths) {
    const at = LENGTHS.findLastIndex((base) => base <= length)
    const far = DISTANCES.findLastIndex((base) => base <= distance)
    bits += (at + 1).toString(2).padStart(7, '0')
    bits += extra(length - (LENGTHS[at] ?? 0), Math.max(0, Math.floor(at / 4) - 1))
    bits += far.toString(2).padStart(5, '0')
    bits += extra(distance - (DISTANCES[far] ?? 0), Math.max(0, Math.floor(far / 2) - 1))
  }
  bits += `0000000${'0100000000'.repeat(Math.max(0, empty - 1))}${empty > 0 ? '000' : ''}`
  const octets = bits.padEnd(8 * Math.ceil(bits.length / 8), '0').match(/.{8}/g) ?? []
  return Buffer.from(octets.map((octet) => Number.parseInt([...octet].reverse().join(''), 2)))
}

/** Bits of a number begin with the lowest. */
function extra(value: number, count: number): string {
  return count === 0 ? '' : [...value.toString(2).padStart(count, '0')].reverse().join('')
}

/** The archive with its own checksum in it: what CRC-32 makes of it is linear in each bit. Undefined where there is none. */
function withChecksum(make: (crc: number) => Buffer): Buffer | undefined {
  const zero = crc32(make(0))
  // Rows: which bits of the checksum that is written change this bit of what it should be, and its value without any.
  const rows = Array.from({ length: 32 }, (_, bit) => ({ mask: 1 << bit, value: (zero >>> bit) & 1 }))
  for (let bit = 0; bit < 32; bit++) {
    const change = crc32(make(1 << bit)) ^ zero
    for (const [place, row] of rows.entries()) if ((change >>> place) & 1) row.mask ^= 1 << bit
  }
  for (let bit = 0; bit < 32; bit++) {
    const found = rows.findIndex(({ mask }, place) => place >= bit && (mask >>> bit) & 1)
    const pivot = rows[found]
    if (!pivot) return undefined
    rows[found] = rows[bit] ?? pivot
    rows[bit] = pivot
    for (const row of rows)
      if (row !== pivot && (row.mask >>> bit) & 1) {
        row.mask ^= pivot.mask
        row.value ^= pivot.value
      }
  }
  return make(rows.reduce((crc, { value }, bit) => crc | (value << bit), 0))
}
