/** What is put under messages, in the forms it is needed in. */

/** The text of the operator. */
export interface Words {
  /** Lines with CRLFs between them. */
  readonly text: string
  /** Only ASCII, lines with CRLFs between them. */
  readonly html: string
}

export function wordsOf({ text, html }: { readonly text: string; readonly html?: string | undefined }): Words {
  const plain = lines(text)
  return { text: plain, html: asciiHtml(html === undefined ? htmlOf(plain) : lines(html)) }
}

function lines(text: string): string {
  return text.replace(/\r\n|\r|\n/g, '\r\n')
}

function htmlOf(text: string): string {
  const escaped = text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
  return `<div>${escaped.replaceAll('\r\n', '<br>\r\n')}</div>`
}

/** With references for all that is not ASCII: so it is right in every charset, and needs no encoding. */
function asciiHtml(html: string): string {
  return html.replace(/[^\x01-\x7f]/gu, (char) => `&#x${(char.codePointAt(0) ?? 0).toString(16).toUpperCase()};`)
}

const FLOWED_LINE = 76

/** As format=flowed wants it, RFC 3676 §4: long lines flow, what would be a quote or a flow is stuffed. */
export function flowed(text: string, isDelSp: boolean): string {
  return text
    .split('\r\n')
    .map((line) => (line === '-- ' ? line : flowedLine(line.trimEnd(), isDelSp)))
    .join('\r\n')
}

function flowedLine(line: string, isDelSp: boolean): string {
  const out: string[] = []
  let current = ''
  for (const word of line.split(/(?<= )(?! )/)) {
    if (current !== '' && current.length + word.length > FLOWED_LINE) {
      // A space at the end says that the text goes on; with DelSp that one is taken out again.
      out.push(isDelSp ? `${current} ` : current)
      current = ''
    }
    current += word
  }
  out.push(current)
  return out.map((one) => (/^(?: |>|From )/.test(one) ? ` ${one}` : one)).join('\r\n')
}
