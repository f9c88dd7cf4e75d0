/** Macros: what a mail server tells beside its commands, name and value in turn. Most of them nobody reads. */
import { decode, textsOf } from './text.ts'

/** The macros of one frame, read when somebody asks. Odd ones, and such without a name, are passed over: filters that were strict here have lost mail. */
export class Macros {
  readonly #data: Buffer
  #values: ReadonlyMap<string, string> | undefined

  /** @param data what follows the octet of the command; it is copied, for it stays longer than what arrived */
  constructor(data: Uint8Array = new Uint8Array()) {
    this.#data = Buffer.from(data)
  }

  /** By name without braces: `i`, `client_addr`. Of a name that comes twice the last one counts. */
  get(name: string): string | undefined {
    return this.all.get(name)
  }

  /** All of them, by name without braces. */
  get all(): ReadonlyMap<string, string> {
    this.#values ??= parse(this.#data)
    return this.#values
  }
}

function parse(data: Buffer): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  const texts = textsOf(data)
  for (let i = 0; i + 1 < texts.length || i < texts.length; i += 2) {
    const name = bare(decode(texts[i] ?? data))
    if (name !== '') values.set(name, decode(texts[i + 1] ?? Buffer.alloc(0)))
  }
  return values
}

function bare(name: string): string {
  return name.startsWith('{') && name.endsWith('}') ? name.slice(1, -1) : name
}

/** The name of a macro as it goes over the wire: one of several letters stands in braces. */
export function macroName(name: string): string {
  return name.length === 1 || name.startsWith('{') ? name : `{${name}}`
}
