/**
 * Tells what content is by its first octets, whatever it calls itself: what attacks are made of, and what they pretend to be. The npm
 * package file-type knows many more kinds, and none of scripts, HTML and shortcuts to the web; it is asynchronous, too.
 */

import { TextDecoder } from 'node:util'

/** Octets that are looked at. */
export const SNIFFED = 4096

/** Type, offset, octets (latin1). The first that fits counts. */
const MAGIC: readonly (readonly [type: string, offset: number, octets: string])[] = [
  ['application/vnd.microsoft.portable-executable', 0, 'MZ'],
  ['application/x-elf', 0, '\x7fELF'],
  ['application/x-mach-binary', 0, '\xcf\xfa\xed\xfe'],
  ['application/x-mach-binary', 0, '\xce\xfa\xed\xfe'],
  ['application/java-vm', 0, '\xca\xfe\xba\xbe'],
  ['application/x-ms-shortcut', 0, 'L\0\0\0\x01\x14\x02\0'],
  ['application/zip', 0, 'PK\x03\x04'],
  ['application/zip', 0, 'PK\x05\x06'],
  ['application/vnd.rar', 0, 'Rar!\x1a\x07'],
  ['application/x-7z-compressed', 0, '7z\xbc\xaf\x27\x1c'],
  ['application/gzip', 0, '\x1f\x8b'],
  ['application/x-bzip2', 4, '1AY&SY'],
  ['application/x-xz', 0, '\xfd7zXZ\0'],
  ['application/zstd', 0, '\x28\xb5\x2f\xfd'],
  ['application/x-lzh-compressed', 2, '-lh'],
  ['application/x-ace-compressed', 7, '**ACE**'],
  ['application/x-arj', 0, '\x60\xea'],
  ['application/vnd.ms-cab-compressed', 0, 'MSCF'],
  ['application/x-chm', 0, 'ITSF'],
  ['application/x-tar', 257, 'ustar'],
  ['application/vnd.ms-tnef', 0, '\x78\x9f\x3e\x22'],
  ['application/x-ole-storage', 0, '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'],
  ['application/onenote', 0, '\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d'],
  ['application/rtf', 0, '{\\rt'],
  ['application/pdf', 0, '%PDF-'],
  ['application/postscript', 0, '%!PS'],
  ['application/wasm', 0, '\0asm'],
  ['application/vnd.sqlite3', 0, 'SQLite format 3\0'],
  ['application/x-vhd', 0, 'conectix'],
  ['application/x-vhdx', 0, 'vhdxfile'],
  ['image/png', 0, '\x89PNG\r\n\x1a\n'],
  ['image/jpeg', 0, '\xff\xd8\xff'],
  ['image/gif', 0, 'GIF8'],
  ['image/webp', 8, 'WEBP'],
  ['image/bmp', 0, 'BM'],
  ['image/tiff', 0, 'II*\0'],
  ['image/tiff', 0, 'MM\0*'],
  ['image/vnd.microsoft.icon', 0, '\0\0\x01\0'],
  ['image/heif', 4, 'ftyphei'],
  ['image/avif', 4, 'ftypavif'],
  ['video/mp4', 4, 'ftyp'],
  ['audio/mpeg', 0, 'ID3'],
  ['audio/ogg', 0, 'OggS'],
  ['audio/flac', 0, 'fLaC'],
  ['audio/wav', 8, 'WAVE'],
  ['application/x-ms-wim', 0, 'MSWIM\0'],
]

/** Their few letters may begin a text, too. */
const LETTERS = new Set(['image/bmp', 'audio/mpeg'])

/** The same for text, in lower case and without blanks before it. */
const TEXT: readonly (readonly [type: string, expression: RegExp])[] = [
  ['application/hta', /<hta:application\b/],
  ['application/x-ms-internet-shortcut', /^\[(?:internetshortcut|default)\]/],
  ['application/x-shellscript', /^#!/],
  ['image/svg+xml', /^(?:<\?xml[^>]*>\s*|<!--[^>]*>\s*|<!doctype svg[^>]*>\s*)*<svg\b/],
  [
    'text/html',
    /^<(?:!doctype html|html|head|body|script|iframe|meta|title|style|table|img|a|div|form|svg|object|embed)\b|^[\s\S]{0,256}?<(?:html|script)\b/,
  ],
  ['application/x-ms-script', /^(?:@echo off|rem |on error resume next|powershell|cmd \/c|wscript\.|dim \w+\s)/],
  ['application/xml', /^<\?xml\b/],
  ['message/rfc822', /^(?:received|from|return-path|delivered-to|mime-version|subject|date|message-id):.*\n/],
]

/** Type and subtype; undefined when the octets tell nothing. */
export function sniff(octets: Buffer): string | undefined {
  const text = leadingText(octets)
  for (const [type, offset, magic] of MAGIC) {
    if (
      octets.toString('latin1', offset, offset + magic.length) === magic &&
      (text === undefined || !LETTERS.has(type))
    )
      return type
  }
  return text === undefined ? undefined : TEXT.find(([, expression]) => expression.test(text))?.[0]
}

/** The beginning as text; undefined when it is none. */
function leadingText(octets: Buffer): string | undefined {
  const head = octets.subarray(0, SNIFFED)
  const isWide = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)
  const text = isWide
    ? new TextDecoder(head[0] === 0xff ? 'utf-16le' : 'utf-16be').decode(head)
    : head.toString('latin1', head[0] === 0xef && head[1] === 0xbb ? 3 : 0)
  return text.includes('\0') ? undefined : text.trimStart().toLowerCase()
}
