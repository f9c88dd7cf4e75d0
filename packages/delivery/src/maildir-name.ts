/** Names inside a Maildir: of folders, from local parts, and of messages. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'

const PLAIN = /^[a-z0-9_+=@-][a-z0-9_+=@.-]*$/

/**
 * The name of the folder for a local part: lower-case ASCII letters, everything else that could mean something to a file system
 * percent-encoded; one folder for each mailbox, and none outside. Undefined when the name would be too long.
 *
 * @example folderName('../etc/passwd') // '%2E.%2Fetc%2Fpasswd'
 */
export function folderName(local: string): string | undefined {
  // RFC 5321 §2.4 leaves the meaning of case to the final host, which this is: no mailbox differs from another by case only.
  const folded = local.normalize('NFC').toLowerCase()
  if (PLAIN.test(folded)) return folded.length <= MAX_NAME ? folded : undefined
  let name = ''
  for (const octet of Buffer.from(folded, 'utf8')) {
    const character = String.fromCharCode(octet)
    // A leading dot hides a folder, and Maildir++ gives it a meaning.
    const isPlain = /[a-z0-9_+=@-]/.test(character) || (character === '.' && name !== '')
    name += isPlain ? character : `%${octet.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return name === '' || name.length > MAX_NAME ? undefined : name
}

/** NAME_MAX of the usual file systems is 255. */
const MAX_NAME = 200

let deliveries = 0
const random = randomBytes(6).toString('hex')
// Slash and colon have a meaning in a Maildir: replaced as its specification says.
const host = hostname().replaceAll('/', '\\057').replaceAll(':', '\\072')

/**
 * A name that no other delivery has, on this host or another that shares the folder; https://cr.yp.to/proto/maildir.html.
 *
 * @param now milliseconds since the epoch
 * @param size octets of the file; the `S=` of Maildir++ saves mailbox servers a stat
 */
export function uniqueName(now: number, size: number): string {
  const seconds = Math.floor(now / 1000)
  const micros = (now - seconds * 1000) * 1000
  // Six digits, so that names of one process sort as its deliveries did. R is in it because containers may share a host name and a process id.
  return `${seconds}.M${String(Math.floor(micros)).padStart(6, '0')}P${process.pid}Q${++deliveries}R${random}.${host},S=${size}`
}
