/**
 * Reads the structured fields of MIME (Content-Type, Content-Disposition): a value and parameters, RFC 2045 §5.1, RFC 2183, RFC 2231.
 * Where a field is damaged, readers take it in different ways, so a parameter has all values that one of them would see, the best first.
 * All text here is octets, one character each.
 */

/** A value with parameters. */
export interface StructuredField {
  /** Lower-case, without blanks and comments: `text/plain`; empty when there is none. */
  readonly value: string
  readonly parameters: readonly Parameter[]
  /** Readers may take it in different ways. */
  readonly isDamaged: boolean
}

interface Parameter {
  /** Lower-case, with the asterisks and numbers of RFC 2231. */
  readonly name: string
  /** As written without quotes, the best first. */
  readonly values: readonly string[]
}

/** A parameter's value as octets. */
export interface ParameterOctets {
  readonly octets: string
  /** As RFC 2231 §4 declares it; undefined when nothing is declared. */
  readonly charset: string | undefined
}

/** Values of one parameter that are kept; more is noise. */
const VARIANTS = 8

/** Reads a field's text, folded or not. */
export function parseStructured(text: string): StructuredField {
  return new Reader(text).read()
}

/** What readers take for the parameter of that name: RFC 2231's notations first, as most clients do, then the plain ones. */
export function parameterOctets({ parameters }: StructuredField, name: string): readonly ParameterOctets[] {
  const found: ParameterOctets[] = []
  const plain: ParameterOctets[] = []
  const sections: Section[] = []
  for (const parameter of parameters) {
    if (!parameter.name.startsWith(name)) continue
    const rest = parameter.name.slice(name.length)
    if (rest === '') plain.push(...parameter.values.map((octets) => ({ octets, charset: undefined })))
    else if (rest === '*') found.push(...parameter.values.map(extended))
    else {
      const [, number, star] = /^\*(\d{1,4})(\*?)$/.exec(rest) ?? []
      if (number !== undefined)
        sections.push({ number: Number(number), isEncoded: star === '*', text: parameter.values[0] ?? '' })
    }
  }
  return [...found, ...joined(sections), ...plain]
}

interface Section {
  readonly number: number
  readonly isEncoded: boolean
  readonly text: string
}

/** RFC 2231 §3. Where a number comes twice readers keep the first or the last. */
function joined(sections: readonly Section[]): readonly ParameterOctets[] {
  if (sections.length === 0) return []
  const last = new Map(sections.map((section) => [section.number, section]))
  const first = new Map(sections.toReversed().map((section) => [section.number, section]))
  const orders = last.size === sections.length ? [first] : [first, last]
  return orders.map((order) => {
    const sorted = [...order.values()].sort((a, b) => a.number - b.number)
    let charset: string | undefined
    const octets = sorted.map(({ text, isEncoded }, index) => {
      if (!isEncoded) return text
      const value = index === 0 ? extended(text) : { octets: percentDecoded(text), charset }
      charset = value.charset
      return value.octets
    })
    return { octets: octets.join(''), charset }
  })
}

