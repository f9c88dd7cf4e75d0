/**
 * What became of a message, told by where its octets lie: a field as received is a view of the memory it arrived in, everything else was
 * written by an edit. So the difference is exact whatever was done in between, edits that undo each other are none, and it costs nothing
 * while it is done.
 */
import type { HeaderEdit } from '@postroad/mail'
import type { Field, HeaderSection } from './headers.ts'

/** The edits that make `after` of `before`. */
export function headerEdits(before: HeaderSection, after: HeaderSection): readonly HeaderEdit[] {
  if (before === after) return []
  const added = addedOnTop(before, after)
  if (added !== undefined) return added
  const kept = keptFields(before, after)
  const replacements = replacementsOf(before, after, kept)
  return [...changes(before, kept, replacements), ...insertions(after, kept, new Set(replacements.values()))]
}

/** The edits where there are new fields on top and nothing else has changed, as is most often so; undefined where that is not so. */
function addedOnTop(before: HeaderSection, after: HeaderSection): readonly HeaderEdit[] | undefined {
  const count = after.blocks.length - before.blocks.length
  if (count < 0) return undefined
  for (const [place, block] of before.blocks.entries()) if (after.blocks[count + place] !== block) return undefined
  const inserts: HeaderEdit[] = []
  for (let place = count - 1; place >= 0; place--) {
    const block = after.blocks[place]
    if (!block?.isTop) return undefined
    for (const { name, raw } of block.fields.toReversed()) inserts.push({ kind: 'insert', name, before: 0, raw })
  }
  return inserts
}

/** The fields of `after` that are as received, with their places in `before`. */
export function keptFields(before: HeaderSection, after: HeaderSection): ReadonlyMap<Field, number> {
  const memory = new Map<ArrayBufferLike, Map<number, number>>()
  for (const [place, { raw }] of before.fields.entries()) {
    const offsets = memory.get(raw.buffer) ?? new Map<number, number>()
    memory.set(raw.buffer, offsets.set(raw.byteOffset, place))
  }
  const kept = new Map<Field, number>()
  for (const field of after.fields) {
    const { raw } = field
    const place = memory.get(raw.buffer)?.get(raw.byteOffset)
    if (place !== undefined) kept.set(field, place)
  }
  return kept
}

/** By place: a new field of the same name where the old one was is the old one with another value. */
function replacementsOf(
  before: HeaderSection,
  after: HeaderSection,
  kept: ReadonlyMap<Field, number>,
): ReadonlyMap<number, Field> {
  const replacements = new Map<number, Field>()
  const written = writtenAbove(before, after, kept)
  const stays = new Set(kept.values())
  let candidates = written.get(before.length)
  for (let place = before.length - 1; place >= 0; place--) {
    if (stays.has(place)) candidates = written.get(place)
    else if (candidates?.at(-1)?.name.toLowerCase() === before.fields[place]?.name.toLowerCase()) {
      const field = candidates?.pop()
      if (field) replacements.set(place, field)
    }
  }
  return replacements
}

/** The fields that edits wrote, but for those on top, by the place of the field as received that follows them. */
function writtenAbove(
  before: HeaderSection,
  after: HeaderSection,
  kept: ReadonlyMap<Field, number>,
): ReadonlyMap<number, Field[]> {
  const written = new Map<number, Field[]>()
  let waiting: Field[] = []
  for (const { fields, isTop } of after.blocks) {
    for (const field of fields) {
      const place = kept.get(field)
      if (place !== undefined) {
        written.set(place, waiting)
        waiting = []
      } else if (!isTop) waiting.push(field)
    }
  }
  return written.set(before.length, waiting)
}

function* changes(
  before: HeaderSection,
  kept: ReadonlyMap<Field, number>,
  replacements: ReadonlyMap<number, Field>,
): Iterable<HeaderEdit> {
  const stays = new Set(kept.values())
  const ordinals = ordinalsOf(before)
  for (const [place, { name }] of [...before.fields.entries()].reverse()) {
    if (stays.has(place)) continue
    const index = ordinals[place] ?? 0
    const replacement = replacements.get(place)
    yield replacement ? { kind: 'change', name, index, raw: replacement.raw } : { kind: 'delete', name, index }
  }
}

function insertions(
  after: HeaderSection,
  kept: ReadonlyMap<Field, number>,
  replacing: ReadonlySet<Field>,
): readonly HeaderEdit[] {
  const inserts: HeaderEdit[] = []
  let above = 0
  for (const { fields, isTop } of after.blocks) {
    for (const field of fields) {
      if (kept.has(field) || replacing.has(field)) above++
      else inserts.push({ kind: 'insert', name: field.name, before: isTop ? 0 : above + 1, raw: field.raw })
    }
  }
  return inserts.reverse()
}

/** Which of its name each field is, from 1. */
function ordinalsOf({ fields }: HeaderSection): readonly number[] {
  const seen = new Map<string, number>()
  return fields.map(({ name }) => {
    const key = name.toLowerCase()
    const count = (seen.get(key) ?? 0) + 1
    seen.set(key, count)
    return count
  })
}
