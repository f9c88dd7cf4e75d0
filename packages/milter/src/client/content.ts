/** A message on its way to a filter, as its octets arrive: the fields, then what follows as the body. */
import type { MilterField } from '../command.ts'

/** Whoever shows it. A promise is waited for before more is given. */
export interface ContentTarget {
  header(field: MilterField): unknown
  /** All fields are there. */
  endOfHeader(): unknown
  body(octets: Uint8Array): unknown
}

const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a
/** Octets of a header that is shown; servers refuse such long before. */
const LONGEST_HEADER = 2_097_152
/** Octets of the body that are put together, so that a filter is not asked for each little piece. */
const PIECE = 65_535

/**
 * Cuts octets into what a filter is shown. A line in the header that is no field ends the header, as it does for Postfix: it and all below are
 * shown as body, so that nothing hides there.
 */
export class ContentSplitter {
  readonly #target: ContentTarget
  #head: Uint8Array[] = []
  #headSize = 0
  /** The last two octets of what is there of the header, by which its end is found. */
  #last = LF
  #before = LF
  #isBody = false
  #pieces: Uint8Array[] = []
  #held = 0

  constructor(target: ContentTarget) {
    this.#target = target
  }

  /** @throws {RangeError} when there is more header than any server takes */
  async write(octets: Uint8Array): Promise<void> {
    if (this.#isBody) return this.#body(octets)
    const end = this.#headerEnd(octets)
    this.#head.push(octets)
    this.#headSize += octets.length
    if (end === undefined) {
      if (this.#headSize > LONGEST_HEADER) throw new RangeError('a header without end')
      return
    }
    await this.#show()
  }

  /** No more comes. */
  async end(): Promise<void> {
    if (!this.#isBody) await this.#show()
    await this.#flush()
  }

  /** Whether an empty line ends the header within these octets; what came before counts. */
  #headerEnd(octets: Uint8Array): number | undefined {
    for (let at = 0; at < octets.length; at++) {
      const octet = octets[at] as number // within bounds
      if (octet === LF && (this.#last === LF || (this.#last === CR && this.#before === LF))) return at + 1
      this.#before = this.#last
      this.#last = octet
    }
    return undefined
  }

  async #show(): Promise<void> {
    const octets = Buffer.concat(this.#head)
    this.#head = []
    this.#isBody = true
    const { fields, bodyStart } = splitHeader(octets)
    for (const field of fields) await this.#target.header(field)
    await this.#target.endOfHeader()
    if (bodyStart < octets.length) await this.#body(octets.subarray(bodyStart))
  }

  async #body(octets: Uint8Array): Promise<void> {
    this.#pieces.push(octets)
    this.#held += octets.length
    if (this.#held >= PIECE) await this.#flush()
  }

  async #flush(): Promise<void> {
    if (this.#held === 0) return
    const octets = this.#pieces.length === 1 && this.#pieces[0] ? this.#pieces[0] : Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#held = 0
    await this.#target.body(octets)
  }
}

/** The fields of a header, with the place where the body begins. A line `From ` of an mbox at the top is passed over. */
export function splitHeader(octets: Buffer): { readonly fields: readonly MilterField[]; readonly bodyStart: number } {
  const fields: MilterField[] = []
  let start = 0
  while (start < octets.length) {
    if (octets[start] === LF) return { fields, bodyStart: start + 1 }
    if (octets[start] === CR && octets[start + 1] === LF) return { fields, bodyStart: start + 2 }
    const end = fieldEnd(octets, start)
    const field = readField(octets.subarray(start, end))
    if (field !== undefined) fields.push(field)
    else if (!isMailboxLine(octets, start)) return { fields, bodyStart: start }
    start = end
  }
  return { fields, bodyStart: start }
}

/** Whether it is the line that begins a message in an mbox. */
export function isMailboxLine(octets: Buffer, start: number): boolean {
  return start === 0 && /^>?From /.test(octets.toString('latin1', 0, 6))
}

function fieldEnd(octets: Buffer, start: number): number {
  let end = start
  do {
    const lf = octets.indexOf(LF, end)
    end = lf < 0 ? octets.length : lf + 1
  } while (end < octets.length && (octets[end] === 0x20 || octets[end] === 0x09))
  return end
}

/** Undefined when it is no field. */
function readField(octets: Buffer): MilterField | undefined {
  let at = 0
  while (at < octets.length && isFieldCharacter(octets[at] ?? 0)) at++
  const name = octets.toString('latin1', 0, at)
  // RFC 5322 §4.5: the obsolete syntax has white space before the colon.
  while (octets[at] === 0x20 || octets[at] === 0x09) at++
  if (name === '' || octets[at] !== COLON) return undefined
  let end = octets.length
  if (octets[end - 1] === LF) end--
  if (octets[end - 1] === CR) end--
  return { name, value: shownValue(octets.subarray(at + 1, end)) }
}

function isFieldCharacter(octet: number): boolean {
  return octet > 0x20 && octet < 0x7f && octet !== COLON
}

/** Folds as LF. NUL would end the text, and hide what follows: a question mark stands for it. */
function shownValue(value: Buffer): Buffer {
  if (!value.includes(LF) && !value.includes(0)) return value
  const shown = Buffer.allocUnsafe(value.length)
  let size = 0
  for (let at = 0; at < value.length; at++) {
    const octet = value[at] as number // within bounds
    if (octet === CR && value[at + 1] === LF) continue
    shown[size++] = octet === 0 ? 0x3f : octet
  }
  return shown.subarray(0, size)
}
