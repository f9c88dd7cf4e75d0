/** Files in archives, as libarchive lists them: zip, 7z, rar, tar, cab, iso, cpio, ar, lha, with gzip, bzip2, xz around them. */
import { createRequire } from 'node:module'
import { gunzipSync } from 'node:zlib'
import type { Inspector } from './inspector.ts'

/** What we use of libarchive-wasm. */
interface Library {
  readonly module: { readonly HEAP8: Int8Array; _malloc(octets: number): number; _free(pointer: number): void }
  read_new_memory(pointer: number, length: number): number
  read_next_entry(archive: number): number
  read_data(archive: number, pointer: number, length: number): number
  /** Above 0: it has. */
  read_has_encrypted_entries(archive: number): number
  read_free(archive: number): void
  entry_pathname(entry: number): string | null
  entry_size(entry: number): number
  entry_filetype(entry: number): number
  entry_is_encrypted(entry: number): number
}

const { libarchiveWasm } = createRequire(import.meta.url)('libarchive-wasm') as {
  libarchiveWasm(): Promise<Library>
} // as: what its declarations say, of which we need the lower part

const PIECE = 65_536
const FOLDER = 0o040000
/** Octets of memory that a library with a file in it may have. */
const MEMORY = 192 * 1_048_576
/** One that has grown beyond this is not kept. */
const KEPT = 48 * 1_048_576
/** What is looked into, by its name or by what it begins with. */
const LOOKED_INTO =
  /\.(?:zip|jar|7z|rar|tar|tgz|gz|bz2|xz|cab|iso|doc[mx]?|xls[bmx]?|ppt[mx]?|dot[mx]?|rtf|pdf|html?|svg)$/i
const BEGINS = /^(?:PK\x03\x04|Rar!|7z\xbc\xaf|\x1f\x8b|BZh|\xfd7zXZ|MSCF|\xd0\xcf\x11\xe0|%PDF|\{\\rt)/

/** Where an archive is. */
interface Place {
  readonly name: string
  readonly inspector: Inspector
  /** Looks into a file in it. */
  look(octets: Buffer, name: string): Promise<void>
}

/** To make one takes a while; after an error it is not to be used again. */
let spare: Library | undefined

/** Lists an archive, and looks into what is in it. */
export async function listArchive(octets: Buffer, place: Place): Promise<void> {
  const { name, inspector } = place
  const library = spare ?? (await libarchiveWasm())
  // An archive in this one needs another.
  spare = undefined
  const pointer = library.module._malloc(octets.length)
  library.module.HEAP8.set(octets, pointer)
  let isListed = false
  try {
    const archive = library.read_new_memory(pointer, octets.length)
    for (let entry = library.read_next_entry(archive); entry !== 0; entry = library.read_next_entry(archive)) {
      isListed = true
      if (library.module.HEAP8.length > MEMORY) return inspector.add('unread', `${name}: it takes too much memory`)
      if (!(await readEntry(library, { archive, entry }, place))) return
    }
    if (!isListed && library.read_has_encrypted_entries(archive) <= 0) throw new Error('it has nothing in it')
    if (!isListed) inspector.add('encrypted', `${name}: its directory`)
    library.read_free(archive)
    library.module._free(pointer)
    if (library.module.HEAP8.length <= KEPT) spare = library
  } catch {
    const inner = isListed ? undefined : unwrapped(octets, inspector)
    if (inner) await place.look(inner, `${name}/content`)
    // A program may have an archive in it, or not.
    else if (isListed || octets.toString('latin1', 0, 2) !== 'MZ')
      inspector.add('unread', `${name}: damaged, or of an unknown kind`)
  }
}

/** @returns whether to go on */
async function readEntry(
  library: Library,
  { archive, entry }: { readonly archive: number; readonly entry: number },
  { name, inspector, look }: Place,
): Promise<boolean> {
  const path = `${name}/${library.entry_pathname(entry) ?? ''}`
  if (library.entry_filetype(entry) === FOLDER) return true
  if (!inspector.list(path)) {
    inspector.add('unread', `${name}: more than is looked at`)
    return false
  }
  checkOoxml(path, inspector)
  if (library.entry_is_encrypted(entry) !== 0) {
    inspector.add('encrypted', path)
    return true
  }
  const isRelation = path.endsWith('.rels')
  const octets = contentOf(library, archive, { inspector, isWhole: isRelation || LOOKED_INTO.test(path), path })
  if (octets === undefined) {
    inspector.add('unread', `${path}: more than is looked at`)
    return false
  }
  if (isRelation && isTemplate(octets)) inspector.add('template', path)
  await look(octets, path)
  return true
}

/** The octets of the entry, or the first ones where it is nothing to look into; undefined when they are too many. */
function contentOf(
  library: Library,
  archive: number,
  { inspector, isWhole, path }: { readonly inspector: Inspector; readonly isWhole: boolean; readonly path: string },
): Buffer | undefined {
  const { module } = library
  const pieces: Buffer[] = []
  const pointer = module._malloc(PIECE)
  try {
    for (let looksInto = isWhole; ; ) {
      const length = library.read_data(archive, pointer, PIECE)
      if (length <= 0) return Buffer.concat(pieces)
      const piece = Buffer.from(module.HEAP8.slice(pointer, pointer + length).buffer)
      if (pieces.length === 0) looksInto ||= BEGINS.test(piece.toString('latin1', 0, 16))
      if (!inspector.take(length)) return undefined
      pieces.push(piece)
      if (!looksInto) return piece
    }
  } catch (error) {
    // A wrong sum, or a way to compress that is not known: other programs may open it. What there is is looked at.
    if (!(error instanceof Error) || error.name === 'RuntimeError') throw error
    inspector.add('unread', `${path}: damaged`)
    return Buffer.concat(pieces)
  } finally {
    module._free(pointer)
  }
}

/** Macros of documents since 2007 (ECMA-376) stand in files of their own. */
function checkOoxml(path: string, inspector: Inspector): void {
  if (/\/vbaProject\.bin$/i.test(path)) inspector.add('macro', path)
  else if (/\/xl\/macrosheets\//i.test(path)) inspector.add('macro', path)
  else if (/\/embeddings\/[^/]+\.bin$/i.test(path)) inspector.add('object', path)
}

function isTemplate(octets: Buffer): boolean {
  const text = octets.toString('latin1', 0, 262_144)
  return /attachedTemplate|\/oleObject|\/frame"/i.test(text) && /TargetMode\s*=\s*["']External/i.test(text)
}

/** What is compressed by itself, without an archive in it. */
function unwrapped(octets: Buffer, inspector: Inspector): Buffer | undefined {
  if (octets[0] !== 0x1f || octets[1] !== 0x8b) return undefined
  try {
    const inner = gunzipSync(octets, { maxOutputLength: 8_388_608 })
    return inspector.take(inner.length) ? inner : undefined
  } catch {
    return undefined // damaged, or too much: it is said
  }
}
