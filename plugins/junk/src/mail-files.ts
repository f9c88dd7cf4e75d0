/** Messages of files, folders, Maildirs and mailboxes in mbox format, one by one. */
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A message, and where it was found. */
export interface FoundMessage {
  /** The file; in a mailbox with its number: `archive.mbox:17`. */
  readonly name: string
  readonly octets: Buffer
}

/** Octets of a message; of a larger one the rest is left out. */
const MOST = 26_214_400
const PIECE = 1_048_576
const SEPARATOR = Buffer.from('\nFrom ')
const FROM = Buffer.from('From ')

/**
 * All messages of these names; `-` is the standard input. Of a folder all files in it and below, but for what Maildir calls temporary and what
 * begins with a dot and is no folder.
 *
 * @throws the error of `node:fs` when there is no such file
 */
export async function* findMessages(
  names: readonly string[],
  stdin: AsyncIterable<Buffer> = process.stdin,
): AsyncGenerator<FoundMessage> {
  for (const name of names) {
    if (name === '-') yield* messagesOf(stdin, 'standard input')
    else
      for await (const file of filesOf(name)) yield* messagesOf(createReadStream(file, { highWaterMark: PIECE }), file)
  }
}

async function* filesOf(name: string): AsyncGenerator<string> {
  if (!(await stat(name)).isDirectory()) {
    yield name
    return
  }
  const entries = await readdir(name, { withFileTypes: true })
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(name, entry.name)
    if (entry.isDirectory()) {
      if (entry.name !== 'tmp') yield* filesOf(path)
    } else if (entry.isFile() && !entry.name.startsWith('.') && !INDEX.test(entry.name)) yield path
  }
}

/** Files that mail servers keep beside messages. */
const INDEX = /^(?:dovecot|maildirfolder|maildirsize|subscriptions|courierimap)/

/** The one message of a stream, or those of a mailbox. */
async function* messagesOf(stream: AsyncIterable<Buffer>, name: string): AsyncGenerator<FoundMessage> {
  let pending = Buffer.alloc(0)
  let isMailbox: boolean | undefined
  let number = 0
  for await (const chunk of stream) {
    pending = pending.length < MOST || isMailbox ? Buffer.concat([pending, chunk]) : pending
    if (pending.length < FROM.length) continue
    isMailbox ??= pending.subarray(0, FROM.length).equals(FROM)
    if (!isMailbox) continue
    for (let end = separatorIn(pending); end >= 0; end = separatorIn(pending)) {
      yield { name: `${name}:${++number}`, octets: unquoted(pending.subarray(0, end + 1)) }
      pending = pending.subarray(end + 1)
    }
    // What is larger than a message may be is cut; the next separator is found all the same.
    if (pending.length > 2 * MOST) pending = Buffer.concat([pending.subarray(0, MOST), pending.subarray(-FROM.length)])
  }
  if (pending.length === 0) return
  yield isMailbox
    ? { name: `${name}:${++number}`, octets: unquoted(pending) }
    : { name, octets: pending.subarray(0, MOST) }
}

/** Where the line ends before the next `From ` that follows an empty line. */
function separatorIn(octets: Buffer): number {
  for (let at = octets.indexOf(SEPARATOR); at >= 0; at = octets.indexOf(SEPARATOR, at + 1)) {
    const before = octets[at - 1] === 13 ? at - 2 : at - 1
    if (octets[before] === 10) return at
  }
  return -1
}

/** Without the separator line, and with quoted `From ` as it was. */
function unquoted(octets: Buffer): Buffer {
  const begin = octets.indexOf(10) + 1
  const message = octets.subarray(begin, begin + MOST)
  if (message.indexOf('>From ') < 0) return Buffer.from(message)
  return Buffer.from(message.toString('latin1').replaceAll(/^>(>*From )/gm, '$1'), 'latin1')
}
