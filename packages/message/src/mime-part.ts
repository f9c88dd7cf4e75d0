/** A part of a MIME message, as the scan finds it: what its header says, where its octets are, and what is in it. */
import type { Ambiguity } from '@postroad/mail'
import { decodeCharset, decodeUndeclared } from './charset.ts'
import { decodeText } from './encoded-word.ts'
import { type ParameterOctets, parameterOctets, type StructuredField } from './structured-field.ts'
import type { TransferEncoding } from './transfer-encoding.ts'

/** One part; a multipart and an embedded message have others in them. */
export interface MimePart {
  /** As IMAP counts, RFC 9051 §6.4.5. */
  readonly number: string
  readonly parent: MimePart | undefined
  /** Where its octets are: in those of the message, or in those of a part that was decoded. */
  readonly bytes: Buffer
  readonly headerStart: number
  bodyStart: number
  bodyEnd: number
  kind: 'leaf' | 'multipart' | 'message'
  /** It is a multipart only to readers to whom a boundary is enough. */
  isGuessed: boolean
  /** Type and subtype by which it is read; lower-case. */
  type: string
  /** Content-Type and Content-Disposition, as often as they are there. */
  types: readonly StructuredField[]
  dispositions: readonly StructuredField[]
  encoding: TransferEncoding
  contentId: string | undefined
  /** It stands in the content of another part: a file in a text (uuencode, yEnc) or in a winmail.dat. */
  isInner: boolean
  /** Names that stand in content; a winmail.dat has long and short ones. */
  ownNames: readonly string[]
  readonly children: MimePart[]
}

/** A leaf of no octets, to be filled. */
export function emptyPart(bytes: Buffer, start: number, parent: MimePart | undefined): MimePart {
  return {
    number: numberUnder(parent),
    parent,
    bytes,
    headerStart: start,
    bodyStart: start,
    bodyEnd: start,
    kind: 'leaf',
    isGuessed: false,
    type: 'text/plain',
    types: [],
    dispositions: [],
    encoding: 'none',
    contentId: undefined,
    isInner: false,
    ownNames: [],
    children: [],
  }
}

/** The only part of an embedded message has the number of that message with `.1`, the parts of its multipart that with `.1`, `.2`, …. */
function numberUnder(parent: MimePart | undefined): string {
  if (!parent) return '1'
  const isRoot = parent.parent === undefined && parent.kind === 'multipart'
  const isOfMessage = parent.kind === 'multipart' && parent.parent?.kind === 'message'
  const above = isRoot ? '' : `${isOfMessage ? parent.parent?.number : parent.number}.`
  return `${above}${parent.children.length + 1}`
}

/** The first parameter of that name in any of the fields, as text. */
export function parameterOf(fields: readonly StructuredField[], name: string): string | undefined {
  for (const field of fields) {
    const [value] = parameterOctets(field, name)
    if (value) return textOf(value).trim()
  }
  return undefined
}

/** All names that a mail client may show for a part, the most likely first. */
export function namesOf(part: MimePart): readonly string[] {
  const { dispositions, types, ownNames } = part
  const values = [
    ...named(dispositions, 'filename'),
    ...named(types, 'name'),
    ...named(types, 'filename'),
    ...named(dispositions, 'name'),
  ]
  const names = values.flatMap((value) => cleanNames(textOf(value)))
  names.push(...ownNames.flatMap(cleanNames))
  return [...new Set(names)].filter((name) => name !== '')
}

/** Whether a mail client shows the part itself rather than a file to open. */
export function isShown({ dispositions }: MimePart): boolean {
  return dispositions.length === 0 || dispositions.some(({ value }) => value === 'inline' || value === '')
}

/** Notes what readers may disagree in. */
export type Note = (what: Ambiguity) => void

function named(fields: readonly StructuredField[], name: string): readonly ParameterOctets[] {
  return fields.flatMap((field) => parameterOctets(field, name))
}

function textOf({ octets, charset }: ParameterOctets): string {
  if (charset === undefined) return decodeText(octets)
  const bytes = Buffer.from(octets, 'latin1')
  return decodeCharset(bytes, charset) ?? decodeUndeclared(bytes)
}

/** The names that a system may make of one: it drops dots and blanks at the end, and may stop at a NUL. */
export function cleanNames(text: string): readonly string[] {
  const texts = text.includes('\0') ? [text, text.slice(0, text.indexOf('\0'))] : [text]
  return texts.map((each) => {
    const name = each
      .replace(/[\t\r\n]+/g, ' ')
      .replace(/[\x00-\x1f\x7f]+/g, '')
      .trim()
    let end = name.length
    while (name[end - 1] === '.' || name[end - 1] === ' ') end--
    return name.slice(0, end)
  })
}