/** `charset'language'text` with percent signs, RFC 2231 §4. */
function extended(text: string): ParameterOctets {
  const [whole, charset] = /^([^'%]{0,80})'[^']{0,80}'/.exec(text) ?? ['']
  return { octets: percentDecoded(text.slice(whole.length)), charset: charset || undefined }
}

function percentDecoded(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, pair: string) => String.fromCharCode(Number.parseInt(pair, 16)))
}

const isBlank = (character: string | undefined) =>
  character === ' ' || character === '\t' || character === '\r' || character === '\n'

class Reader {
  readonly #text: string
  #at = 0
  #isDamaged = false
  /** A parenthesis from which no comment ends: none behind it does. */
  #unended = Number.POSITIVE_INFINITY

  constructor(text: string) {
    this.#text = text
  }

  read(): StructuredField {
    const value = this.#value()
    const parameters: { name: string; values: string[] }[] = []
    while (this.#at < this.#text.length) {
      const isSeparated = this.#separator()
      const name = this.#run(';=,"')
      if (name === '') {
        // Nothing but a character that belongs nowhere.
        if (this.#at < this.#text.length) this.#isDamaged = true
        this.#at++
        continue
      }
      this.#blanks()
      if (this.#text[this.#at] === '=') {
        this.#at++
        this.#blanks()
        if (!isSeparated) this.#isDamaged = true
        parameters.push({ name: name.toLowerCase(), values: distinct(this.#parameterValue()) })
      } else this.#stray(parameters.at(-1), name, isSeparated)
    }
    return { value, parameters, isDamaged: this.#isDamaged }
  }

  /** Type and subtype, or a token; blanks and comments around the slash are left out. */
  #value(): string {
    let value = ''
    for (;;) {
      this.#blanks()
      const before = this.#at
      if (this.#text[this.#at] === '"') value += this.#quoted()[0] ?? ''
      else value += this.#run(';,"')
      if (this.#at === before) break
      if (value.includes('=')) {
        // There is no value: this is the first parameter.
        this.#at = before
        this.#isDamaged = true
        return ''
      }
      this.#blanks()
      if (!value.endsWith('/') && this.#text[this.#at] !== '/') break
    }
    return value.trim().toLowerCase()
  }

  /** Blanks, comments and semicolons; false when there was no semicolon. */
  #separator(): boolean {
    let isSeparated = false
    for (;;) {
      this.#blanks()
      if (this.#text[this.#at] !== ';') return isSeparated
      isSeparated = true
      this.#at++
    }
  }

  /** A word that is no parameter: some readers take it for the rest of the value before it. */
  #stray(before: { values: string[] } | undefined, word: string, isSeparated: boolean): void {
    this.#isDamaged = true
    const longest = before?.values.at(-1)
    if (isSeparated || longest === undefined || !before || before.values.length >= VARIANTS) return
    if (before.values.length > 1) before.values.pop()
    before.values.push(`${longest} ${word}`)
  }

  #parameterValue(): readonly string[] {
    if (this.#text[this.#at] === '"') return this.#quoted()
    const token = this.#run(';', true)
    const variants = [token]
    if (token.startsWith("'") && token.length > 1) variants.push(...this.#apostrophes(token))
    if (/[("]/.test(token)) variants.push(token.replace(/\([^()]*\)?|"/g, ''), token.slice(0, token.indexOf('(') >>> 0))
    if (token.includes(',')) variants.push(token.slice(0, token.indexOf(',')))
    if (variants.length > 1 || token === '') this.#isDamaged = true
    return variants
  }

  /** Quotes of another language: what stands between them may have blanks. */
  #apostrophes(token: string): readonly string[] {
    const start = this.#at - token.length
    const end = this.#text.indexOf("'", start + 1)
    const semicolon = this.#text.indexOf(';', start)
    if (end < 0 || (semicolon >= 0 && end > semicolon)) return [token.slice(1)]
    this.#at = Math.max(this.#at, end + 1)
    return [this.#text.slice(start + 1, end)]
  }

  /** A quoted string, RFC 5322 §3.2.4, and what readers make of one that has no end, or text right behind it. */
  #quoted(): readonly string[] {
    const start = this.#at + 1
    const end = quotedEnd(this.#text, start)
    const raw = this.#text.slice(start, end)
    this.#at = end + 1
    const value = raw.replace(/\r?\n/g, '').replace(/\\([\s\S])/g, '$1')
    const variants = [value]
    if (/[\r\n]/.test(raw)) variants.push(raw.replace(/\r?\n[ \t]*/g, '').replace(/\\([\s\S])/g, '$1'))
    // A path of another system: its backslashes are text to some.
    if (/\\[^"\\]/.test(raw)) variants.push(raw.replace(/\r?\n/g, ''))
    if (end >= this.#text.length) {
      this.#isDamaged = true
      if (value.includes(';')) variants.push(value.slice(0, value.indexOf(';')))
      return variants
    }
    const rest = this.#run(';', true)
    if (rest === '' || rest.startsWith('(')) return variants
    this.#isDamaged = true
    return [...variants, value + rest, value + rest.replaceAll('"', '')]
  }

  /** Characters up to a blank, one of these, or (unless they are text) a comment. */
  #run(stops: string, hasParentheses = false): string {
    const start = this.#at
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at] ?? ''
      if (isBlank(character) || stops.includes(character) || (!hasParentheses && character === '(')) break
      this.#at++
    }
    return this.#text.slice(start, this.#at)
  }

  #blanks(): void {
    for (;;) {
      const character = this.#text[this.#at]
      if (isBlank(character)) this.#at++
      else if (character === '(') this.#comment()
      else return
    }
  }

  /** RFC 5322 §3.2.2; a parenthesis that is never closed is a blank. */
  #comment(): void {
    const text = this.#text
    let depth = 0
    for (let at = this.#at; at < text.length && this.#at < this.#unended; at++) {
      if (text[at] === '\\') at++
      else if (text[at] === '(') depth++
      else if (text[at] === ')' && --depth === 0) {
        this.#at = at + 1
        return
      }
    }
    this.#unended = Math.min(this.#unended, this.#at)
    this.#isDamaged = true
    this.#at++
  }
}

/** Index of the quote that ends the string, or the length. */
function quotedEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '"') return at
    if (text[at] === '\\') at++
  }
  return text.length
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)].slice(0, VARIANTS)
}
