/** What identifies a message in all its copies: as it arrived, as it was delivered, and as a mailbox gives it back. */
import type { Secret } from './secret.ts'

/** Fields of the author; servers on the way add others. */
const FIELDS = ['message-id', 'date', 'from', 'subject'] as const

/** Octets of a message that are looked at, and characters of its body that count. */
const LOOKED_AT = 655_360
const COUNTED = 262_144

/**
 * The key of a message's content. Line ends, blanks at the ends of lines, and fields that servers add make no difference; of a large body the
 * beginning counts.
 */
export function contentKey(octets: Uint8Array, secret: Secret): string {
  const { fields, body } = split(textOf(octets))
  const own = FIELDS.map((name) => fields.get(name) ?? '')
  return secret.digest('message', [...own, tidy(body).slice(0, COUNTED)].join('\n'))
}

/** The value of the topmost field of a name, unfolded; `undefined` when there is none. */
export function fieldOf(octets: Uint8Array, name: string): string | undefined {
  return split(textOf(octets)).fields.get(name.toLowerCase())
}

function textOf(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, Math.min(octets.length, LOOKED_AT))
    .toString('latin1')
    .replaceAll('\r', '')
}

/** Topmost fields of these names, unfolded, and the body. Lines end with LF. */
function split(text: string): { readonly fields: ReadonlyMap<string, string>; readonly body: string } {
  const fields = new Map<string, string>()
  let at = 0
  let name = ''
  while (at < text.length) {
    const end = text.indexOf('\n', at)
    const line = text.slice(at, end < 0 ? text.length : end)
    at = end < 0 ? text.length : end + 1
    if (line === '') break
    if (line.startsWith(' ') || line.startsWith('\t')) {
      if (name !== '') fields.set(name, `${fields.get(name)} ${line.trim()}`)
      continue
    }
    const colon = line.indexOf(':')
    const found = colon < 0 ? '' : line.slice(0, colon).trim().toLowerCase()
    name = fields.has(found) ? '' : found
    if (name !== '') fields.set(name, line.slice(colon + 1).trim())
  }
  return { fields, body: text.slice(at) }
}

/** Without blanks at ends of lines, and without empty lines at the end. */
function tidy(body: string): string {
  const lines = body.split('\n').map((line) => line.trimEnd())
  while (lines.at(-1) === '') lines.pop()
  return lines.join('\n')
}
