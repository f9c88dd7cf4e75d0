/** Header sections that are written anew from a list of fields, and edits that are carried over to a message that others have changed meanwhile. */
import type { HeaderField } from '@postroad/mail'
import { keptFields } from './edits.ts'
import { Field, HeaderBlock, HeaderSection } from './headers.ts'

const LF = 0x0a
const CRLF = Buffer.from('\r\n')

/**
 * The section of these fields. Those of `section` keep their memory, and with it what they are known by; octets are new fields with their line ends.
 *
 * @param top how many at the beginning stand above whatever a server in charge adds
 * @throws {TypeError} when a field is not one of `section`
 */
export function sectionOf(
  section: HeaderSection,
  fields: readonly (HeaderField | Uint8Array)[],
  top = 0,
): HeaderSection {
  const homes = new Map<HeaderField, HeaderBlock>()
  for (const block of section.blocks) for (const field of block.fields) homes.set(field, block)
  const blocks: HeaderBlock[] = []
  for (const [index, one] of fields.entries()) {
    const isLast = index === fields.length - 1
    const home = one instanceof Field ? homes.get(one) : undefined
    if (!(one instanceof Uint8Array) && home === undefined) throw new TypeError('not a field of this message')
    const raw = one instanceof Uint8Array ? one : one.raw
    const isTop = index < top || home?.isTop === true
    // The last field of a message that ended in the middle of one has no line end.
    if (!isLast && raw.at(-1) !== LF) blocks.push(new HeaderBlock(Buffer.concat([raw, CRLF]), isTop))
    else if (!join(blocks, raw, isTop)) blocks.push(new HeaderBlock(raw, isTop))
  }
  return new HeaderSection(blocks)
}

/** Consecutive fields of one piece of memory stay one piece. */
function join(blocks: HeaderBlock[], raw: Uint8Array, isTop: boolean): boolean {
  const last = blocks.at(-1)
  if (last === undefined || last.isTop !== isTop || last.bytes.buffer !== raw.buffer) return false
  if (last.bytes.byteOffset + last.bytes.length !== raw.byteOffset) return false
  const length = last.bytes.length + raw.length
  blocks[blocks.length - 1] = new HeaderBlock(new Uint8Array(raw.buffer, last.bytes.byteOffset, length), isTop)
  return true
}

/** The edits that made `edited` of `base`, made of `onto`, which was made of `base`, too: what others took away stays away. */
export function carrySection(base: HeaderSection, edited: HeaderSection, onto: HeaderSection): HeaderSection {
  if (onto === base) return edited
  const stays = keptFields(base, edited)
  const isKept = new Set(stays.values())
  const { top, above } = writtenIn(edited, stays)
  const places = keptFields(base, onto)
  const fields: (HeaderField | Uint8Array)[] = [...top]
  const waiting = [...above].sort(([one], [other]) => one - other)
  for (const field of onto.fields) {
    const place = places.get(field)
    while (place !== undefined && waiting[0] !== undefined && waiting[0][0] <= place)
      fields.push(...(waiting.shift()?.[1] ?? []))
    if (place === undefined || isKept.has(place)) fields.push(field)
  }
  for (const [, written] of waiting) fields.push(...written)
  return sectionOf(onto, fields, top.length)
}

/** The new fields: those on top, and the others by the place of the field of the origin that follows them. */
function writtenIn(edited: HeaderSection, kept: ReadonlyMap<Field, number>) {
  const top: Uint8Array[] = []
  const above = new Map<number, Uint8Array[]>()
  let waiting: Uint8Array[] = []
  for (const { fields, isTop } of edited.blocks) {
    for (const field of fields) {
      const place = kept.get(field)
      if (place === undefined) (isTop ? top : waiting).push(field.raw)
      else if (waiting.length > 0) {
        above.set(place, [...(above.get(place) ?? []), ...waiting])
        waiting = []
      }
    }
  }
  if (waiting.length > 0) above.set(Number.POSITIVE_INFINITY, waiting)
  return { top, above }
}
