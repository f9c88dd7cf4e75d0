/** What spamd answers: a line with a code of sysexits, fields, and perhaps a body (`spamd/PROTOCOL` of SpamAssassin). */
import { notThe } from '@postroad/upstream'

/** What spamd thinks of a message. */
export interface SpamdReply {
  readonly isSpam: boolean
  readonly score: number
  /** From which score on it is spam to spamd. */
  readonly required: number
  /** Names of symbols, or a header section, by the verb. */
  readonly body: Buffer
}

/** Octets of a whole answer: header sections are not larger, and reports are not asked for. */
export const REPLY_LIMIT = 1_048_576

/** Names of the codes that spamd has; the others are as little an answer. */
const CODES: ReadonlyMap<number, string> = new Map([
  [64, 'EX_USAGE'],
  [65, 'EX_DATAERR'],
  [67, 'EX_NOUSER'],
  [69, 'EX_UNAVAILABLE'],
  [70, 'EX_SOFTWARE'],
  [71, 'EX_OSERR'],
  [74, 'EX_IOERR'],
  [75, 'EX_TEMPFAIL'],
  [76, 'EX_PROTOCOL'],
  [77, 'EX_NOPERM'],
  [78, 'EX_CONFIG'],
  [79, 'EX_TIMEOUT'],
])

const STATUS = /^SPAMD\/\d+\.\d+ (\d{1,3}) ([^\r\n]*)\r?\n/

/** Whether the answer is there to its end. @throws {Error} when it cannot become one of spamd's */
export function isWholeReply(answer: Buffer): boolean {
  const start = answer.toString('latin1', 0, 200)
  if (!'SPAMD/'.startsWith(start.slice(0, 6))) throw notThe('spamd', answer)
  const status = STATUS.exec(start)
  if (!status) return false
  if (status[1] !== '0') return true
  const head = headOf(answer)
  if (!head) return false
  const { length, end } = head
  // Without a length, and for TELL, there is no body: all is said when the fields are.
  return answer.length >= end + (length ?? 0)
}

/**
 * The answer to CHECK, SYMBOLS or HEADERS.
 *
 * @throws {Error} for everything that is no opinion on a message: every code but 0, half an answer, another server's words
 */
export function parseReply(answer: Buffer): SpamdReply {
  const { fields, body } = parseFields(answer)
  const spam = /^(true|yes|false|no) ; (-?\d+(?:\.\d+)?) \/ (-?\d+(?:\.\d+)?)$/i.exec(fields.get('spam') ?? '')
  if (!spam) throw new Error('spamd has not said whether it is spam')
  const [, said = '', score, required] = spam
  return { isSpam: /^(?:true|yes)$/i.test(said), score: Number(score) || 0, required: Number(required), body }
}

/** Fields by their names in lower case, and the body. @throws {Error} as {@link parseReply} */
export function parseFields(answer: Buffer): { readonly fields: ReadonlyMap<string, string>; readonly body: Buffer } {
  const status = STATUS.exec(answer.toString('latin1', 0, 1_000))
  if (!status) {
    if (/^SPAMD\//.test(answer.toString('latin1', 0, 6))) throw new Error('spamd hung up in the middle of its answer')
    throw notThe('spamd', answer)
  }
  const code = Number(status[1])
  if (code !== 0) throw new Error(`spamd: ${code} ${CODES.get(code) ?? ''} ${clean(status[2] ?? '')}`)
  const head = headOf(answer)
  if (!head) throw new Error('spamd hung up in the middle of its answer')
  const { fields, length, end } = head
  const body = answer.subarray(end)
  if (length !== undefined && body.length < length) throw new Error('spamd hung up in the middle of its answer')
  return { fields, body: body.subarray(0, length) }
}

interface Head {
  readonly fields: ReadonlyMap<string, string>
  readonly length: number | undefined
  /** Where the body begins. */
  readonly end: number
}

function headOf(answer: Buffer): Head | undefined {
  const end = answer.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [, ...lines] = answer.toString('latin1', 0, end).split('\r\n')
  const fields = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim())
  }
  const length = fields.get('content-length')
  if (length !== undefined && !/^\d{1,9}$/.test(length)) throw notThe('spamd', answer)
  return { fields, length: length === undefined ? undefined : Number(length), end: end + 4 }
}

/** Symbols of the answer to SYMBOLS: `A,B`, with or without a line end. */
export function symbolsOf(text: string): readonly string[] {
  return [...new Set(text.split(/[\s,]+/).filter((name) => /^\w{1,200}$/.test(name) && name !== 'none'))]
}

/** A field of the answer to HEADERS. */
export interface SpamdField {
  readonly name: string
  /** Folded as spamd has folded it, with CRLF. */
  readonly value: string
}

/** Fields of a header section that may have any line ends. */
export function fieldsOf(section: string): readonly SpamdField[] {
  const fields: { name: string; value: string }[] = []
  for (const line of section.split(/\r?\n/)) {
    if (line === '') break
    const last = fields.at(-1)
    const field = /^([!-9;-~]+):[ \t]*(.*)$/.exec(line)
    if (/^[ \t]/.test(line)) {
      if (last) last.value += `\r\n${line}`
    } else if (field) fields.push({ name: field[1] ?? '', value: field[2] ?? '' })
  }
  return fields
}

/** What stands in X-Spam-Status: `Yes, score=9.1 required=5.0 tests=A,B,\r\n\tC autolearn=no`. */
export function testsOf(status: string): readonly string[] {
  const tests = /\btests=([\w,\s]*?)(?:\s+\w+=|$)/.exec(status.replace(/\r?\n/g, ' '))
  return symbolsOf(tests?.[1] ?? '')
}

function clean(text: string): string {
  return text.slice(0, 200).replace(/[^\x20-\x7e]/g, '?')
}
