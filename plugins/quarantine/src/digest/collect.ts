/** What is new in the quarantine, by who is to be told of it. */

import { parseAddress } from '@postroad/mail'
import { AddressTable } from '@postroad/options'
import type { VaultEntry } from '../entry.ts'

/** A message, for one recipient. */
export interface DigestItem {
  readonly entry: VaultEntry
  /** As the envelope has it: the recipient's own, or one that is an alias of theirs. */
  readonly address: string
}

/** What one recipient is to be told. */
export interface DigestContent {
  readonly owner: string
  /** Newest first, no more than are shown. */
  readonly items: readonly DigestItem[]
  /** With those that are not shown. */
  readonly total: number
}

/** Whose mail is told to whom. */
export interface OwnerOptions {
  /** Patterns of those who may get digests; others never do. */
  readonly recipients: readonly string[]
  /** By patterns of addresses: who gets their digests. */
  readonly aliases: Readonly<Record<string, string>>
}

/** A function from a recipient to who is told of their mail; undefined: nobody is. */
export function owners({ recipients, aliases }: OwnerOptions): (address: string) => string | undefined {
  const allowed = new AddressTable(recipients.map((pattern) => [pattern, true]))
  const others = new AddressTable(Object.entries(aliases))
  return (text) => {
    const address = parseAddress(text, { smtputf8: true })
    if (address === undefined || address.domain === '') return undefined
    const owner = others.find(address)?.value
    const told = owner === undefined ? address : parseAddress(owner, { smtputf8: true })
    if (told === undefined || allowed.find(told) === undefined) return undefined
    // Final hosts compare without case; who writes to Alice and to alice writes to one person.
    return `${told.local.normalize('NFC').toLowerCase()}@${told.domain}`
  }
}

/** What is wanted of the quarantine. Times are milliseconds since the epoch. */
export interface CollectOptions {
  readonly ownerOf: (address: string) => string | undefined
  /** What came until then has been told. */
  readonly since: (owner: string) => Promise<number>
  /** What comes later is told the next time. */
  readonly until: number
  readonly now: number
  /** Messages of one recipient that are shown. */
  readonly most: number
  /** Only this recipient. */
  readonly only?: string
}

/** Reads the quarantine once. In memory are no more than twice `most` messages of each recipient. */
export async function collect(
  entries: AsyncIterable<VaultEntry>,
  options: CollectOptions,
): Promise<ReadonlyMap<string, DigestContent>> {
  const { ownerOf, until, now, most, only } = options
  const found = new Map<string, { items: DigestItem[]; total: number; readonly since: number }>()
  for await (const entry of entries) {
    // A digest that came in here itself would be told of in the next one, for ever.
    if (entry.at > until || entry.expiresAt <= now || entry.isDigest === true) continue
    for (const { address } of entry.recipients) {
      const owner = ownerOf(address)
      if (owner === undefined || (only !== undefined && owner !== only)) continue
      let one = found.get(owner)
      if (one === undefined) {
        one = { items: [], total: 0, since: await options.since(owner) }
        found.set(owner, one)
      }
      if (entry.at <= one.since) continue
      one.items.push({ entry, address })
      one.total++
      if (one.items.length >= 2 * most) one.items = newest(one.items, most)
    }
  }
  const told = [...found].filter(([, { total }]) => total > 0)
  return new Map(told.map(([owner, { items, total }]) => [owner, { owner, items: newest(items, most), total }]))
}

function newest(items: readonly DigestItem[], most: number): DigestItem[] {
  return items.toSorted((a, b) => b.entry.at - a.entry.at || (a.entry.id < b.entry.id ? 1 : -1)).slice(0, most)
}
