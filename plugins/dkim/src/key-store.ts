/** Public keys, parsed once: what DNS says is asked anew as often as its TTL wants, the key in it is looked up by the record's text. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { getPublicKey, type PublicKey } from '@postroad/mailauth'

/** Where key records come from. */
export type Resolve = (name: string, type: string) => Promise<string[] | string[][]>

/** A key as the verifier of mailauth takes it, but parsed. */
export type ParsedKey = Omit<PublicKey, 'publicKey'> & { readonly publicKey: KeyObject }

/** Limits for RSA keys. */
export interface KeyLimits {
  readonly minBits: number
  readonly maxBits: number
}

/** Records kept; each is a few hundred octets. */
const KEPT = 1000

/** Keys by their records, for all messages. */
export class KeyStore {
  readonly #limits: KeyLimits
  readonly #keys = new Map<string, Promise<ParsedKey>>()

  constructor(limits: KeyLimits) {
    this.#limits = limits
  }

  /** The keys for one message: each name is asked for once. Has the form of mailauth's own cache. */
  forMessage(resolve: Resolve): MessageKeys {
    const asked = new Map<string, Promise<ParsedKey>>()
    return {
      get: (type, name, _, { hashAlgo }) => {
        const id = `${hashAlgo} ${name}`
        const known = asked.get(id)
        if (known !== undefined) return known
        const key = this.#find({ type, name, hashAlgo }, resolve)
        // It may be asked for long before somebody waits for it.
        key.catch(() => undefined)
        asked.set(id, key)
        return key
      },
    }
  }

  async #find(question: Question, resolve: Resolve): Promise<ParsedKey> {
    const records = await resolve(question.name, 'TXT')
    const id = `${question.hashAlgo} ${JSON.stringify(records[0])}`
    const known = this.#keys.get(id)
    if (known !== undefined) return known
    const key = this.#parse(question, records)
    key.catch(() => undefined)
    this.#keys.set(id, key)
    if (this.#keys.size > KEPT) this.#keys.delete(this.#keys.keys().next().value ?? '')
    return key
  }

  async #parse({ type, name, hashAlgo }: Question, records: string[] | string[][]): Promise<ParsedKey> {
    const key = await getPublicKey(type, name, this.#limits.minBits, async () => records, { strict: true, hashAlgo })
    if ((key.modulusLength ?? 0) > this.#limits.maxBits)
      throw Object.assign(new Error('RSA key too long'), { code: 'EINVALIDVAL' })
    return { ...key, publicKey: createPublicKey(key.publicKey) }
  }
}

interface Question {
  readonly type: string
  readonly name: string
  readonly hashAlgo: string | undefined
}

/** What the verifier asks for keys. */
export interface MessageKeys {
  get(type: string, name: string, minBits: unknown, options: { readonly hashAlgo?: string }): Promise<ParsedKey>
}
