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

/** Records of one name that are looked at: RFC 6376 §6.1.2 lets a verifier go through them, and a name may have hundreds. */
const MAX_RECORDS = 4

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
    const asked = new Map<string, Asked>()
    return {
      get: (type, name, _, { hashAlgo }) => {
        const id = `${hashAlgo} ${name}`
        const known = asked.get(id)
        if (known !== undefined) return known.key
        const records = resolve(name, 'TXT').then((all) => all.slice(0, MAX_RECORDS))
        const question = { type, name, hashAlgo }
        const place = { at: 0 }
        const key = records.then((all) => this.#findFrom(question, all, place))
        // It may be asked for long before somebody waits for it.
        key.catch(() => undefined)
        asked.set(id, { question, records, place, key })
        return key
      },
      takeNext: async (name, hashAlgo) => {
        const id = `${hashAlgo} ${name}`
        const known = asked.get(id)
        if (known === undefined) return false
        const place = { at: known.place.at + 1 }
        const records = await known.records
        if (place.at >= records.length) return false
        try {
          const key = await this.#findFrom(known.question, records, place)
          asked.set(id, { ...known, place, key: Promise.resolve(key) })
          return true
        } catch {
          return false // what the records before it came to stays the answer
        }
      },
    }
  }

  /** The first record from there on that holds a key: others of the name may be somebody's wildcard. Leaves in `place` where it was. */
  async #findFrom(
    question: Question,
    records: readonly (string | string[])[],
    place: { at: number },
  ): Promise<ParsedKey> {
    const first = place.at
    let error: unknown
    for (; place.at < records.length || place.at === first; place.at++) {
      try {
        return await this.#find(question, records[place.at])
      } catch (cause) {
        error ??= cause
      }
    }
    place.at = first
    throw error
  }

  #find(question: Question, record: string | string[] | undefined): Promise<ParsedKey> {
    const id = `${question.hashAlgo} ${JSON.stringify(record)}`
    const known = this.#keys.get(id)
    if (known !== undefined) return known
    const key = this.#parse(question, record)
    key.catch(() => undefined)
    this.#keys.set(id, key)
    if (this.#keys.size > KEPT) this.#keys.delete(this.#keys.keys().next().value ?? '')
    return key
  }

  async #parse({ type, name, hashAlgo }: Question, record: string | string[] | undefined): Promise<ParsedKey> {
    const records = (record === undefined ? [] : [record]) as string[] | string[][] // `as`: one record is of one of both shapes
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

interface Asked {
  readonly question: Question
  readonly records: Promise<readonly (string | string[])[]>
  /** Which record the key is of. */
  readonly place: { readonly at: number }
  readonly key: Promise<ParsedKey>
}

/** What the verifier asks for keys. */
export interface MessageKeys {
  get(type: string, name: string, minBits: unknown, options: { readonly hashAlgo?: string }): Promise<ParsedKey>
  /** The key did not fit the signature: from now on `get` gives that of the next record. False when there is none. */
  takeNext(name: string, hashAlgo: string | undefined): Promise<boolean>
}
