/** Finds reports: in files, in folders of any depth, and in messages that bring them. */
import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { parseAuthResults } from '@postroad/authres'
import { messageFromBytes } from '@postroad/message'
import { type ReadReport, readReport } from '@postroad/report'
import { UsageError } from '../config/usage-error.ts'

/** What a file had in it. */
export interface FoundReport {
  readonly file: string
  /** Undefined: there is no report in it, and it does not look as if there should be. */
  readonly read: ReadReport | undefined
  /** What this server found out about the message: `pass example.com`; empty for a file that is none. */
  readonly dkim: string
}

/** Octets of a file that are read at all. */
const MAX_FILE = 50 * 1_048_576
/** Attachments of one message that are looked at. */
const MAX_ATTACHMENTS = 10

/**
 * Everything below the paths, in order.
 *
 * @throws {UsageError} when a path cannot be read
 */
export async function* collectReports(paths: readonly string[]): AsyncIterable<FoundReport> {
  for (const start of paths) {
    const about = await stat(start).catch((cause: Error) => {
      throw new UsageError(`${start} cannot be read: ${cause.message}`, { cause })
    })
    if (!about.isDirectory()) yield await look(start)
    else for (const file of await filesOf(start)) yield await look(file)
  }
}

async function filesOf(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
}

async function look(file: string): Promise<FoundReport> {
  try {
    const { size } = await stat(file)
    if (size > MAX_FILE) return { file, read: mistaken(`it has more than ${MAX_FILE} octets`), dkim: '' }
    const octets = await readFile(file)
    return isMessage(octets) ? await lookInto(octets, file) : { file, read: await readReport(octets), dkim: '' }
  } catch (error) {
    return { file, read: mistaken(error instanceof Error ? error.message : 'it cannot be read'), dkim: '' }
  }
}

function mistaken(mistake: string): ReadReport {
  return { kind: 'none', mistake }
}

/** A message begins with the name of a field, or as mailbox files do. */
function isMessage(octets: Uint8Array): boolean {
  return /^(?:From |[\x21-\x39\x3b-\x7e]{1,80}[ \t]*:)/.test(Buffer.from(octets.subarray(0, 100)).toString('latin1'))
}

async function lookInto(octets: Uint8Array, file: string): Promise<FoundReport> {
  const message = messageFromBytes(octets)
  const dkim = dkimOf(message.headers.get('authentication-results'))
  const { attachments } = await message.mime()
  let failed: ReadReport | undefined
  for (const { contentType, filename = '', content } of attachments.slice(0, MAX_ATTACHMENTS)) {
    const isLikely =
      /gzip|zip|xml|json|tlsrpt|octet-stream/i.test(contentType) || /\.(?:gz|zip|xml|json)$/i.test(filename)
    if (!isLikely) continue
    const read = await readReport(content)
    if (read.kind !== 'none') return { file, read, dkim }
    failed ??= read
  }
  return { file, read: failed, dkim }
}

/** Of the topmost field: those below it may have come with the message. */
function dkimOf(field: string | undefined): string {
  const results = field === undefined ? [] : (parseAuthResults(field)?.results ?? [])
  const dkim = results.filter(({ method }) => method === 'dkim')
  const best = dkim.find(({ result }) => result === 'pass') ?? dkim[0]
  if (best === undefined) return ''
  const domain = best.properties.find(({ type, name }) => type === 'header' && (name === 'd' || name === 'i'))?.value
  return domain === undefined ? best.result : `${best.result} ${domain.replace(/^.*@/, '')}`
}
