/** Makes text of other hosts safe to stand in a notification: no control characters, no header of its own, bounded. */

/** Longest piece of foreign text in a notification, in characters. */
const TEXT_LIMIT = 1_000
/** RFC 5322 §2.1.1: lines should not be longer. */
const LINE = 76

/** One line: control characters and line ends become spaces; without `utf8` what is not ASCII becomes `?`. */
export function oneLine(text: string, utf8 = false): string {
  let line = ''
  for (const character of text.slice(0, TEXT_LIMIT)) line += safe(character, utf8)
  return line.trim()
}

/** A field `name: value`, folded at spaces, RFC 5322 §2.2.3; ends with CRLF. `value` must come from {@link oneLine} or be our own. */
export function field(name: string, value: string): string {
  const rows: string[] = []
  let row = `${name}:`
  for (const word of value.split(' ').flatMap(pieces)) {
    if (word === '') continue
    if (row.length + 1 + word.length > LINE && row.trim() !== '' && !row.endsWith(':')) {
      rows.push(row)
      row = ''
    }
    row += ` ${word}`
  }
  return `${[...rows, row].join('\r\n')}\r\n`
}

/** Text wrapped and indented, for the part that people read; ends with CRLF. */
export function paragraph(text: string, indent: string): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ').flatMap(pieces)) {
    if (line !== '' && indent.length + line.length + 1 + word.length > LINE) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].map((row) => `${indent}${row}\r\n`).join('')
}

function safe(character: string, utf8: boolean): string {
  const code = character.codePointAt(0) ?? 0
  if (code >= 0x20 && code < 0x7f) return character
  if (code < 0x20 || code === 0x7f) return ' '
  // C1 controls, line and paragraph separators, direction overrides, and halves of surrogate pairs say nothing and can mislead.
  const misleads =
    code < 0xa0 ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2066 && code <= 0x2069) ||
    (code >= 0xd800 && code <= 0xdfff)
  return utf8 && !misleads ? character : '?'
}

/** RFC 5321 §4.5.3.1.6: no line beyond 998 octets, whatever the word. */
function pieces(word: string): string[] {
  return word.length <= 240 ? [word] : (word.match(/.{1,240}/gsu) ?? [])
}
