/**
 * Names of the files in a zip archive: by its directory, as programs for archives read it, and by what stands in front of each file, as those do
 * that read it from the beginning. Where the two differ, the names of both are there. Loaded on the first question.
 */
import { createRequire } from 'node:module'
import type { ArchivedFile, ArchiveListing } from '@postroad/mail'
import type { Entry, ZipFile } from 'yauzl'
import { cleanNames } from './mime-part.ts'

/** How much is looked at, all archives within each other together; the milliseconds are those that this thread computes. */
const LIMITS = { files: 1_000, depth: 3, octets: 20 * 1_048_576, ms: 200 }

const FILE = Buffer.from('PK\x03\x04', 'latin1')
const END = Buffer.from('PK\x05\x06', 'latin1')
/** Octets from the end of the directory to that of the archive, at most. */
const TAIL = 22 + 65_535
const FILE_HEAD = 30
const ENCRYPTED = 0x1
const UTF8 = 0x800
const MOST_NAME = 4_096
/** To extract it, in tenths: 6.3 is the newest of APPNOTE. */
const MOST_VERSION = 100
const require = createRequire(import.meta.url)
/** Names of what zip archives are in. */
const ZIPPED = /\.(?:zip|jar|zipx|apk|xpi|war|ear|docx|docm|xlsx|xlsm|xlsb|pptx|pptm|odt|ods|odp)$/i

/** Whether it is a zip archive; something else may stand in front of one. */
export function isZip(octets: Uint8Array): boolean {
  const buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
  return buffer.subarray(0, 4).equals(FILE) || buffer.subarray(-TAIL).includes(END)
}

/** What is in it; archives in it are looked into, too. Never throws: what cannot be read is said. */
export async function listZip(octets: Uint8Array): Promise<ArchiveListing> {
  // What it takes to load it is nothing that an archive has asked for.
  yauzl()
  const listing = new Listing()
  try {
    await listing.read(Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength), '', 1)
  } catch (error) {
    listing.miss(error)
  }
  return { files: listing.files, unread: listing.unread }
}

class Listing {
  readonly files: ArchivedFile[] = []
  unread: ArchiveListing['unread']
  #octets = LIMITS.octets
  readonly #end = computed() + LIMITS.ms
  readonly #seen = new Set<string>()

  async read(archive: Buffer, folder: string, depth: number): Promise<void> {
    const raw = new Set<string>()
    try {
      await this.#readDirectory(archive, { folder, depth, raw })
    } catch (error) {
      this.miss(error)
    }
    for (const { name, text, ...file } of localFiles(archive)) if (!raw.has(name)) this.#add(folder, text, file)
  }

  /** The first reason is told. */
  miss(error: unknown): void {
    this.unread ??= error instanceof MissedError ? error.reason : 'damaged'
  }

  async #readDirectory(
    archive: Buffer,
    { folder, depth, raw }: { readonly folder: string; readonly depth: number; readonly raw: Set<string> },
  ): Promise<void> {
    const { fromBufferPromise, getFileNameLowLevel } = yauzl()
    const zip = await fromBufferPromise(archive, { lazyEntries: true, decodeStrings: false, validateEntrySizes: false })
    for await (const entry of zip.eachEntry()) {
      const { generalPurposeBitFlag: flags, fileNameRaw, uncompressedSize: size, extraFields } = entry
      const isEncrypted = (flags & ENCRYPTED) !== 0
      raw.add(fileNameRaw.toString('latin1'))
      const names = this.#add(folder, getFileNameLowLevel(flags, fileNameRaw, extraFields, false), {
        size,
        isEncrypted,
      })
      const inner = names.find((name) => ZIPPED.test(name))
      if (inner === undefined) continue
      try {
        const octets = await this.#inflate(zip, entry, depth)
        if (isZip(octets)) await this.read(octets, `${inner}/`, depth + 1)
      } catch (error) {
        this.miss(error)
        if (error instanceof MissedError && error.reason === 'limit') throw error
      }
    }
  }

  /** The octets of an archive in the archive. */
  async #inflate(zip: ZipFile, entry: Entry, depth: number): Promise<Buffer> {
    if (depth >= LIMITS.depth || entry.uncompressedSize > this.#octets) throw new MissedError('limit')
    if ((entry.generalPurposeBitFlag & ENCRYPTED) !== 0) throw new MissedError('encrypted')
    const pieces: Buffer[] = []
    for await (const piece of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) {
      this.#octets -= piece.length
      if (this.#octets < 0 || computed() > this.#end) throw new MissedError('limit')
      pieces.push(piece)
    }
    return Buffer.concat(pieces)
  }

  #add(folder: string, name: string, { size, isEncrypted }: Omit<ArchivedFile, 'filename'>): readonly string[] {
    if (computed() > this.#end) throw new MissedError('limit')
    const names = cleanNames(name.replaceAll('\\', '/')).map((each) => folder + each)
    for (const filename of names) {
      // A folder is no file.
      if (filename.endsWith('/') || this.#seen.has(filename)) continue
      if (this.files.length >= LIMITS.files) throw new MissedError('limit')
      this.#seen.add(filename)
      this.files.push({ filename, size, isEncrypted })
    }
    return names
  }
}

/** Milliseconds that this thread has computed: where a machine is busy, an archive has no less of it. */
function computed(): number {
  if (typeof process.threadCpuUsage !== 'function') return performance.now()
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

/** Something was not looked at. */
class MissedError extends Error {
  readonly reason: NonNullable<ArchiveListing['unread']>

  constructor(reason: NonNullable<ArchiveListing['unread']>) {
    super(reason)
    this.name = 'MissedError'
    this.reason = reason
  }
}

interface LocalFile extends Omit<ArchivedFile, 'filename'> {
  /** Octets, one character each. */
  readonly name: string
  readonly text: string
}

/** What stands in front of each file, where it stands, whether the directory has it or not. */
function* localFiles(archive: Buffer): Iterable<LocalFile> {
  for (let at = archive.indexOf(FILE); at >= 0; at = archive.indexOf(FILE, at + 4)) {
    if (at + FILE_HEAD > archive.length) return
    const flags = archive.readUInt16LE(at + 6)
    const length = archive.readUInt16LE(at + 26)
    const name = archive.subarray(at + FILE_HEAD, at + FILE_HEAD + length)
    // By chance these octets may stand in what is compressed.
    if (length === 0 || length > MOST_NAME || archive.readUInt16LE(at + 4) > MOST_VERSION || name.length < length)
      continue
    yield {
      name: name.toString('latin1'),
      text: name.toString((flags & UTF8) !== 0 ? 'utf8' : 'latin1'),
      size: archive.readUInt32LE(at + 22),
      isEncrypted: (flags & ENCRYPTED) !== 0,
    }
  }
}

/** It is written for `require`, and nobody who does not ask has it. */
function yauzl(): typeof import('yauzl') {
  return require('yauzl') as typeof import('yauzl') // as: what it is
}
