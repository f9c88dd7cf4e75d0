/** The list, in the store: a row an entry, a mark a day on which a mailbox could not take mail. */
import { parseAddress } from '@postroad/mail'
import { AddressTable, type TokenKeys } from '@postroad/options'
import type { Clock, Store, Suppression, SuppressionReason, Suppressions } from '@postroad/plugin'
import { addressNames, isName, type NameOf } from './name.ts'
import type { SuppressionOptions } from './options.ts'

const ENTRY = 'suppression:'
const DAYS = 'suppression-days:'
const DAY = 86_400_000
/** Characters of a detail that are kept. */
const DETAIL = 300

/** The gravest first: what was said by a person goes before what a server has said. */
export const REASONS: readonly SuppressionReason[] = ['manual', 'unsubscribe', 'complaint', 'address', 'mailbox']

/** What the list stands on. */
export interface SuppressionListDeps {
  readonly options: SuppressionOptions
  readonly store: Store
  readonly clock: Pick<Clock, 'now'>
  /** Of a list that keeps no addresses. */
  readonly keys?: TokenKeys | undefined
}

type Added = Parameters<Suppressions['add']>[0]

/** Entries, kept durably. */
export class SuppressionList implements Suppressions {
  readonly #deps: SuppressionListDeps
  readonly #streams: AddressTable<string>
  readonly #nameOf: NameOf

  constructor(deps: SuppressionListDeps) {
    this.#deps = deps
    this.#nameOf = addressNames(deps.keys)
    this.#streams = new AddressTable(
      Object.entries(deps.options.streams).flatMap(([name, patterns]) => patterns.map((one) => [one, name] as const)),
    )
  }

  async find(address: string, from: string, signal?: AbortSignal): Promise<Suppression | undefined> {
    const name = await this.#nameOf(address)
    if (name === undefined) return undefined
    for (const tenant of new Set([this.tenantOf(from), this.streamOf(from), ''])) {
      const found = await this.#get(name, tenant, signal)
      if (found) return found
    }
    return undefined
  }

  async add(entry: Added, signal?: AbortSignal): Promise<Suppression> {
    const { store, clock, keys } = this.#deps
    const address = await this.#nameOf(entry.address)
    if (address === undefined) throw new TypeError(`suppression: not an address: ${JSON.stringify(entry.address)}`)
    const tenant = this.#tenantFor(entry)
    const known = await this.#get(address, tenant, signal)
    if (known && REASONS.indexOf(known.reason) < REASONS.indexOf(entry.reason)) return known
    const now = clock.now()
    const asked = entry.until ?? this.endOf(entry.reason)
    const until = asked === Number.POSITIVE_INFINITY ? undefined : asked
    // A reply often repeats the address.
    const detail = keys ? undefined : entry.detail?.replace(/[\s\x00-\x1f\x7f]+/g, ' ').slice(0, DETAIL)
    const added: Suppression = {
      address,
      tenant,
      reason: entry.reason,
      at: now,
      ...(until !== undefined && { until }),
      ...(detail !== undefined && detail !== '' && { detail }),
    }
    // One that has ended already is not kept.
    if (until !== undefined && until <= now) return added
    const { reason, at } = added
    const ttl = until === undefined ? undefined : until - now
    await store.set(
      keyOf(address, tenant),
      JSON.stringify([reason, at, until ?? null, added.detail ?? null]),
      ttl,
      signal,
    )
    return added
  }

  async remove(address: string, tenant: string, signal?: AbortSignal): Promise<boolean> {
    const name = await this.#nameOf(address)
    return name !== undefined && this.#deps.store.delete(keyOf(name, tenant.toLowerCase()), signal)
  }

  async *list(tenant: string | undefined, signal?: AbortSignal): AsyncIterable<Suppression> {
    const prefix = tenant === undefined ? ENTRY : `${ENTRY}${encodeURIComponent(tenant.toLowerCase())}:`
    for await (const [key, value] of this.#deps.store.entries(prefix, signal)) {
      const cut = key.indexOf(':', ENTRY.length)
      const entry = entryOf(value, key.slice(cut + 1), decodeURIComponent(key.slice(ENTRY.length, cut)))
      if (entry) yield entry
    }
  }

  /** Whether this may stand for an address: one, or its mark where there are marks. */
  takes(text: string): boolean {
    return isName(text, this.#deps.keys)
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.#deps.clock.now()
  }

  /** Whose list mail with this reverse-path goes by. */
  tenantOf(from: string): string {
    const { tenant } = this.#deps.options
    if (tenant === 'none') return ''
    const address = parseAddress(from, { smtputf8: true })
    if (!address) return ''
    return tenant === 'domain' ? address.domain : address.toString().toLowerCase()
  }

  /** What one unsubscribes from who wants no more of this mail: who leaves the news wants the receipts all the same. */
  streamOf(from: string): string {
    const address = parseAddress(from, { smtputf8: true })
    return address ? (this.#streams.find(address)?.value ?? address.toString().toLowerCase()) : ''
  }

  /** Milliseconds since the epoch; infinity: never. */
  endOf(reason: SuppressionReason, kind?: string): number {
    const { ends, classes } = this.#deps.options
    const ofClass: Readonly<Record<string, number | 'never' | undefined>> = classes
    const kept = (kind === undefined ? undefined : ofClass[kind]) ?? ends[reason]
    return kept === 'never' ? Number.POSITIVE_INFINITY : this.now() + kept
  }

  /** A mailbox could not take mail today; when that was so on enough days, it is suppressed. */
  async countDay(entry: Omit<Extract<Added, { readonly from: string }>, 'reason'>): Promise<void> {
    const { store, clock, options } = this.#deps
    const address = await this.#nameOf(entry.address)
    if (address === undefined) return
    const { days, within } = options.mailbox
    const prefix = `${DAYS}${encodeURIComponent(this.tenantOf(entry.from))}:${address}:`
    await store.set(`${prefix}${Math.floor(clock.now() / DAY)}`, '', within)
    let count = 0
    for await (const _ of store.entries(prefix)) if (++count >= days) break
    if (count >= days) await this.add({ ...entry, reason: 'mailbox' })
  }

  #tenantFor(entry: Added): string {
    if ('tenant' in entry) return entry.tenant.toLowerCase()
    return entry.reason === 'unsubscribe' ? this.streamOf(entry.from) : this.tenantOf(entry.from)
  }

  async #get(address: string, tenant: string, signal?: AbortSignal): Promise<Suppression | undefined> {
    const value = await this.#deps.store.get(keyOf(address, tenant), signal)
    return value === undefined ? undefined : entryOf(value, address, tenant)
  }
}

function keyOf(address: string, tenant: string): string {
  return `${ENTRY}${encodeURIComponent(tenant)}:${address}`
}

function entryOf(value: string, address: string, tenant: string): Suppression | undefined {
  // `as`: written by `add`.
  const [reason, at, until, detail] = JSON.parse(value) as [SuppressionReason, number, number | null, string | null]
  return { address, tenant, reason, at, ...(until !== null && { until }), ...(detail !== null && { detail }) }
}
