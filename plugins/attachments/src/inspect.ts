/** Looks into files: what they are, and what is in archives and documents. Runs on a thread of its own, whose time and memory are bounded. */
import { listArchive } from './archive.ts'
import { type Inspection, type InspectLimits, Inspector } from './inspector.ts'
import { inspectOle } from './ole.ts'

/** Looks into one file. Never throws: what cannot be read is said. */
export async function inspect(octets: Buffer, name: string, limits: InspectLimits): Promise<Inspection> {
  const inspector = new Inspector(limits)
  try {
    await look(octets, name, { inspector, depth: 0 })
  } catch {
    inspector.add('unread', `${name}: damaged`)
  }
  const { files, programs, signals } = inspector
  return { files, programs, signals }
}

async function look(
  octets: Buffer,
  name: string,
  { inspector, depth }: { readonly inspector: Inspector; readonly depth: number },
): Promise<void> {
  const head = octets.toString('latin1', 0, 1_024)
  if (isProgram(head)) inspector.programs.push(name)
  if (head.startsWith('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1')) inspectOle(octets, name, inspector)
  else if (head.includes('%PDF-')) inspectPdf(octets, name, inspector)
  else if (/^\s*\{\\rt/.test(head)) inspectRtf(octets, name, inspector)
  else if (/<(?:!doctype\s+html|html|svg|script|body|head)\b/i.test(head.replaceAll('\0', '')))
    inspectMarkup(octets, name, inspector)
  else if (isArchive(octets, head)) {
    if (depth >= inspector.depth) return inspector.add('unread', `${name}: archives within archives`)
    if (depth > 0 && !isProgram(head) && !DOCUMENT.test(name)) inspector.add('nested', name)
    await listArchive(octets, {
      name,
      inspector,
      look: (inner, path) => look(inner, path, { inspector, depth: depth + 1 }),
    })
  }
}

/** Archives that nobody calls so. */
const DOCUMENT =
  /\.(?:doc[mx]|dot[mx]|xls[bmx]|xlt[mx]|ppt[mx]|pot[mx]|pps[mx]|od[tspgf]|epub|jar|apk|ipa|vsdx|3mf|kmz)$/i

function isProgram(head: string): boolean {
  return /^(?:MZ|\x7fELF|L\0\0\0\x01\x14\x02\0|\xca\xfe\xba\xbe\0\0|ITSF)/.test(head)
}

function isArchive(octets: Buffer, head: string): boolean {
  return (
    /^(?:PK\x03\x04|PK\x05\x06|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|\x1f\x8b|BZh\d|\xfd7zXZ\0|MSCF|MZ|0707|\xc7\x71|\x71\xc7|!<arch>|\x60\xea|SZDD|KWAJ|xar!|.{7}\*\*ACE|..-lh)/s.test(
      head,
    ) ||
    head.startsWith('ustar', 257) ||
    octets.subarray(32_769, 32_774).equals(Buffer.from('CD001')) ||
    octets.subarray(-65_557).includes('PK\x05\x06', 0, 'latin1')
  )
}

/** RTF takes blanks and line ends anywhere. */
function inspectRtf(octets: Buffer, name: string, inspector: Inspector): void {
  const word = /\\(?:objdata|objupdate|objautlink|objocx)\b/.exec(octets.toString('latin1', 0, 4_194_304))?.[0]
  if (word !== undefined) inspector.add('object', `${name}: ${word}`)
}

/** Names as they are, ISO 32000 §7.3.5: with `#4a` for letters. */
function inspectPdf(octets: Buffer, name: string, inspector: Inspector): void {
  const text = octets.toString('latin1')
  const names = /\/(?:J(?:a|#61)?[\w#]{1,40}|L[\w#]{1,24}|E[\w#]{1,40})/g
  const found = new Set<string>()
  let looked = 0
  for (const [word] of text.matchAll(names)) {
    if (++looked > 100_000) break
    const plain = word.replace(/#([0-9a-f]{2})/gi, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    )
    if (plain === '/JavaScript' || plain === '/JS' || plain === '/Launch') found.add(plain)
    else if (plain === '/Encrypt') inspector.add('encrypted', name)
  }
  for (const word of found) inspector.add('pdf', `${name}: ${word}`)
}

/** HTML that makes a file of itself, and SVG with a script. */
function inspectMarkup(octets: Buffer, name: string, inspector: Inspector): void {
  const text = octets.toString('latin1', 0, 4_194_304).replaceAll('\0', '')
  const word =
    /\b(?:createObjectURL|msSaveOrOpenBlob|msSaveBlob|atob\s*\(|new\s+Blob|document\.write\s*\(\s*unescape)/i.exec(
      text,
    )?.[0]
  if (word !== undefined && /<script\b/i.test(text)) inspector.add('script', `${name}: ${word}`)
  else if (/<svg\b/i.test(text.slice(0, 4_096)) && /<script\b|\bonload\s*=/i.test(text))
    inspector.add('script', `${name}: a script in SVG`)
}
