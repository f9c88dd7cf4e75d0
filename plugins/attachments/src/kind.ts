/** What a file is by its octets, and archives that libarchive does not know here: ARJ, SZDD, Zstandard, and the envelope of Outlook. */
import { zstdDecompressSync } from 'node:zlib'
import type { Inspector } from './inspector.ts'

/** Programs, what starts them, and disks in a file, by what they begin with. */
const KINDS: readonly (readonly [kind: string, begins: RegExp])[] = [
  ['a program', /^(?:MZ|\x7fELF|\xcf\xfa\xed\xfe|\xce\xfa\xed\xfe)/],
  ['a program of Java', /^\xca\xfe\xba\xbe\0\0/],
  ['a shortcut', /^(?:L\0\0\0\x01\x14\x02\0|\[InternetShortcut\])/i],
  ['a help file with scripts', /^ITSF/],
  ['OneNote', /^\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d/],
  ['a disk image', /^(?:conectix|vhdxfile)/],
]

/** What is dangerous whatever it is called; undefined: nothing. */
export function kindOf(octets: Buffer, head: string): string | undefined {
  const kind = KINDS.find(([, begins]) => begins.test(head))?.[0]
  if (kind) return kind
  const isDisk =
    /^(?:CD001|BEA01|NSR0[23])/.test(octets.toString('latin1', 32_769, 32_774)) ||
    octets.toString('latin1', octets.length - 512, octets.length - 504) === 'conectix'
  return isDisk ? 'a disk image' : undefined
}

