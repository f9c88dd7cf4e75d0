/** Files in archives, as libarchive lists them: zip, 7z, rar, tar, cab, iso, cpio, ar, lha, and what is in one file that is only compressed. */
import { Growing, type Inspector, release } from './inspector.ts'
import { breakLibrary, type Library, library } from './library.ts'
import { BACK, FRONT, learn, type Single, singleOf, zipRecords } from './single.ts'

const PIECE = 65_536
const FOLDER = 0o040000
/** What is looked into wholly, by its name or by what it begins with. */
const LOOKED_INTO =
  /\.(?:zip|jar|7z|rar|arj|tar|tgz|gz|bz2|xz|zst|cab|iso|img|doc[mx]?|xls[bmx]?|ppt[mx]?|dot[mx]?|rtf|pdf|x?html?|shtml|svg|csv|eml|dat|bin|rels)$/i
const BEGINS =
  /^(?:PK\x03\x04|Rar!|7z\xbc\xaf|\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|MSCF|\x60\xea|SZDD|\x78\x9f\x3e\x22|\xd0\xcf\x11\xe0|%PDF|\s*\{\\rt|\s*<)/
/** Parts of documents that say what is in them, and what is fetched. */
const PART = /\/(?:\[Content_Types\]\.xml|word\/document\.xml|xl\/externalLinks\/[^/]+\.xml|META-INF\/manifest\.xml)$/i

/** Where an archive is. */
export interface ArchivePlace {
  readonly name: string
  readonly inspector: Inspector
  /** Without a file in it, it is no archive, and nothing is said. */
  readonly isGuess: boolean
  /** Names in the order of its files, where they are known: the library has stars for letters beyond ASCII, or nothing. */
  readonly names: readonly string[]
  /** Looks into a file in it. @returns whether its octets are kept */
  look(octets: Buffer, name: string): boolean
}

/** An archive that is open. */
interface Opened {
  readonly archive: number
  readonly pieces: number
  /** What nobody asks for costs nothing: its octets stand by themselves. */
  readonly skips: boolean
}

/** Lists an archive, and looks into what is in it. The octets are given back. */
export async function listArchive(octets: Buffer, place: ArchivePlace): Promise<void> {
  const { name, inspector } = place
  const used = await library().catch(() => undefined)
  if (!used) {
    inspector.add('unread', `${name}: what came before has broken the reader`)
    return
  }
  const { module } = used
  const single = singleOf(octets)
  const held = module._malloc(FRONT + octets.length + BACK + PIECE)
  if (held === 0) {
    inspector.add('unread', `${name}: it takes too much memory`)
    return
  }
  const pointer = held + FRONT
  const { length } = octets
  const skips = octets.toString('latin1', 0, 2) === 'PK'
  module.HEAP8.set(octets, pointer)
  release(octets)
  let became = readAll(used, { pointer, length, skips }, place)
  // Twice more at most: for the sum, and for the size.
  for (let attempt = 0; attempt < 3 && became === 'nothing' && single; attempt++) {
    const [front, back] = zipRecords(single)
    const start = pointer + single.start - front.length
    module.HEAP8.set(front, start)
    module.HEAP8.set(back, pointer + single.end)
    const whole = { pointer: start, length: pointer + single.end + back.length - start, skips: false }
    became = readAll(used, whole, { ...place, single })
  }
  if (became === 'broken') breakLibrary()
  else module._free(held)
  if (became === 'nothing' && !place.isGuess) inspector.add('unread', `${name}: damaged, or of an unknown kind`)
}

/** Where the octets are in the memory of the library, with room for a piece behind them. */
interface Held {
  readonly pointer: number
  readonly length: number
  readonly skips: boolean
}

interface Opening extends ArchivePlace {
  /** It is the only file, compressed by itself. */
  readonly single?: Single
}

/** What came of it: it is no archive, or the library may not be used again. */
type Reading = 'listed' | 'nothing' | 'broken'

function readAll(used: Library, { pointer, length, skips }: Held, place: Opening): Reading {
  const { name, inspector } = place
  let archive = 0
  let reading: Reading = 'nothing'
  let index = 0
  try {
    archive = opened(used)
    used.read_open_memory(archive, pointer, length)
    const around = { archive, pieces: pointer + length, skips }
    for (let entry = used.read_next_entry(archive); entry !== 0; entry = used.read_next_entry(archive)) {
      reading = 'listed'
      if (!readEntry(used, around, { entry, place, index: index++ })) break
    }
    if (reading === 'nothing' && used.read_has_encrypted_entries(archive) > 0) {
      inspector.add('encrypted', `${name}: its directory`)
      reading = 'listed'
    }
  } catch (error) {
    if (isFatal(error)) {
      if (!place.isGuess) inspector.add('unread', `${name}: it breaks its reader`)
      return 'broken'
    }
    if (error instanceof Unread) reading = 'nothing'
    else if (reading === 'listed') inspector.add('unread', `${name}: damaged`)
  }
  try {
    if (archive !== 0) used.read_free(archive)
    return reading
  } catch (error) {
    return isFatal(error) ? 'broken' : reading
  }
}

/** An archive of any kind. That some filters are programs of the system, which there are none of here, is no failure. */
function opened(used: Library): number {
  const archive = used.read_new()
  if (archive === 0) throw new Error('more memory than a file may have')
  for (const support of [used.read_support_filter_all, used.read_support_format_all])
    try {
      support(archive)
    } catch (error) {
      if (isFatal(error)) throw error
    }
  return archive
}

/** It can be read when it is opened once more. */
class Unread extends Error {}

/** Not what the library says of a file, but that it does not know any more what it does. */
function isFatal(error: unknown): boolean {
  return !(error instanceof Error) || error.name === 'RuntimeError' || error.name === 'ExitStatus'
}

/** @returns whether to go on */
function readEntry(
  used: Library,
  opened: Opened,
  { entry, place, index }: { readonly entry: number; readonly place: Opening; readonly index: number },
): boolean {
  const { name, inspector, look, single } = place
  const inner = single ? single.name : nameOf(used.entry_pathname(entry), place.names[index])
  if (inner === undefined) inspector.add('unread', `${name}: a name that cannot be read`)
  const path = `${name}/${inner ?? ''}`
  if (used.entry_filetype(entry) === FOLDER) return true
  if (inspector.files.at(-1) !== path && !inspector.list(path)) {
    inspector.add('unread', `${name}: more than is looked at`)
    return false
  }
  if (used.entry_is_encrypted(entry) !== 0) {
    inspector.add('encrypted', path)
    return true
  }
  const content = contentOf(used, opened, { inspector, path, single })
  const { octets } = content
  if (!look(octets, path)) release(octets)
  if (content.isEnough) inspector.add('unread', `${path}: more than is looked at`)
  return !content.isEnough
}

function nameOf(given: string | null, known: string | undefined): string | undefined {
  return given && !given.includes('*') ? given : (known ?? (given || undefined))
}

interface Content {
  readonly octets: Buffer
  /** No more may be looked at. */
  readonly isEnough: boolean
}

/** The octets of the entry, or the first ones where it is nothing to look into. */
function contentOf(
  used: Library,
  { archive, pieces, skips }: Opened,
  {
    inspector,
    path,
    single,
  }: { readonly inspector: Inspector; readonly path: string; readonly single: Single | undefined },
): Content {
  const { module } = used
  const content = new Growing(Math.max(PIECE, inspector.room))
  let isWhole = single !== undefined || LOOKED_INTO.test(path) || PART.test(path)
  let isFirst = true
  try {
    for (;;) {
      const length = used.read_data(archive, pieces, PIECE)
      if (length <= 0) return { octets: content.octets, isEnough: false }
      const piece = new Uint8Array(module.HEAP8.buffer, pieces, length)
      if (isFirst) isWhole ||= BEGINS.test(Buffer.from(piece.subarray(0, 64)).toString('latin1'))
      // To come to the next file of a stream all of this one is unpacked: that costs time, and no memory.
      const isTaken = isFirst || isWhole ? inspector.take(length) && content.add(piece) : inspector.hasTime()
      if (!isTaken) return { octets: content.octets, isEnough: true }
      isFirst = false
      if (!isWhole && skips) return { octets: content.octets, isEnough: false }
    }
  } catch (error) {
    // A wrong sum, or a way to compress that is not known: other programs may open it. What there is is looked at.
    if (isFatal(error)) throw error
    if (single && isFirst && error instanceof Error && learn(single, error)) throw new Unread()
    // Of what is compressed by itself but by gzip the size is not known, and the end is always an error.
    if (!single || single.method === 8 || isFirst)
      inspector.add('unread', `${path}: damaged, or packed in an unknown way`)
    return { octets: content.octets, isEnough: false }
  }
}
