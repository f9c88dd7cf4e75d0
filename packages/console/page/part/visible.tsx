/** Foreign text: as a text node, with what cannot be seen shown by its number. Nothing of a mail enters the page in another way. */

/** Control characters, overrides and isolates of direction, characters without width, and surrogates that stand alone. */
const INVISIBLE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu

const NAMES: Readonly<Record<number, string>> = {
  0: 'null',
  9: 'tab',
  13: 'carriage return',
  27: 'escape',
  173: 'soft hyphen',
  8203: 'zero-width space',
  8204: 'zero-width non-joiner',
  8205: 'zero-width joiner',
  8206: 'left-to-right mark',
  8207: 'right-to-left mark',
  8234: 'left-to-right embedding',
  8235: 'right-to-left embedding',
  8236: 'pop directional formatting',
  8237: 'left-to-right override',
  8238: 'right-to-left override',
  8294: 'left-to-right isolate',
  8295: 'right-to-left isolate',
  8296: 'first strong isolate',
  8297: 'pop directional isolate',
  65279: 'byte order mark',
}

/** What a joiner without width may stand behind: in these it decides which shape a letter has. */
const JOINED =
  /(?:\p{Script=Arabic}|\p{Script=Devanagari}|\p{Script=Bengali}|\p{Script=Tamil}|\p{Script=Malayalam}|\p{Script=Sinhala}|\p{Extended_Pictographic}|\ufe0f)$/u

/** `a\u202eb` as `a`, a mark with `U+202E`, `b`. A joiner between letters that need it (Arabic, Indic scripts, emoji) stays as it is. */
export function Visible({ text }: { text: string }) {
  const parts: (string | { readonly point: number })[] = []
  let from = 0
  for (const match of text.matchAll(INVISIBLE)) {
    const point = match[0].codePointAt(0) ?? 0
    if (joins(text, match.index, point)) continue
    if (match.index > from) parts.push(text.slice(from, match.index))
    parts.push({ point })
    from = match.index + match[0].length
  }
  if (parts.length === 0) return <>{text}</>
  if (from < text.length) parts.push(text.slice(from))
  return <>{parts.map((part) => (typeof part === 'string' ? part : <Token point={part.point} />))}</>
}

/** A character that nobody can see, by its number. */
export function Token({ point }: { point: number }) {
  const name = NAMES[point]
  return (
    <span class="tok" title={`${name === undefined ? '' : `${name}, `}made visible`}>
      U+{point.toString(16).toUpperCase().padStart(4, '0')}
    </span>
  )
}

function joins(text: string, index: number, point: number): boolean {
  if (point !== 0x200c && point !== 0x200d) return false
  const before = text.slice(Math.max(0, index - 2), index)
  return JOINED.test(before)
}
