/** Lines of one connection to us as a dialogue that `postroad dialogue` runs again. */
import type { TraceLine } from './trace.ts'

/**
 * The text of the file. What the server said is kept by code and enhanced status, for ids and times are others the next time; AUTH and TLS
 * cannot be said again and are comments; a message that was not traced is a line that says how long it was.
 */
export function dialogueOf(lines: readonly TraceLine[]): string {
  const [first] = lines
  const head = first
    ? [
        `# ${first.connection} of ${new Date(first.time).toISOString()}${first.remote === undefined ? '' : `, from ${first.remote}`}`,
      ]
    : []
  const writer = new Writer()
  for (const line of lines) writer.add(line)
  return `${[...head, ...writer.lines].join('\n')}\n`
}

class Writer {
  readonly lines: string[] = []
  /** Replies that are left out, because the command is. */
  #left = 0
  #isAuth = false
  #content: string[] = []

  add({ by, text }: TraceLine): void {
    if (by === 'hook') this.lines.push(`# ${text}`)
    else if (by === 'note') this.#note(text)
    else if (by === 'C') this.#client(text)
    else this.#server(text)
  }

  #note(text: string): void {
    if (text.startsWith('| ')) this.#content.push(escaped(text.slice(2)))
    else if (text.startsWith('closed')) this.lines.push(text === 'closed: client' ? '# closed: client' : 'S! closed')
    else this.lines.push(`# ${text}`)
  }

  #client(text: string): void {
    const size = /^\((\d+) octets of a message\)$/.exec(text)?.[1]
    if (size !== undefined) {
      const body =
        this.#content.length > 0
          ? this.#content.map((line) => (line.startsWith('.') ? `.${line}` : line))
          : [`X-Traced: ${size} octets`, '']
      this.lines.push(`C: ${[...body, '.'].join('\\r\\n')}`)
      this.#content = []
    } else if (text === '***' || /^AUTH\b/i.test(text) || /^STARTTLS$/i.test(text)) {
      this.#isAuth = text === '***' || /^AUTH\b/i.test(text)
      this.#left++
      this.lines.push(`# C: ${text}`)
    } else this.lines.push(`C: ${escaped(text)}`)
  }

  #server(text: string): void {
    const [, code = '', mark = ' ', status = ''] = /^(\d{3})([ -]?)([245]\.\d{1,3}\.\d{1,3} )?/.exec(text) ?? []
    const pattern = `${code}${mark === '' ? ' ' : mark}${status}*`
    if (this.#left > 0) {
      this.lines.push(`# S: ${text}`)
      if (mark !== '-' && (code !== '334' || !this.#isAuth)) this.#left = 0
      else if (mark !== '-') this.#left--
      return
    }
    // Lines that continue are one pattern.
    if (mark === '-' && this.lines.at(-1) === `S: ${code}-*`) return
    this.lines.push(`S: ${mark === '-' ? `${code}-*` : pattern}`)
  }
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\')
}
