/**
 * Blocks of `name=value` lines with an empty line after them: the form of questions and answers alike, Postfix SMTPD_POLICY_README.
 */
import { foreignName } from './foreign.ts'

/** What came is not the policy protocol. The message says what it looks like. */
export class PolicyProtocolError extends Error {
  override readonly name = 'PolicyProtocolError'
}

/** Octets of one block. The longest values are a sender and the names in a certificate, far below this. */
export const BLOCK_SIZE = 65_536

/** A block that has come to its end. */
export interface Block {
  /** Of names that are there twice, the last: either may be taken. */
  readonly attributes: ReadonlyMap<string, string>
  /** Octets of the chunk that belong to it; what follows is of the next block. */
  readonly used: number
}

const LF = 0x0a
const CR = 0x0d
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Puts a block together from chunks that were cut anywhere. Keeps nothing between two blocks. */
export class BlockReader {
  readonly #limit: number
  /** What has come of the block, with room behind it; undefined between two. */
  #buffer: Buffer | undefined
  #length = 0
  /** Where the line begins that is not at its end yet. */
  #line = 0

  constructor(limit: number = BLOCK_SIZE) {
    this.#limit = limit
  }

  /** Whether a block has begun and not come to its end. */
  get isAmid(): boolean {
    return this.#buffer !== undefined
  }

  /**
   * Takes octets from `at` on; undefined when the block needs more.
   *
   * @throws {PolicyProtocolError} when this can be no block; the reader is of no use then
   */
  read(chunk: Buffer, at = 0): Block | undefined {
    // Empty lines between two blocks are those of a person who types.
    let start = at
    if (this.#buffer === undefined) while (chunk[start] === LF || chunk[start] === CR) start++
    if (start === chunk.length) return undefined
    const known = this.#length
    const fresh = this.#take(chunk, start)
    let from = known
    for (;;) {
      const end = fresh.indexOf(LF, from)
      if (end < 0) break
      from = end + 1
      const length = end - this.#line - (end > this.#line && fresh[end - 1] === CR ? 1 : 0)
      const line = this.#line
      this.#line = from
      if (line === 0) checkFirst(fresh, length)
      if (length > 0) continue
      const attributes = parse(fresh, line)
      this.#buffer = undefined
      this.#length = 0
      this.#line = 0
      return { attributes, used: start - at + from - known }
    }
    if (this.#line === 0) checkBeginning(fresh)
    if (fresh.length > this.#limit) throw new PolicyProtocolError(`a block has more than ${this.#limit} octets`)
    return undefined
  }

  /** All there is of the block; what came in one chunk is not copied. */
  #take(chunk: Buffer, start: number): Buffer {
    const before = this.#length
    const size = before + chunk.length - start
    if (this.#buffer === undefined) this.#buffer = chunk.subarray(start)
    else {
      if (size > this.#buffer.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(512, size, 2 * this.#buffer.length))
        this.#buffer.copy(larger, 0, 0, before)
        this.#buffer = larger
      }
      chunk.copy(this.#buffer, before, start)
    }
    this.#length = size
    return this.#buffer.subarray(0, size)
  }
}

/** A client of another protocol has said enough with its first line. */
function checkFirst(octets: Buffer, length: number): void {
  const line = octets.toString('latin1', 0, Math.min(length, 200))
  const mark = line.indexOf('=')
  if (mark < 0 || !NAME.test(line.slice(0, mark))) throw notPolicy(octets)
}

/** Octets of a name, of which all known ones have less than half. */
const NAME_SIZE = 64

/** A first line that has not come to its end may never: what it cannot be is seen as soon as it is. */
function checkBeginning(octets: Buffer): void {
  const beginning = octets.toString('latin1', 0, NAME_SIZE + 1)
  const mark = beginning.indexOf('=')
  const name = mark < 0 ? beginning : beginning.slice(0, mark)
  if (name.length > NAME_SIZE || !NAME.test(name)) throw notPolicy(octets)
}

function notPolicy(octets: Buffer): PolicyProtocolError {
  const known = foreignName(octets)
  return new PolicyProtocolError(
    known === undefined
      ? `a line without "name=": ${JSON.stringify(octets.toString('latin1', 0, 40).split(/[\r\n]/, 1)[0])} is not the policy protocol`
      : `this is ${known}, not the policy protocol`,
  )
}

function parse(octets: Buffer, end: number): ReadonlyMap<string, string> {
  // All of it at once: a call for each name and each value cost more than all else.
  const text = octets.toString('utf8', 0, end)
  if (text.includes('\0')) throw new PolicyProtocolError('a value has a NUL')
  const attributes = new Map<string, string>()
  let at = 0
  while (at < text.length) {
    const lf = text.indexOf('\n', at)
    const stop = lf > at && text.charCodeAt(lf - 1) === CR ? lf - 1 : lf
    const mark = text.indexOf('=', at)
    if (mark < 0 || mark >= stop)
      throw new PolicyProtocolError(`a line without "=": ${JSON.stringify(text.slice(at, Math.min(stop, at + 40)))}`)
    if (mark === at) throw new PolicyProtocolError('a line without a name')
    attributes.set(text.slice(at, mark), text.slice(mark + 1, stop))
    at = lf + 1
  }
  return attributes
}
