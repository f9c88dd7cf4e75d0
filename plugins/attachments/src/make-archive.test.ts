/** Archives for tests, hostile ones too. */
import { crc32, deflateRawSync } from 'node:zlib'

/** A file of a {@link zip} archive. */
export interface Stored {
  readonly name: string
  readonly data?: Buffer | string
  readonly isEncrypted?: boolean
  /** What the record before the file calls it; default: the same. */
  readonly localName?: string
  /** Sizes and sum stand behind the file. */
  readonly hasDescriptor?: boolean
}

/** A zip archive of these. */
export function zip(files: readonly Stored[]): Buffer {
  const local: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const { name, data = 'x', isEncrypted = false, localName = name, hasDescriptor = false } of files) {
    const octets = Buffer.from(data)
    const packed = deflateRawSync(octets)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE((isEncrypted ? 1 : 0) | (hasDescriptor ? 8 : 0) | 0x800, 2)
    common.writeUInt16LE(8, 4)
    common.writeUInt32LE(crc32(octets), 10)
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(octets.length, 18)
    common.writeUInt16LE(Buffer.byteLength(name), 22)
    const own = Buffer.from(common)
    if (hasDescriptor) own.fill(0, 10, 22)
    own.writeUInt16LE(Buffer.byteLength(localName), 22)
    const behind = hasDescriptor ? Buffer.concat([Buffer.from('PK\x07\x08'), common.subarray(10, 22)]) : Buffer.alloc(0)
    const record = Buffer.concat([Buffer.from('PK\x03\x04'), own, Buffer.from(localName), packed, behind])
    local.push(record)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(offset, 10)
    central.push(Buffer.from('PK\x01\x02\x14\0'), common, tail, Buffer.from(name))
    offset += record.length
  }
  return Buffer.concat([...local, ...directory(central, { count: files.length, offset })])
}

function directory(
  central: readonly Buffer[],
  { count, offset }: { readonly count: number; readonly offset: number },
): readonly Buffer[] {
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(count & 0xffff, 8)
  end.writeUInt16LE(count & 0xffff, 10)
  end.writeUInt32LE(Buffer.concat(central).length, 12)
  end.writeUInt32LE(offset, 16)
  return [...central, end]
}

/** Names of a directory that all lead to one and the same file, which is large when it is unpacked (D. Fifield, A better zip bomb, 2019). */
export function overlapping(count: number, data: Buffer): Buffer {
  const packed = deflateRawSync(data)
  const common = Buffer.alloc(26)
  common.writeUInt16LE(20, 0)
  common.writeUInt16LE(8, 4)
  common.writeUInt32LE(crc32(data), 10)
  common.writeUInt32LE(packed.length, 14)
  common.writeUInt32LE(data.length, 18)
  common.writeUInt16LE(4, 22)
  const record = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from('0000'), packed])
  const central = Array.from({ length: count }, (_, n) =>
    Buffer.concat([
      Buffer.from('PK\x01\x02\x14\0'),
      common,
      Buffer.alloc(14),
      Buffer.from(n.toString(36).padStart(4, '0')),
    ]),
  )
  return Buffer.concat([record, ...directory(central, { count, offset: record.length })])
}

/** Archives in archives, `width` to the power of `depth` files of zeros at the bottom, as in 42.zip. */
export function nested(depth: number, width: number, octets: number): Buffer {
  let inner = zip([{ name: '0.dll', data: Buffer.alloc(octets) }])
  for (let level = 0; level < depth; level++)
    inner = zip(Array.from({ length: width }, (_, n) => ({ name: `${level}-${n}.zip`, data: inner })))
  return inner
}

/** An OLE file ([MS-CFB]) with streams of these names, of which the first has the octets. */
export function ole(names: readonly string[], octets = Buffer.alloc(4_096)): Buffer {
  const sectors = Math.ceil(octets.length / 512)
  const entries = Math.ceil((names.length + 1) / 4)
  const file = Buffer.alloc(512 * (2 + entries + sectors))
  file.write('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'latin1')
  file.writeUInt16LE(9, 30)
  file.writeUInt32LE(1, 44)
  file.writeUInt32LE(1, 48)
  file.writeUInt32LE(0xfffffffe, 68)
  file.fill(0xff, 76, 512)
  file.writeUInt32LE(0, 76)
  file.fill(0xff, 512, 1_024)
  const chain = (from: number, count: number): void => {
    for (let n = 0; n < count; n++) file.writeUInt32LE(n + 1 < count ? from + n + 1 : 0xfffffffe, 512 + 4 * (from + n))
  }
  chain(1, entries)
  chain(1 + entries, sectors)
  for (const [n, name] of ['Root Entry', ...names].entries()) {
    const at = 1_024 + n * 128
    file.write(name, at, 'utf16le')
    file.writeUInt16LE(2 * name.length + 2, at + 64)
    file.writeUInt8(n === 0 ? 5 : 2, at + 66)
    file.writeUInt32LE(1 + entries, at + 116)
    file.writeUInt32LE(n === 1 ? octets.length : 0, at + 120)
  }
  octets.copy(file, 512 * (2 + entries))
  return file
}
