/** Takes a report out of gzip or zip: never more of it than a report can have, whatever the file says of itself. */
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { type Entry, fromBuffer, type ZipFile } from 'yauzl'

/** Octets of a report. */
const MAX_OCTETS = 10 * 1_048_576
/** So many times as large as before it may become, once it is larger than that anyhow. */
const MAX_RATIO = 200
const FREE_OCTETS = 1_048_576

const inflate = promisify(gunzip)

/**
 * The octets of the report in a file, by what it begins with and not by its name.
 *
 * @throws {Error} when they are more than a report has, or the archive is damaged or has no report in it
 */
export async function unpack(file: Uint8Array): Promise<Uint8Array> {
  const limit = Math.min(MAX_OCTETS, Math.max(FREE_OCTETS, file.length * MAX_RATIO))
  if (file[0] === 0x1f && file[1] === 0x8b) return await unzipped(inflate(file, { maxOutputLength: limit }))
  if (file[0] === 0x50 && file[1] === 0x4b) return await unzipped(unzip(Buffer.from(file), limit))
  if (file.length > MAX_OCTETS) throw new Error(TOO_LARGE)
  return file
}

const TOO_LARGE = `it has more than ${MAX_OCTETS} octets, or grows more than a report does`

async function unzipped(work: Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await work
  } catch (cause) {
    const isTooLarge = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE'
    throw isTooLarge ? new Error(TOO_LARGE, { cause }) : cause
  }
}

/** The first file in the archive that may be a report. */
function unzip(file: Buffer, limit: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    fromBuffer(file, { lazyEntries: true, validateEntrySize: true }, (error, zip) => {
      if (error || !zip) return reject(error ?? new Error('it is no archive'))
      let looked = 0
      zip.on('error', reject)
      zip.on('end', () => reject(new Error('the archive has no report in it')))
      zip.on('entry', (entry: Entry) => {
        // A report has one file; what has hundreds wants us to work.
        if (++looked > 10) return reject(new Error('the archive has too many files'))
        if (!/\.(?:xml|json)$/i.test(entry.fileName)) return zip.readEntry()
        read(zip, entry, limit).then(resolve, reject)
      })
      zip.readEntry()
    })
  })
}

function read(zip: ZipFile, entry: Entry, limit: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    if (entry.uncompressedSize > limit) return reject(new Error(TOO_LARGE))
    zip.openReadStream(entry, (error, stream) => {
      if (error || !stream) return reject(error ?? new Error('it is no archive'))
      const parts: Buffer[] = []
      let length = 0
      stream.on('data', (part: Buffer) => {
        length += part.length
        if (length > limit) stream.destroy(new Error(TOO_LARGE))
        else parts.push(part)
      })
      stream.once('error', reject)
      stream.once('end', () => resolve(Buffer.concat(parts)))
    })
  })
}
