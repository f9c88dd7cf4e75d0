/** What clamd is tested with: a file that is no virus and found by everybody, and an archive that is deeper than clamd looks. */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** The test file of EICAR (eicar.org). In pieces, so that this one is not found. */
export const EICAR = Buffer.from(
  ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$', 'EICAR-STANDARD', '-ANTIVIRUS-TEST-FILE!$H+H*'].join(''),
)

/** clamd's MaxRecursion is 16 or 17 where nobody has changed it, and 100 at most. */
const DEPTH = 101

/** An archive within an archive within … (some 12 KB). Each time another one: clamd remembers what was clean. */
export function deepArchive(): Buffer {
  let inner: Buffer = randomBytes(64)
  for (let depth = 0; depth < DEPTH; depth++) inner = zipOf('a.zip', inner)
  return inner
}

/** A ZIP archive of one file that is not compressed, APPNOTE.TXT §4.3. */
export function zipOf(name: string, content: Uint8Array): Buffer {
  const sum = crc32(content)
  // Version, flags, method, time, date, CRC, sizes, length of the name, extra: alike in both headers.
  const common = Buffer.alloc(26)
  common.writeUInt16LE(10)
  common.writeUInt32LE(sum, 10)
  common.writeUInt32LE(content.length, 14)
  common.writeUInt32LE(content.length, 18)
  common.writeUInt16LE(name.length, 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), content])
  const central = Buffer.concat([Buffer.from('PK\x01\x02\x14\0'), common, Buffer.alloc(14), Buffer.from(name)])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(local.length, 16)
  return Buffer.concat([local, central, end])
}
