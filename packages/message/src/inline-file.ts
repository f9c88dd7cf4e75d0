/** Files that stand within a text, as they did before MIME and as mail clients still show them: uuencode (POSIX), its base64 form, and yEnc. */
import { decodeText } from './encoded-word.ts'
import type { TransferEncoding } from './transfer-encoding.ts'

/** A file in a text; offsets of its encoded octets. */
export interface InlineFile {
  readonly name: string
  readonly encoding: TransferEncoding
  readonly from: number
  readonly to: number
}

const LF = 0x0a
const CR = 0x0d
const EQUALS = 0x3d
const LETTER_B = 0x62
const LETTER_E = 0x65
const BEGIN = Buffer.from('begin')
const END = Buffer.from('end')
const YBEGIN = Buffer.from('=ybegin')
const LINE_LIMIT = 1000
/** Octets of a line from which on asking the platform is worth it. */
const NEAR = 256

/** Finds them in one pass. @param count called for each */
export function findInlineFiles(bytes: Buffer, from: number, to: number, count: () => void): readonly InlineFile[] {
  const files: InlineFile[] = []
  let open: (FileHead & { readonly from: number }) | undefined
  for (let at = from - 1; at < to; at = lineFeed(bytes, at + 1, to)) {
    const line = at + 1
    const first = bytes[line]
    if (open) {
      if (
        (first !== LETTER_E && first !== EQUALS) ||
        !open.end.test(bytes.toString('latin1', line, Math.min(to, line + 12)))
      )
        continue
      files.push({ ...open, to: line })
      open = undefined
    } else if (line < to && (first === LETTER_B || first === EQUALS)) {
      const head = fileHead(bytes, line, to)
      if (!head) continue
      count()
      open = { ...head, from: lineAfter(bytes, line, to) }
    }
  }
  if (open) files.push({ ...open, to })
  return files
}

/** Index of the next LF, `to` when there is none: short lines are looked through here, the rest of a long one by the platform. */
function lineFeed(bytes: Buffer, from: number, to: number): number {
  const near = Math.min(from + NEAR, to)
  for (let at = from; at < near; at++) if (bytes[at] === LF) return at
  if (near === to) return to
  const found = bytes.subarray(near, to).indexOf(LF)
  return found < 0 ? to : near + found
}

interface FileHead {
  readonly name: string
  readonly encoding: TransferEncoding
  /** The line that ends the file. */
  readonly end: RegExp
}

/** `begin 644 name`, `begin-base64 644 name`, `=ybegin line=128 size=1 name=…`. */
function fileHead(bytes: Buffer, line: number, to: number): FileHead | undefined {
  if (bytes[line] === LETTER_B) {
    if (!beginsWith(bytes, line, BEGIN)) return undefined
    const isBase64 = bytes[line + BEGIN.length] === 0x2d
    // Asked first, as it is quick: there may be millions of such lines.
    if (!isBase64 && !isUuencoded(bytes, filledLineAfter(bytes, line, to), to)) return undefined
    const text = bytes.toString('latin1', line, Math.min(to, line + LINE_LIMIT))
    const [, base64, name = ''] = /^begin(-base64)? +[0-7]{3,4} +(\S[^\r\n]*)/.exec(text) ?? []
    if (name === '') return undefined
    if (base64) return { name: decodeText(name), encoding: 'base64', end: /^====/ }
    return { name: decodeText(name), encoding: 'uuencode', end: /^end[ \t]*(?:[\r\n]|$)/ }
  }
  if (!beginsWith(bytes, line, YBEGIN)) return undefined
  const name = /^[^\r\n]* name=([^\r\n]+)/.exec(bytes.toString('latin1', line, Math.min(to, line + LINE_LIMIT)))?.[1]
  return name === undefined ? undefined : { name: decodeText(name), encoding: 'yenc', end: /^=yend/ }
}

/** Prose may begin a line with "begin 644 words", but goes on with letters that uuencode does not have. */
function isUuencoded(bytes: Buffer, line: number, to: number): boolean {
  for (let at = line; at < to; at++) {
    const octet = bytes[at] ?? 0
    if (octet === LF || octet === CR) return at > line
    if (octet < 0x20 || octet > 0x60) return at === line && beginsWith(bytes, line, END)
  }
  return to > line
}

function beginsWith(bytes: Buffer, at: number, text: Buffer): boolean {
  for (let index = 0; index < text.length; index++) if (bytes[at + index] !== text[index]) return false
  return true
}

/** Readers pass over some empty lines. */
function filledLineAfter(bytes: Buffer, line: number, to: number): number {
  let at = lineAfter(bytes, line, to)
  for (let empty = 0; empty < 5 && (bytes[at] === LF || bytes[at] === CR); empty++) at = lineAfter(bytes, at, to)
  return at
}

function lineAfter(bytes: Buffer, line: number, to: number): number {
  let at = line
  while (at < to && bytes[at] !== LF) at++
  return Math.min(at + 1, to)
}
