/** Which parts of a message are to be removed: found by where they stand, and held against what readers of mail show. */
import type { Message } from '@postroad/plugin'
import { readStructured, valuesOf } from '../mime/field.ts'
import { isCoded, isMessage, type Part, readStructure, StructureError } from '../mime/structure.ts'
import type { StripOptions, Wanted } from './options.ts'

/** What was found in a message. */
export interface Found {
  /** None is within another one. */
  readonly parts: readonly Part[]
  /** Why something that is to be removed cannot be; undefined when all can. */
  readonly untouchable: string | undefined
}

/** Names that are longer are no names. */
const NAME_LIMIT = 1000

type Options = Pick<StripOptions, 'depth'> & { readonly wanted: Wanted }

export async function findWanted(message: Message, options: Options): Promise<Found> {
  try {
    const found = findParts(await readStructure(message.headers, message.body()), options)
    if (found.untouchable !== undefined) return found
    const shown = (await attachmentsOf(message)).filter(({ filename, contentType }) =>
      options.wanted.has(filename === undefined ? [] : [filename], [contentType]),
    )
    const isFound = ({ part }: Attachment): boolean =>
      found.numbers.some((number) => part === number || part.startsWith(`${number}.`) || number === '')
    return shown.every(isFound) ? found : { ...found, untouchable: 'some readers show a file where there is no part' }
  } catch (error) {
    if (error instanceof StructureError) return { parts: [], untouchable: error.message }
    throw error
  }
}

type Attachment = Awaited<ReturnType<Message['mime']>>['attachments'][number]

/** What our own reader shows, which takes what any mail client takes. */
async function attachmentsOf(message: Message): Promise<readonly Attachment[]> {
  try {
    return (await message.mime()).attachments
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    // A message that is only large is found by its structure, which is read as a stream.
    if (code === 'ERR_MIME_TOO_LARGE') return []
    if (code.startsWith('ERR_MIME_')) throw new StructureError('its parts cannot be read')
    throw error
  }
}

interface FoundParts extends Found {
  /** As the reader counts parts. */
  readonly numbers: readonly string[]
}

function findParts(root: Part, { wanted, depth }: Options): FoundParts {
  const parts: Part[] = []
  const numbers: string[] = []
  let untouchable: string | undefined
  const visit = (part: Part, number: string, isSigned: boolean): void => {
    const isHere = isWanted(part, wanted) || isOutOfSight(part, depth)
    if (isHere && isSigned) untouchable ??= 'an attachment that is not allowed here is part of what is signed'
    else if (isHere) {
      parts.push(part)
      numbers.push(number)
    } else {
      // What some readers see as a multipart and others as a file is looked at by nobody.
      if (part.isAmbiguous) untouchable ??= 'a part of it says several things of itself'
      for (const [index, child] of part.children.entries())
        visit(child, numberOf(child, { above: number, index }), isSigned || part.type === 'multipart/signed')
    }
  }
  visit(root, root.type.startsWith('multipart/') ? '' : '1', false)
  return { parts, numbers, untouchable }
}

/** RFC 9051 §6.4.5: the multipart of a message within the message has the number of that. */
function numberOf(part: Part, { above, index }: { readonly above: string; readonly index: number }): string {
  if (part.parent && isMessage(part.parent.type) && part.type.startsWith('multipart/')) return above
  return above === '' ? `${index + 1}` : `${above}.${index + 1}`
}

/** All names that a reader may show for it, the likeliest first. */
export function namesOf({ fields }: Part): readonly string[] {
  const named = (field: string, parameter: string): readonly string[] =>
    fields
      .filter(({ name }) => name === field)
      .flatMap(({ value }) => valuesOf(readStructured(value), parameter))
      .filter(({ length }) => length <= NAME_LIMIT)
  return [...new Set([...named('content-disposition', 'filename'), ...named('content-type', 'name')])]
}

function isWanted(part: Part, wanted: Wanted): boolean {
  const types = part.fields
    .filter(({ name }) => name === 'content-type')
    .map(({ value }) => readStructured(value).value)
  return wanted.has(namesOf(part), [...types, part.type])
}

/** A message that we do not look into and its reader does. */
function isOutOfSight(part: Part, depth: number): boolean {
  return isMessage(part.type) && part.hasBody && (part.level >= depth || isCoded(part))
}
