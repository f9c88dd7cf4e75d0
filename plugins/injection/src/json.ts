/**
 * JSON of strangers: what `JSON.parse` lets through and nobody means is refused. That is a key that is there twice (RFC 8259 §4 leaves open which counts),
 * a key that means something to JavaScript, text that is no Unicode (RFC 7493 §2.1), and nesting without end.
 */
import { type Fault, pointerOf, RequestRefused } from './refusal.ts'

const UTF8 = new TextDecoder('utf-8', { fatal: true })
const DEEPEST = 32
const DOUBLE_QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * The value.
 *
 * @throws {RequestRefused} 400 with the place
 */
export function readJson(octets: Uint8Array): unknown {
  const text = decoded(octets)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    // The engine's own words: where it is, and what was not expected there.
    const detail = error instanceof SyntaxError ? error.message.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200) : ''
    throw new RequestRefused(400, { detail: `The body is no JSON: ${detail}` })
  }
  const faults = new Scan(text).run()
  if (faults.length > 0)
    throw new RequestRefused(400, { detail: 'The body is JSON that can be read in more than one way', faults })
  return value
}

/** @throws {RequestRefused} 400 when it is no UTF-8 */
export function decoded(octets: Uint8Array): string {
  try {
    return UTF8.decode(octets)
  } catch {
    throw new RequestRefused(400, { detail: 'The body is no UTF-8' })
  }
}

interface Level {
  /** Keys so far; undefined in a list. */
  readonly keys: Set<string> | undefined
  at: PropertyKey
}

/** One walk over text that is known to be JSON; linear. */
class Scan {
  readonly #text: string
  readonly #levels: Level[] = []
  readonly #faults: Fault[] = []
  #isKey = false

  constructor(text: string) {
    this.#text = text
  }

  run(): readonly Fault[] {
    const text = this.#text
    for (let at = 0; at < text.length && this.#faults.length < 20; at++) {
      const code = text.charCodeAt(at)
      if (code === DOUBLE_QUOTE) at = this.#string(at)
      else if (code === 0x7b) this.#open(new Set(), '')
      else if (code === 0x5b) this.#open(undefined, 0)
      else if (code === 0x7d || code === 0x5d) this.#close()
      else if (code === 0x2c) this.#next()
    }
    return this.#faults
  }

  #open(keys: Set<string> | undefined, at: PropertyKey): void {
    if (this.#levels.length === DEEPEST) this.#fault(`nested more than ${DEEPEST} deep`)
    this.#levels.push({ keys, at })
    this.#isKey = keys !== undefined
  }

  #close(): void {
    this.#levels.pop()
    this.#isKey = false
  }

  #next(): void {
    const level = this.#levels.at(-1)
    if (!level) return
    if (typeof level.at === 'number') level.at++
    this.#isKey = level.keys !== undefined
  }

  /** Where the string ends that begins here. */
  #string(start: number): number {
    const text = this.#text
    let end = text.indexOf('"', start + 1)
    for (; end > 0; end = text.indexOf('"', end + 1)) {
      let before = end - 1
      while (text.charCodeAt(before) === BACKSLASH) before--
      if ((end - before) % 2 === 1) break
    }
    if (!this.#isKey) return end
    this.#isKey = false
    const literal = text.slice(start, end + 1)
    const key: string = literal.includes('\\') ? JSON.parse(literal) : literal.slice(1, -1)
    const level = this.#levels.at(-1)
    if (!level?.keys) return end
    level.at = key
    if (level.keys.has(key)) this.#fault('is there twice')
    if (key === '__proto__') this.#fault('cannot be a key')
    level.keys.add(key)
    return end
  }

  #fault(detail: string): void {
    const path = this.#levels.map(({ at }) => at)
    this.#faults.push({ pointer: pointerOf(path.slice(0, 40)), detail })
  }
}
