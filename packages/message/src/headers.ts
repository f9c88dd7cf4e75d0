/**
 * The header section of a message: the fields above the first empty line, kept as the octets they came in and read only when somebody
 * asks (RFC 5322 §2.2). Takes anything: a line that is no field is a field without a name.
 */
import type { HeaderField, Headers } from '@postroad/mail'

const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const COLON = 0x3a

/** Whether a name can name a field: printable ASCII without colon and space, RFC 5322 §2.2. */
export function isFieldName(name: string): boolean {
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at)
    if (code < 0x21 || code > 0x7e || code === COLON) return false
  }
  return name.length > 0
}

/** Some consecutive fields in one piece of memory; blocks are shared by the messages made from each other. */
export class HeaderBlock {
  readonly bytes: Buffer
  /** Put on top by an edit: above whatever the server adds that shows us the message, its own trace field too. */
  readonly isTop: boolean
  #fields: readonly Field[] | undefined

  /** `bytes` are whole fields, each with its line end. */
  constructor(bytes: Uint8Array, isTop = false) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.isTop = isTop
  }

  get fields(): readonly Field[] {
    return (this.#fields ??= splitFields(this.bytes))
  }
}

/** A field as a place in a block; name, value and octets are made when read. */
export class Field implements HeaderField {
  readonly #bytes: Buffer
  readonly start: number
  readonly end: number
  #name: string | undefined
  #value: string | undefined
  /** Offset where the value starts; known once the name is. */
  #valueStart = 0

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    this.start = start
    this.end = end
  }

  get name(): string {
    return (this.#name ??= this.#readName())
  }

  get value(): string {
    return (this.#value ??= this.#readValue())
  }

  get raw(): Uint8Array {
    return this.#bytes.subarray(this.start, this.end)
  }

  #readName(): string {
    this.#valueStart = this.start
    let at = this.start
    while (at < this.end && isFieldCharacter(this.#bytes[at])) at++
    const nameEnd = at
    // RFC 5322 §4.5: the obsolete syntax has white space before the colon.
    while (isBlank(this.#bytes[at])) at++
    if (nameEnd === this.start || at >= this.end || this.#bytes[at] !== COLON) return ''
    this.#valueStart = at + 1
    return this.#bytes.toString('latin1', this.start, nameEnd)
  }

  #readValue(): string {
    const bytes = this.#bytes
    if (this.#name === undefined) this.#name = this.#readName()
    let from = this.#valueStart
    let to = this.end
    while (from < to && isSpacing(bytes[from])) from++
    while (to > from && isSpacing(bytes[to - 1])) to--
    const text = bytes.toString('utf8', from, to)
    // RFC 5322 §2.2.3: unfolding takes out the line end, the white space after it stays.
    return text.includes('\n') ? text.replace(/\r?\n/g, '') : text
  }
}

/** {@link Headers} over blocks; nothing is parsed before the first question. */
export class HeaderSection implements Headers {
  readonly blocks: readonly HeaderBlock[]
  #fields: readonly Field[] | undefined
  #index: ReadonlyMap<string, readonly Field[]> | undefined

  constructor(blocks: readonly HeaderBlock[]) {
    this.blocks = blocks
  }

  get fields(): readonly Field[] {
    const [first] = this.blocks
    return (this.#fields ??=
      this.blocks.length === 1 && first ? first.fields : this.blocks.flatMap((block) => block.fields))
  }

  get length(): number {
    return this.fields.length
  }

  /** Octets of all fields; the empty line behind them is not counted. */
  get size(): number {
    return this.blocks.reduce((sum, block) => sum + block.bytes.length, 0)
  }

  get(name: string): string | undefined {
    return this.named(name)[0]?.value
  }

  all(name: string): readonly string[] {
    return this.named(name).map((field) => field.value)
  }

  has(name: string): boolean {
    return this.named(name).length > 0
  }

  /** The fields of that name, topmost first. */
  named(name: string): readonly Field[] {
    return name === '' ? [] : this.#at(name.toLowerCase())
  }

  /** The lines that are no fields, topmost first. */
  get nameless(): readonly Field[] {
    return this.#at('')
  }

  #at(key: string): readonly Field[] {
    this.#index ??= indexFields(this.fields)
    return this.#index.get(key) ?? []
  }

  [Symbol.iterator](): Iterator<HeaderField> {
    return this.fields[Symbol.iterator]()
  }
}

/** Reads a header section; `bytes` end before the empty line, or may contain it (what follows is ignored). */
export function parseHeaders(bytes: Uint8Array): Headers {
  return new HeaderSection([new HeaderBlock(bytes.subarray(0, headerEnd(bytes)))])
}

/** Offset of the empty line that ends the header section, or the length when there is none. */
export function headerEnd(bytes: Uint8Array): number {
  for (let line = 0; line < bytes.length; ) {
    if (bytes[line] === LF || (bytes[line] === CR && bytes[line + 1] === LF)) return line
    const end = bytes.indexOf(LF, line)
    if (end < 0) return bytes.length
    line = end + 1
  }
  return bytes.length
}

function splitFields(bytes: Buffer): Field[] {
  const fields: Field[] = []
  let start = 0
  while (start < bytes.length) {
    let end = start
    do {
      const lf = bytes.indexOf(LF, end)
      end = lf < 0 ? bytes.length : lf + 1
    } while (end < bytes.length && isBlank(bytes[end]))
    fields.push(new Field(bytes, start, end))
    start = end
  }
  return fields
}

function indexFields(fields: readonly Field[]): ReadonlyMap<string, readonly Field[]> {
  const index = new Map<string, Field[]>()
  for (const field of fields) {
    const key = field.name.toLowerCase()
    const same = index.get(key)
    if (same) same.push(field)
    else index.set(key, [field])
  }
  return index
}

function isFieldCharacter(octet: number | undefined): boolean {
  return octet !== undefined && octet > SPACE && octet < 0x7f && octet !== COLON
}

function isBlank(octet: number | undefined): boolean {
  return octet === SPACE || octet === TAB
}

function isSpacing(octet: number | undefined): boolean {
  return octet === SPACE || octet === TAB || octet === CR || octet === LF
}