const ARCHIVES =
  /^(?:PK\x03\x04|PK\x05\x06|PK\x07\x08PK|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|\x1f\x8b|BZh[1-9]|\xfd7zXZ\0|\x28\xb5\x2f\xfd|MSCF|0707|\xc7\x71|\x71\xc7|!<arch>|\x60\xea|SZDD|KWAJ|xar!|LZIP|\x1f\x9d|.{7}\*\*ACE|..-lh|\x78\x9f\x3e\x22|ITSF|\(This file must be converted with BinHex|.{8}\x19\x04\0\x10|\x7a\x1a\x20\x10)/s

/** Whether it is an archive, or compressed: what cannot be opened is then said to be unread. */
export function isKnownKind(octets: Buffer, head: string): boolean {
  return (
    ARCHIVES.test(head) || head.startsWith('ustar', 257) || octets.subarray(32_769, 32_774).equals(Buffer.from('CD001'))
  )
}

/** Kinds that nobody here can open, by name. */
const CLOSED: readonly (readonly [kind: string, begins: RegExp])[] = [
  ['KWAJ', /^KWAJ/],
  ['ACE', /^.{7}\*\*ACE/s],
  ['compiled help', /^ITSF/],
  ['BinHex', /^\(This file must/],
  ['a package of Symbian', /^(?:.{8}\x19\x04\0\x10|\x7a\x1a\x20\x10)/s],
]

/** Octets that Zstandard may become: all of them are made at once. */
const MOST_ZSTD = 8_388_608

interface Place {
  readonly name: string
  readonly inspector: Inspector
  look(octets: Buffer, name: string): unknown
}

/** @returns whether it was one of these */
export function openOldArchive(octets: Buffer, place: Place): boolean {
  const head = octets.toString('latin1', 0, 64)
  const { name, inspector } = place
  const closed = CLOSED.find(([, begins]) => begins.test(head))?.[0]
  if (closed) inspector.add('unread', `${name}: ${closed}`)
  else if (head.startsWith('\x60\xea')) listArj(octets, place)
  else if (head.startsWith('SZDD\x88\xf0\x27\x33A')) expandSzdd(octets, place)
  else if (head.startsWith('\x78\x9f\x3e\x22')) listTnef(octets, place)
  else if (head.startsWith('\x28\xb5\x2f\xfd')) expandZstd(octets, place)
  else return false
  return true
}

/** RFC 8878. */
function expandZstd(octets: Buffer, { name, inspector, look }: Place): void {
  const path = `${name}/content`
  try {
    const inner = zstdDecompressSync(octets, { maxOutputLength: Math.min(MOST_ZSTD, inspector.room + 1) })
    if (inspector.list(path) && inspector.take(inner.length)) look(inner, path)
    else inspector.add('unread', `${path}: more than is looked at`)
  } catch {
    inspector.add('unread', `${name}: damaged, or more than is looked at`)
  }
}

/** Names of the files (ARJ TECHNOTE, 1997); only those that are stored can be looked into. */
function listArj(octets: Buffer, { name, inspector, look }: Place): void {
  let isPacked = false
  for (let at = 0; at + 4 < octets.length; ) {
    const size = octets.readUInt16LE(at + 2)
    if (octets.readUInt16LE(at) !== 0xea60 || size > 2_600) {
      inspector.add('unread', `${name}: damaged`)
      return
    }
    if (size === 0) break
    const header = octets.subarray(at + 4, at + 4 + size)
    const start = header[0] ?? 0
    const [flags = 0, method = 0, type = 0] = header.subarray(4, 7)
    const end = header.indexOf(0, start)
    let next = at + 4 + size + 4
    for (let more = octets.readUInt16LE(next); more > 0; more = octets.readUInt16LE(next)) next += 2 + more + 4
    next += 2
    at = next
    if (type === 2) continue
    const packed = header.readUInt32LE(12)
    at += packed
    if (type > 1) continue
    const path = `${name}/${header.toString('latin1', start, end < 0 ? start : end)}`
    if (!inspector.list(path)) {
      inspector.add('unread', `${name}: more than is looked at`)
      return
    }
    if (flags & 1) inspector.add('encrypted', path)
    else if (method === 0) look(octets.subarray(next, next + packed), path)
    else isPacked = true
  }
  if (isPacked) inspector.add('unread', `${name}: ARJ, of which only the names are read`)
}

const WINDOW = 4_096

/** What COMPRESS.EXE of Microsoft makes: LZSS with a window of 4,096 blanks. */
function expandSzdd(octets: Buffer, { name, inspector, look }: Place): void {
  const size = Math.min(octets.readUInt32LE(10), inspector.room)
  // Of a file of its kind a flag bit makes eighteen octets at most.
  const result = Buffer.alloc(Math.min(size, octets.length * 16))
  const window = Buffer.alloc(WINDOW, 0x20)
  let to = 0
  let place = WINDOW - 16
  const put = (octet: number): void => {
    result[to++] = octet
    window[place] = octet
    place = (place + 1) % WINDOW
  }
  for (let at = 14; at < octets.length && to < result.length; ) {
    const flags = octets[at++] ?? 0
    for (let bit = 1; bit < 256 && at < octets.length && to < result.length; bit <<= 1) {
      const first = octets[at++] ?? 0
      if (flags & bit) {
        put(first)
        continue
      }
      const second = octets[at++] ?? 0
      const from = first | ((second & 0xf0) << 4)
      for (let n = 0; n < (second & 15) + 3 && to < result.length; n++) put(window[(from + n) % WINDOW] ?? 0)
    }
  }
  const path = `${name}/content`
  if (!inspector.list(path) || !inspector.take(to)) {
    inspector.add('unread', `${path}: more than is looked at`)
    return
  }
  look(result.subarray(0, to), path)
}

const TITLE = 0x0001_8010
const DATA = 0x0006_800f

/** Attachments in the envelope of Outlook, `winmail.dat` (MS-OXTNEF §2.1). */
function listTnef(octets: Buffer, { name, inspector, look }: Place): void {
  let title = 'content'
  let data: Buffer | undefined
  const end = (): void => {
    if (!data) return
    const path = `${name}/${title}`
    if (inspector.list(path)) look(data, path)
    else inspector.add('unread', `${name}: more than is looked at`)
    data = undefined
  }
  for (let at = 6; at + 9 <= octets.length && inspector.hasTime(); ) {
    const tag = octets.readUInt32LE(at + 1)
    const length = octets.readUInt32LE(at + 5)
    const value = octets.subarray(at + 9, at + 9 + length)
    if (tag === 0x0006_9002) {
      end()
      title = 'content'
    } else if (tag === TITLE) title = value.toString('latin1').replace(/\0+$/, '')
    else if (tag === DATA) data = value
    at += 9 + length + 2
  }
  end()
}
