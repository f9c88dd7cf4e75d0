/** The parts of a message one after the other, by their boundaries: one walk forward, bounded in depth and number. */
import type { FieldSpan } from './field.ts'
import { parameterOf, readFields } from './field.ts'

const MAX_DEPTH = 8
const MAX_PARTS = 64
const MAX_VALUE = 1024
const MAX_BOUNDARY = 256

/** A part that has no parts itself. */
export interface Leaf {
  /** Lower-case type and subtype: `text/plain`. */
  readonly type: string
  readonly charset: string
  /** Lower-case content-transfer encoding, `''` for none. */
  readonly encoding: string
  /** The end of a file name behind its last dot, lower-case, `''` for none. */
  readonly extension: string
  readonly from: number
  readonly to: number
}

/** What is told of the parts of a message. */
export interface MimeVisitor {
  /** The type of every part, also of those that only hold others. */
  type(type: string): void
  /** A part with content; false ends the walk. */
  leaf(leaf: Leaf): boolean
}

/** Content fields of one part. */
interface Content extends Omit<Leaf, 'from' | 'to'> {
  readonly boundary: Uint8Array | undefined
}

/** Walks through the body that begins at `body`; the fields are those of the message. */
export function walkParts(octets: Uint8Array, fields: readonly FieldSpan[], body: number, visitor: MimeVisitor): void {
  const boundaries: Uint8Array[] = []
  const inner: FieldSpan[] = []
  let content = contentOf(octets, fields)
  let at = body
  for (let parts = 0; parts < MAX_PARTS; parts++) {
    visitor.type(content.type)
    if (content.type === 'message/rfc822' && at > body) {
      at = readFields(octets, at, octets.length, inner)
      content = contentOf(octets, inner)
      continue
    }
    if (content.boundary !== undefined && boundaries.length < MAX_DEPTH) {
      boundaries.push(content.boundary)
      const line = findBoundary(octets, at, boundaries)
      if (line.level < 0) return void visitor.leaf(leafOf({ ...content, type: 'text/plain' }, at, octets.length))
      at = line.next
      if (!enter(line)) return
    } else {
      const line = findBoundary(octets, at, boundaries)
      if (!visitor.leaf(leafOf(content, at, line.at)) || line.level < 0) return
      at = line.next
      if (!enter(line)) return
    }
    at = readFields(octets, at, octets.length, inner)
    content = contentOf(octets, inner)
  }

  /** Closes what a line closes and goes to where the next part begins; false when there is none. */
  function enter(first: Line): boolean {
    let line = first
    while (line.isClosing) {
      boundaries.length = line.level
      line = findBoundary(octets, line.next, boundaries)
      if (line.level < 0) return false
    }
    boundaries.length = line.level + 1
    at = line.next
    return true
  }
}

function leafOf({ type, charset, encoding, extension }: Content, from: number, to: number): Leaf {
  return { type, charset, encoding, extension, from, to: Math.max(from, to) }
}

function contentOf(octets: Uint8Array, fields: readonly FieldSpan[]): Content {
  let type = ''
  let disposition = ''
  let encoding = ''
  for (const field of fields)
    if (field.name === 'content-type') type = textOf(octets, field)
    else if (field.name === 'content-transfer-encoding') encoding = textOf(octets, field).trim().toLowerCase()
    else if (field.name === 'content-disposition') disposition = textOf(octets, field)
  const semicolon = type.indexOf(';')
  const essence = (semicolon < 0 ? type : type.slice(0, semicolon)).trim().toLowerCase()
  const fileName = parameterOf(disposition, 'filename') || parameterOf(type, 'name')
  const dot = fileName.lastIndexOf('.')
  const boundary = essence.startsWith('multipart/') ? parameterOf(type, 'boundary').slice(0, MAX_BOUNDARY) : ''
  return {
    type: essence === '' ? 'text/plain' : essence,
    charset: parameterOf(type, 'charset').trim().toLowerCase().slice(0, 40),
    encoding: encoding.slice(0, 40),
    extension:
      dot < 0
        ? ''
        : fileName
            .slice(dot + 1)
            .toLowerCase()
            .slice(0, 10),
    boundary: boundary === '' ? undefined : Uint8Array.from(boundary, (char) => char.charCodeAt(0)),
  }
}

function textOf(octets: Uint8Array, { from, to }: FieldSpan): string {
  let text = ''
  for (let i = from; i < Math.min(to, from + MAX_VALUE); i++) {
    const octet = octets[i] ?? 0
    text += String.fromCharCode(octet < 0x20 ? 0x20 : octet)
  }
  return text
}

/** A boundary line: where the part before it ends, which of the boundaries it is (-1: none, the end), where the next line begins. */
interface Line {
  readonly at: number
  readonly level: number
  readonly isClosing: boolean
  readonly next: number
}

function findBoundary(octets: Uint8Array, from: number, boundaries: readonly Uint8Array[]): Line {
  const end = octets.length
  if (boundaries.length > 0) {
    let line = from
    while (line < end) {
      if (octets[line] === 0x2d && octets[line + 1] === 0x2d)
        for (let level = boundaries.length - 1; level >= 0; level--) {
          const after = matchAt(octets, line + 2, boundaries[level])
          if (after < 0) continue
          const isClosing = octets[after] === 0x2d && octets[after + 1] === 0x2d
          const next = octets.indexOf(0x0a, after)
          const before = line > from && octets[line - 2] === 0x0d ? line - 2 : line - 1
          return { at: Math.max(from, before), level, isClosing, next: next < 0 ? end : next + 1 }
        }
      const next = octets.indexOf(0x0a, line)
      if (next < 0) break
      line = next + 1
    }
  }
  return { at: end, level: -1, isClosing: false, next: end }
}

/** Where the text ends when it stands at `at`, or -1. What follows it on the line does not matter. */
function matchAt(octets: Uint8Array, at: number, text: Uint8Array | undefined): number {
  if (text === undefined || at + text.length > octets.length) return -1
  for (let i = 0; i < text.length; i++) if (octets[at + i] !== text[i]) return -1
  return at + text.length
}
