/**
 * The files in a winmail.dat: what Outlook puts around a message when it takes the other side for an Outlook, and opens unasked; MS-OXTNEF.
 * Damaged and hostile ones are read as far as they go.
 */

/** A file in it; its octets are where they stand, for nothing is compressed. */
export interface TnefFile {
  /** All names that a reader may show, the most likely first. */
  readonly names: readonly string[]
  readonly from: number
  readonly to: number
}

/** What it begins with. */
export const TNEF_SIGNATURE = Buffer.from([0x78, 0x9f, 0x3e, 0x22])

const HEAD = 6
/** Attributes, MS-OXTNEF §2.1.3.2: level and number. */
const ATTACHMENT = 2
const REND_DATA = 0x9002
const TITLE = 0x8010
const DATA = 0x800f
const MAPI = 0x9005
/** Properties, MS-OXPROPS: names and what is in a file that is a message. */
const NAMES: ReadonlyMap<number, number> = new Map([
  [0x3707, 0],
  [0x3704, 1],
  [0x3001, 3],
])
const DATA_OBJECT = 0x3701
/** Of {@link NAMES}: that of the attribute comes between. */
const TITLE_PLACE = 2
const MOST_PROPERTIES = 1_000

interface Open {
  readonly names: (string | undefined)[]
  from: number
  to: number
}

/** Finds them in one pass; a message among them is a file that is such a thing itself. @param count called for each file */
export function findTnefFiles(bytes: Buffer, count: () => void): readonly TnefFile[] {
  const files: TnefFile[] = []
  if (!bytes.subarray(0, TNEF_SIGNATURE.length).equals(TNEF_SIGNATURE)) return files
  let open: Open | undefined
  const close = (): void => {
    if (open) files.push({ names: open.names.filter((name) => name !== undefined), from: open.from, to: open.to })
    open = undefined
  }
  for (let at = HEAD; at + 9 <= bytes.length; ) {
    const level = bytes[at]
    const attribute = bytes.readUInt16LE(at + 1)
    const start = at + 9
    const end = Math.min(bytes.length, start + bytes.readUInt32LE(at + 5))
    // Behind it stands a sum of two octets, which readers do not mind.
    at = end + 2
    if (level !== ATTACHMENT) continue
    if (attribute === REND_DATA) close()
    if (!open) {
      count()
      open = { names: [], from: start, to: start }
    }
    if (attribute === TITLE) open.names[TITLE_PLACE] = untilNul(bytes.toString('latin1', start, end))
    else if (attribute === DATA) {
      open.from = start
      open.to = end
    } else if (attribute === MAPI) readProperties(bytes, open, { from: start, to: end })
  }
  close()
  return files
}

function readProperties(bytes: Buffer, open: Open, { from, to }: { readonly from: number; readonly to: number }): void {
  for (const { id, isText, isWide, start, end } of new PropertyReader(bytes, from, to).all()) {
    const place = NAMES.get(id)
    if (place !== undefined && isText)
      open.names[place] = untilNul(bytes.toString(isWide ? 'utf16le' : 'latin1', start, end))
    if (id !== DATA_OBJECT || isText || open.to > open.from) continue
    // An interface's identifier stands in front of a message that is a file.
    open.from = Math.min(end, bytes.subarray(start + 16, start + 20).equals(TNEF_SIGNATURE) ? start + 16 : start)
    open.to = end
  }
}

interface Property {
  readonly id: number
  readonly isText: boolean
  readonly isWide: boolean
  readonly start: number
  readonly end: number
}

/** Octets of a value whose length its type tells, MS-OXCDATA §2.11.1; those of others stand in front of them. */
const SIZES: ReadonlyMap<number, number> = new Map([
  [0x02, 4],
  [0x03, 4],
  [0x04, 4],
  [0x05, 8],
  [0x06, 8],
  [0x07, 8],
  [0x0a, 4],
  [0x0b, 4],
  [0x14, 8],
  [0x40, 8],
  [0x48, 16],
])
const SEVERAL = 0x1000
const STRING = 0x1e
const WIDE_STRING = 0x1f

class PropertyReader {
  readonly #bytes: Buffer
  readonly #to: number
  #at: number

  constructor(bytes: Buffer, from: number, to: number) {
    this.#bytes = bytes
    this.#at = from
    this.#to = to
  }

  /** All that can be read; an unknown type ends it, because its length is unknown too. */
  *all(): Iterable<Property> {
    const count = Math.min(this.#number(), MOST_PROPERTIES)
    for (let nth = 0; nth < count && this.#at < this.#to; nth++) {
      const head = this.#number()
      const type = head & 0xffff
      const id = head >>> 16
      if (id >= 0x8000) this.#skipName()
      const kind = type & ~SEVERAL
      const size = SIZES.get(kind)
      const values = type !== kind || size === undefined ? this.#number() : 1
      if (values > MOST_PROPERTIES) return
      for (let value = 0; value < values && this.#at < this.#to; value++) {
        const length = size ?? this.#number()
        const start = this.#at
        const end = Math.min(this.#to, start + length)
        this.#at = start + padded(length)
        yield { id, isText: kind === STRING || kind === WIDE_STRING, isWide: kind === WIDE_STRING, start, end }
      }
    }
  }

  /** A property of a program's own has an identifier, and a number or a name. */
  #skipName(): void {
    this.#at += 16
    const isName = this.#number() === 1
    const number = this.#number()
    if (isName) this.#at += padded(number)
  }

  #number(): number {
    const at = this.#at
    this.#at += 4
    return at + 4 <= this.#to ? this.#bytes.readUInt32LE(at) : 0
  }
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4
}

function untilNul(text: string): string | undefined {
  const end = text.indexOf('\0')
  return (end < 0 ? text : text.slice(0, end)) || undefined
}
