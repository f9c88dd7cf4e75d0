/** Reads the parts of a structured field: white space, comments, quoted strings and words, RFC 5322 §3.2. */

/** How deep comments may be nested before a field counts as malformed. */
const MAX_DEPTH = 32

/** A position in a text; every method is linear in what it consumes and never throws. */
export class Lexer {
  readonly #text: string
  #at = 0
  /** A comment or a quoted string had no end: what came after its beginning is in it, and there is no more. */
  isUnfinished = false

  constructor(text: string) {
    this.#text = text
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length
  }

  peek(): string {
    return this.#text[this.#at] ?? ''
  }

  /** Takes the character if it is the next one. */
  take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  /** Skips CFWS; the text of its comments, joined, or `undefined` when a comment has no end. */
  cfws(): string | undefined {
    const comments: string[] = []
    for (;;) {
      const character = this.peek()
      if (character === '(') {
        const comment = this.#comment()
        if (comment === undefined) return undefined
        comments.push(comment)
      } else if (character !== '' && ' \t\r\n'.includes(character)) this.#at++
      else return comments.join(' ')
    }
  }

  /** A run of characters none of which is white space, a control or one of `stops`; may be empty. */
  word(stops: string): string {
    const start = this.#at
    while (!this.isAtEnd && this.peek() > ' ' && this.peek() !== '\x7f' && !stops.includes(this.peek())) this.#at++
    return this.#text.slice(start, this.#at)
  }

  /** A quoted string without its quotes; `undefined` when it has no end. The next character is the opening quote. */
  quoted(): string | undefined {
    this.#at++
    let value = ''
    while (!this.isAtEnd) {
      const character = this.#next()
      if (character === '"') return value
      value += character === '\\' ? this.#next() : character === '\r' || character === '\n' ? '' : character
    }
    this.isUnfinished = true
    return undefined
  }

  /** Where it is, to come back to. */
  get place(): number {
    return this.#at
  }

  /** Goes on from `place` to the next `;` that is not in a comment or a quoted string, or to the end. */
  skipToSemicolon(place: number): void {
    this.#at = place
    while (!this.isUnfinished && !this.isAtEnd && this.peek() !== ';') {
      if (this.peek() === '"') this.quoted()
      else if (this.peek() === '(') this.#comment()
      else this.#at++
    }
  }

  #next(): string {
    return this.#text[this.#at++] ?? ''
  }

  #comment(): string | undefined {
    let depth = 0
    let text = ''
    while (!this.isAtEnd) {
      const character = this.#next()
      if (character === '\\') text += this.#next()
      else if (character === '(' && ++depth > MAX_DEPTH) break
      else if (character === ')' && --depth === 0) return text.slice(1)
      else if (character !== '\r' && character !== '\n') text += character
    }
    this.isUnfinished = true
    return undefined
  }
}
