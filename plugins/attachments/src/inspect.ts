/** Looks into files: what they are, and what is in archives and documents. Runs on a thread of its own, whose time and memory are bounded. */
import { listArchive } from './archive.ts'
import { inspectMarkup, inspectOoxmlPart, inspectRtf, inspectSheet } from './document.ts'
import { type Inspection, type InspectLimits, Inspector, type Pending, release } from './inspector.ts'
import { isKnownKind, kindOf, openOldArchive } from './kind.ts'
import { inspectOle } from './ole.ts'
import { inspectPdf } from './pdf.ts'
import { tarNames } from './tar.ts'
import { inspectZip } from './zip.ts'

/** Looks into one file, whose octets are given back. Never throws: what cannot be read is said. */
export async function inspect(octets: Buffer, name: string, limits: InspectLimits): Promise<Inspection> {
  const { length } = octets
  // What unpacks to a hundred times what it is was made to cost; the others are far below.
  const octetsLeft = Math.min(limits.octets, MOST_RATIO * length + FREE)
  const inspector = new Inspector({ ...limits, octets: octetsLeft })
  look({ octets, name, depth: 0 }, inspector)
  for (let next = inspector.pending.shift(); next; next = inspector.pending.shift()) await open(next, inspector)
  release(octets)
  const { files, signals, left } = inspector
  return { files, signals, left: { ...left, octets: Math.max(0, limits.octets - (octetsLeft - left.octets)) } }
}

/** Octets unpacked for an octet of the file, and what is free besides. */
const MOST_RATIO = 100
const FREE = 1_048_576

/** Archives that nobody calls so. */
const DOCUMENT =
  /\.(?:doc[mx]|dot[mx]|xls[bmx]|xlt[mx]|ppt[mx]|pot[mx]|pps[mx]|od[tspgf]|epub|jar|apk|ipa|vsdx|3mf|kmz)$/i
const MARKUP = /<(?:!doctype\s+html|html|svg|script|body|head|meta|iframe|hta:)/i
const MARKUP_NAME = /\.(?:x?html?|shtml|svg|mht(?:ml)?|hta)$/i

/**
 * All that it may be: one file can be of several kinds, and each program that opens it finds its own.
 *
 * @returns whether the octets are kept, to be opened later
 */
function look({ octets, name, depth }: Pending, inspector: Inspector): boolean {
  try {
    const head = octets.toString('latin1', 0, 1_024)
    const kind = kindOf(octets, head)
    if (kind && depth > 0) inspector.add('type', `${name}: ${kind}`)
    if (head.startsWith('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1')) inspectOle(octets, name, inspector)
    if (head.includes('%PDF-')) inspectPdf(octets, name, inspector)
    if (/^\s*\{\\rt/.test(head)) inspectRtf(octets, name, inspector)
    if (MARKUP_NAME.test(name) || MARKUP.test(head.replaceAll('\0', ''))) inspectMarkup(octets, name, inspector)
    if (/\.(?:csv|txt)$/i.test(name)) inspectSheet(octets, name, inspector)
    if (depth > 0) inspectOoxmlPart(octets, name, inspector)
    return keepsArchive({ octets, name, depth }, { head, inspector })
  } catch {
    inspector.add('unread', `${name}: damaged`)
    return false
  }
}

function keepsArchive(
  { octets, name, depth }: Pending,
  { head, inspector }: { readonly head: string; readonly inspector: Inspector },
): boolean {
  const isArchive = isKnownKind(octets, head)
  const isZip = octets.subarray(-65_557).includes('PK\x05\x06', 0, 'latin1')
  if (!isArchive && !isZip && !head.startsWith('MZ')) return false
  if (depth >= inspector.depth) {
    inspector.add('unread', `${name}: archives within archives`)
    return false
  }
  if (depth > 0 && isArchive && !DOCUMENT.test(name)) inspector.add('nested', name)
  inspector.pending.push({ octets, name, depth })
  return true
}

async function open({ octets, name, depth }: Pending, inspector: Inspector): Promise<void> {
  const lookAt = (inner: Buffer, path: string): boolean =>
    look({ octets: inner, name: path, depth: depth + 1 }, inspector)
  try {
    const head = octets.toString('latin1', 0, 1_024)
    const inZip = inspectZip(octets, name, inspector)
    if (!inZip) return
    const names = inZip.length > 0 ? inZip : tarNames(octets)
    if (openOldArchive(octets, { name, inspector, look: lookAt })) return
    // A program may have an archive in it, or not; what has the end of one behind something else may have it by chance.
    await listArchive(octets, { name, inspector, isGuess: !isKnownKind(octets, head), names, look: lookAt })
  } catch {
    inspector.add('unread', `${name}: damaged`)
  }
}
