/** Fields in which a scanner says what it found, when it is the sender who wrote them: nobody is to believe these. */
import { glob } from '@postroad/options'
import type { Message } from '@postroad/plugin'

/**
 * Finds the fields of these names in a message as it arrives, and takes out those very ones later, whatever others have written since: a
 * field of the same name that another plugin has added stays.
 *
 * @example
 * const forged = new SenderFields(['X-Spam-*'])
 * message: ({ envelope, message }) => ask(forged.note(envelope, message)),
 * rewrite: ({ envelope, message }) => forged.strip(envelope, message),
 */
export class SenderFields {
  readonly #fits: (name: string) => boolean
  /** By the envelope of the transaction, which is one object from MAIL to the end. */
  readonly #noted = new WeakMap<object, ReadonlyMap<string, ReadonlySet<string>>>()

  constructor(names: readonly string[]) {
    const patterns = names.map(glob)
    this.#fits = (name) => patterns.some((fits) => fits(name))
  }

  /** At `message`: the message without them, which is what a scanner is to see. */
  note(envelope: object, message: Message): Message {
    const found = new Map<string, Set<string>>()
    for (const { name, raw } of message.headers) {
      if (name === '' || !this.#fits(name)) continue
      const key = name.toLowerCase()
      const fields = found.get(key) ?? new Set()
      found.set(key, fields.add(latin1(raw)))
    }
    if (found.size === 0) return message
    this.#noted.set(envelope, found)
    return without(message, found)
  }

  /** At `rewrite`: the message, as others have left it, without what was noted. */
  strip(envelope: object, message: Message): Message {
    const found = this.#noted.get(envelope)
    return found ? without(message, found) : message
  }
}

function without(message: Message, found: ReadonlyMap<string, ReadonlySet<string>>): Message {
  let rest = message
  for (const [name, fields] of found) rest = rest.withoutHeader(name, ({ raw }) => fields.has(latin1(raw)))
  return rest
}

function latin1(raw: Uint8Array): string {
  return Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('latin1')
}
