/**
 * Documents of Office before 2007, and those that are encrypted, in OLE files ([MS-CFB]): names of what is in them, and the first records of a
 * workbook. Own, because each of ten thousand entries of the directory may say that it is the whole file: who unpacks them all, as cfb of npm does,
 * unpacks as much as the sender likes. Here a directory is read, and one stream, of bounded length.
 */
import { inflateSync } from 'node:zlib'
import type { Inspector } from './inspector.ts'

const END = 0xffff_fffa
const MOST_ENTRIES = 4_096
/** Octets of a workbook in which its sheets are named. */
const MOST_WORKBOOK = 262_144
/** Octets of an object in slides. */
const MOST_STORAGE = 4_194_304

interface Entry {
  readonly name: string
  readonly start: number
  readonly size: number
}

/** Looks for macros, objects and encryption by the names of its streams. */
export function inspectOle(octets: Buffer, name: string, inspector: Inspector): void {
  const file = new OleFile(octets)
  const found = new Set<string>()
  const note = (signal: Parameters<Inspector['add']>[0], evidence: string): void => {
    if (found.has(signal)) return
    found.add(signal)
    inspector.add(signal, `${name}: ${evidence}`)
  }
  const { entries, isWhole } = file
  if (!isWhole) note('unread', 'more than is looked at')
  if (entries.length === 0) note('unread', 'damaged')
  for (const entry of entries) {
    if (/^(?:_VBA_PROJECT(?:_CUR)?|VBA)$/i.test(entry.name)) note('macro', 'VBA')
    else if (/^EncryptedPackage$/i.test(entry.name)) note('encrypted', 'EncryptedPackage')
    else if (/^\x01?Ole10Native$/i.test(entry.name)) note('object', 'Ole10Native')
    else if (/^(?:Workbook|Book)$/i.test(entry.name)) inspectWorkbook(file.read(entry, MOST_WORKBOOK), note)
    else if (/^PowerPoint Document$/i.test(entry.name)) inspectSlides(file.read(entry, inspector.room), name, inspector)
  }
}

/** [MS-XLS] §2.4: sheets of macros of Excel 4 (BoundSheet8, dt 1), and encryption (FilePass). */
function inspectWorkbook(octets: Buffer, note: (signal: 'macro' | 'encrypted', evidence: string) => void): void {
  for (let at = 0; at + 4 <= octets.length; ) {
    const type = octets.readUInt16LE(at)
    const size = octets.readUInt16LE(at + 2)
    if (type === 0x2f) note('encrypted', 'FilePass')
    if (type === 0x85 && at + 10 <= octets.length && octets[at + 9] === 1) note('macro', 'a sheet of macros of Excel 4')
    // The first substream ends: what is behind are the sheets.
    if (type === 0x0a) return
    at += 4 + size
  }
}

/** [MS-PPT] §2.10.34 and §2.10.37: macros and objects of slides are OLE files of their own in it, compressed or not. */
function inspectSlides(octets: Buffer, name: string, inspector: Inspector): void {
  for (let at = 0; at + 12 <= octets.length && inspector.hasTime(); ) {
    const size = octets.readUInt32LE(at + 4)
    const storage = octets.subarray(at + 8, at + 8 + size)
    if (octets.readUInt16LE(at + 2) === 0x1011)
      inspectStorage(storage, { name, inspector, isPacked: octets[at] === 0x10 })
    at += 8 + size
  }
}

function inspectStorage(
  storage: Buffer,
  { name, inspector, isPacked }: { readonly name: string; readonly inspector: Inspector; readonly isPacked: boolean },
): void {
  try {
    const inner = isPacked ? inflateSync(storage.subarray(4), { maxOutputLength: MOST_STORAGE }) : storage
    if (inspector.take(isPacked ? inner.length : 0)) inspectOle(inner, `${name}/object`, inspector)
    else inspector.add('unread', `${name}: more than is looked at`)
  } catch {
    inspector.add('unread', `${name}: an object that is damaged, or too large`)
  }
}

/** [MS-CFB]: chains of sectors, whose table is itself in sectors. */
class OleFile {
  readonly entries: readonly Entry[]
  /** The directory ended within the limits. */
  readonly isWhole: boolean
  readonly #octets: Buffer
  readonly #sector: number
  /** Sectors of the table. */
  readonly #table: readonly number[]

  constructor(octets: Buffer) {
    this.#octets = octets
    const shift = octets.readUInt16LE(30)
    if (shift !== 9 && shift !== 12) throw new Error('no size of sectors that there is')
    this.#sector = 1 << shift
    this.#table = this.#readTable()
    const directory = this.#chain(octets.readUInt32LE(48), MOST_ENTRIES * 128)
    this.isWhole = directory.length < MOST_ENTRIES * 128
    const entries: Entry[] = []
    for (let at = 0; at + 128 <= directory.length; at += 128) {
      const length = Math.min(directory.readUInt16LE(at + 64), 64)
      if (directory[at + 66] === 0 || length < 2) continue
      const name = directory.toString('utf16le', at, at + length - 2)
      entries.push({ name, start: directory.readUInt32LE(at + 116), size: directory.readUInt32LE(at + 120) })
    }
    this.entries = entries
  }

  /** The beginning of a stream. Small ones are elsewhere, and nothing of interest here is small. */
  read({ start, size }: Entry, most: number): Buffer {
    return size < 4_096 ? Buffer.alloc(0) : this.#chain(start, Math.min(size, most))
  }

  /** §2.5: the first 109 in the header, the others in a chain of sectors. */
  #readTable(): readonly number[] {
    const octets = this.#octets
    const table: number[] = []
    const take = (from: number, count: number): void => {
      for (let n = 0; n < count && from + 4 * n + 4 <= octets.length; n++) {
        const sector = octets.readUInt32LE(from + 4 * n)
        if (sector < END) table.push(sector)
      }
    }
    take(76, 109)
    const each = this.#sector / 4 - 1
    const sectors = octets.length / this.#sector
    let next = octets.readUInt32LE(68)
    for (let n = 0; next < END && n * each < sectors; n++) {
      const at = this.#place(next)
      if (at + this.#sector > octets.length) break
      take(at, each)
      next = octets.readUInt32LE(at + 4 * each)
    }
    return table
  }

  #chain(start: number, most: number): Buffer {
    const pieces: Buffer[] = []
    for (let sector = start, taken = 0; sector < END && taken < most; taken += this.#sector) {
      const at = this.#place(sector)
      if (at >= this.#octets.length) break
      pieces.push(this.#octets.subarray(at, at + this.#sector))
      sector = this.#after(sector)
    }
    return Buffer.concat(pieces).subarray(0, most)
  }

  #after(sector: number): number {
    const each = this.#sector / 4
    const table = this.#table[Math.floor(sector / each)]
    if (table === undefined) return END
    const at = this.#place(table) + 4 * (sector % each)
    return at + 4 <= this.#octets.length ? this.#octets.readUInt32LE(at) : END
  }

  /** The header has the place of one sector. */
  #place(sector: number): number {
    return (sector + 1) * this.#sector
  }
}
