/** What a PDF does by itself, and files in it: names of its objects, also of those that are compressed (ISO 32000-2 §7.5.7). */
import { constants, inflateSync } from 'node:zlib'
import type { Inspector } from './inspector.ts'

/** Names with octets as numbers; honest writers have few. */
const MOST_WRITTEN = 5_000
const MOST_STREAMS = 300
const MOST_INFLATED = 1_048_576
const STREAM = /\/ObjStm\b[^>]{0,400}>>\s{0,4}stream\r?\n/g

/** Looks at the names of all objects, with `#4a` for letters (ISO 32000-2 §7.3.5). */
export function inspectPdf(octets: Buffer, name: string, inspector: Inspector): void {
  const found = new Set<string>()
  const text = octets.toString('latin1')
  noteNames(text, { name, inspector, found })
  let streams = 0
  for (const match of text.matchAll(STREAM)) {
    if (++streams > MOST_STREAMS || !inspector.hasTime()) {
      inspector.add('unread', `${name}: more than is looked at`)
      break
    }
    const start = match.index + match[0].length
    const end = octets.indexOf('endstream', start, 'latin1')
    const packed = octets.subarray(start, end < 0 ? octets.length : end)
    const inner = inflated(packed)
    if (inner === undefined || !inspector.take(inner.length)) inspector.add('unread', `${name}: compressed objects`)
    else noteNames(inner.toString('latin1'), { name, inspector, found })
  }
  for (const word of found) inspector.add('pdf', `${name}: ${word}`)
}

interface Found {
  readonly name: string
  readonly inspector: Inspector
  readonly found: Set<string>
}

function noteNames(text: string, { name, inspector, found }: Found): void {
  let hasFiles = false
  const note = (plain: string): void => {
    if (plain === '/JavaScript' || plain === '/JS' || plain === '/Launch') found.add(plain)
    else if (plain === '/Encrypt') inspector.add('encrypted', name)
    else if (plain.startsWith('/EmbeddedFile')) hasFiles = true
  }
  // Each word is found once, however often it is there: the time is that of a search.
  for (const word of ['/JavaScript', '/JS', '/Launch', '/Encrypt', '/EmbeddedFile'])
    if (new RegExp(`${word}(?:s?\\b|$)`).test(text)) note(word)
  let written = 0
  for (const [word] of text.matchAll(/\/\w{0,24}#\w[\w#]{1,60}/g)) {
    if (++written > MOST_WRITTEN) {
      inspector.add('unread', `${name}: more than is looked at`)
      break
    }
    note(word.replace(/#([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))))
  }
  if (!hasFiles && !text.includes('/Filespec')) return
  for (const [, given = ''] of text.matchAll(/\/U?F\s{0,4}\(([^)]{1,255})\)/g)) {
    const wide = given.startsWith('\xfe\xff') ? given.slice(2).replaceAll('\0', '') : given
    if (!inspector.list(`${name}/${wide}`)) return
  }
}

function inflated(packed: Buffer): Buffer | undefined {
  try {
    return inflateSync(packed, { maxOutputLength: MOST_INFLATED, finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    return undefined // not compressed this way, or too much: it is said
  }
}
