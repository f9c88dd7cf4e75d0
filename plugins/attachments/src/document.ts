/** What documents do by themselves: templates and data that are fetched, objects, scripts, formulas that start programs. */
import type { Inspector } from './inspector.ts'

const MOST = 4_194_304

/** RTF takes blanks and line ends anywhere. */
export function inspectRtf(octets: Buffer, name: string, inspector: Inspector): void {
  const text = octets.toString('latin1', 0, MOST)
  const word = /\\(?:objdata|objupdate|objautlink|objocx)\b/.exec(text)?.[0]
  if (word !== undefined) inspector.add('object', `${name}: ${word}`)
  const template = /\\template\s{0,9}((?:https?:|ftp:|\\\\\\\\)[^\s{}]{0,200})/i.exec(text)?.[1]
  if (template !== undefined) inspector.add('template', `${name}: ${template}`)
  if (/\bDDE(?:AUTO)?\s/.test(text)) inspector.add('script', `${name}: DDE`)
}

/** HTML that makes a file of itself or leads to one within it, and SVG with a script. */
export function inspectMarkup(octets: Buffer, name: string, inspector: Inspector): void {
  const text = octets.toString('latin1', 0, MOST).replaceAll('\0', '')
  const word =
    /\b(?:createObjectURL|msSaveOrOpenBlob|msSaveBlob|atob\s{0,9}\(|new\s{1,9}Blob|document\.write\s{0,9}\(\s{0,9}unescape)/i.exec(
      text,
    )?.[0]
  if (word !== undefined && /<script\b/i.test(text)) inspector.add('script', `${name}: ${word}`)
  else if (/<svg\b/i.test(text.slice(0, 4_096)) && /<script\b|\bon(?:load|begin|click)\s{0,9}=|javascript:/i.test(text))
    inspector.add('script', `${name}: a script in SVG`)
  if (/\bhref\s{0,9}=\s{0,9}["']?\s{0,9}data:application\//i.test(text))
    inspector.add('script', `${name}: a file in a link`)
}

/** A cell that starts a program when a spreadsheet opens the file. */
export function inspectSheet(octets: Buffer, name: string, inspector: Inspector): void {
  const cell = /[=+@-]\s{0,9}(?:cmd|powershell|pwsh|mshta|rundll32|regsvr32|certutil|wscript|cscript|msexcel)\s{0,9}\|/i
  const found = cell.exec(octets.toString('latin1', 0, MOST))?.[0]
  if (found !== undefined) inspector.add('script', `${name}: ${found}`)
}

/** Parts of documents since 2007 (ECMA-376), and of those of LibreOffice. */
export function inspectOoxmlPart(octets: Buffer, path: string, inspector: Inspector): void {
  if (/\/vbaProject\.bin$|\/xl\/macrosheets\/|\/Basic\/script-lc\.xml$/i.test(path)) inspector.add('macro', path)
  else if (/\/embeddings\/[^/]+\.bin$/i.test(path)) inspector.add('object', path)
  else if (/\/_rels\/[^/]*\.rels$/i.test(path)) inspectRelations(plain(octets), path, inspector)
  else if (/\/\[Content_Types\]\.xml$/i.test(path)) {
    const type = /ms-office\.vbaProject|ms-excel\.(?:intl)?macrosheet/i.exec(plain(octets))?.[0]
    if (type) inspector.add('macro', `${path}: ${type}`)
  } else if (/\/word\/document\.xml$/i.test(path)) {
    if (/instr(?:Text[^>]{0,100}>|="?)\s{0,9}DDE(?:AUTO)?\b/i.test(plain(octets)))
      inspector.add('script', `${path}: DDE`)
  } else if (/\/xl\/externalLinks\/[^/]+\.xml$/i.test(path)) {
    const link = /<ddeLink\b[^>]{0,300}ddeService\s?=\s?["']([^"']{1,100})/i.exec(plain(octets))?.[1]
    if (link !== undefined) inspector.add('script', `${path}: DDE ${link}`)
  } else if (/\/META-INF\/manifest\.xml$/i.test(path) && plain(octets).includes('encryption-data'))
    inspector.add('encrypted', path)
}

/** Kinds of relations whose target is loaded when the document is opened. */
const LOADED = /\/(?:attachedTemplate|oleObject|frame|subDocument)$/i
/** A file of this machine or beside the document is no stranger's: Word writes down where its templates were. */
const NEAR = /^(?:file:\/{2,3}[a-z]:|[a-z]:\\|(?![a-z][a-z0-9+.-]*:|\\\\|\/\/))/i

function inspectRelations(text: string, path: string, inspector: Inspector): void {
  for (const [relation] of text.matchAll(/<(?:\w{1,20}:)?Relationship\b[^>]{0,4096}>/g)) {
    const attribute = (name: string): string =>
      new RegExp(`\\b${name}\\s{0,9}=\\s{0,9}(?:"([^"]{0,2048})"|'([^']{0,2048})')`)
        .exec(relation)
        ?.slice(1)
        .find(Boolean) ?? ''
    if (!/^external$/i.test(attribute('TargetMode')) || !LOADED.test(attribute('Type'))) continue
    const target = attribute('Target').replace(
      /&#(?:x([0-9a-f]{1,6})|(\d{1,7}));/gi,
      (_, hex?: string, decimal?: string) =>
        String.fromCodePoint(Math.min(hex ? Number.parseInt(hex, 16) : Number(decimal), 0x10ffff)),
    )
    if (!NEAR.test(target.trim())) inspector.add('template', `${path}: ${target}`)
  }
}

/** Text of XML, also where each character has two octets. */
function plain(octets: Buffer): string {
  return octets.toString('latin1', 0, MOST).replaceAll('\0', '')
}
