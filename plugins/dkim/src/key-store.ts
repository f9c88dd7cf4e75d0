/** Public keys, parsed once: what DNS says is asked anew as often as its TTL wants, the key in it is looked up by the record's text. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { DnsMemo } from '@postroad/dns'
import { getPublicKey, nodeResolver, type PublicKey } from '@postroad/mailauth'
import type { Dns } from '@postroad/plugin'

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

/** How the keys of one message are asked for. */
export interface KeyQuestions {
  /** The resolver of the message. */
  readonly dns: Dns
  readonly signal?: AbortSignal
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** Keys by their records, for all messages; which records a name has is remembered as long as it may be. */
export class KeyStore {
  readonly #limits: KeyLimits
  readonly #keys = new Map<string, Promise<ParsedKey>>()
  readonly #published = new DnsMemo<Published>()

  constructor(limits: KeyLimits) {
    this.#limits = limits
  }

  /** The keys for one message: each name is asked for once. Has the form of mailauth's own cache. */
  forMessage(questions: KeyQuestions): MessageKeys {
    const asked = new Map<string, Asked>()
    return {
      known: (name, hashAlgo) => this.#published.get(name, questions.now)?.first.get(hashAlgo),
      get: (type, name, _, { hashAlgo }) => {
        const id = `${hashAlgo} ${name}`
        const known = asked.get(id)
        if (known !== undefined) return known.key
        const published = this.#publishedAt(name, questions)
        const records = published.then((all) => all.records)
        const question = { type, name, hashAlgo }
        const place = { at: 0 }
        const key = published.then((all) => this.#firstOf(question, all, place))
        // It may be asked for long before somebody waits for it.
        key.catch(() => undefined)
        records.catch(() => undefined)
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

  async #publishedAt(name: string, { dns, signal, now }: KeyQuestions): Promise<Published> {
    const draw = async (witness: Dns): Promise<Published> => {
      const records = await nodeResolver(witness, signal)(name, 'TXT')
      return { records: records.slice(0, MAX_RECORDS), first: new Map() }
    }
    return this.#published.get(name, now) ?? this.#published.learn(name, { dns, now, draw })
  }

  async #firstOf(question: Question, { records, first }: Published, place: { at: number }): Promise<ParsedKey> {
    const key = await this.#findFrom(question, records, place)
    if (place.at === 0) first.set(question.hashAlgo, key)
    return key
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

/** What a name has. */
interface Published {
  readonly records: readonly (string | string[])[]
  /** The key in the first record, by the hash it is to be used with. */
  readonly first: Map<string | undefined, ParsedKey>
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
  /** The key that `get` would come to, if nobody need be asked for it. */
  known(name: string, hashAlgo: string | undefined): ParsedKey | undefined
  get(type: string, name: string, minBits: unknown, options: { readonly hashAlgo?: string }): Promise<ParsedKey>
  /** The key did not fit the signature: from now on `get` gives that of the next record. False when there is none. */
  takeNext(name: string, hashAlgo: string | undefined): Promise<boolean>
}
