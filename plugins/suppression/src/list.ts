/** The list, in the store: a row an entry, a mark a day on which a mailbox could not take mail. */
import { parseAddress } from '@postroad/mail'
import type { Clock, Store, Suppression, SuppressionReason, Suppressions } from '@postroad/plugin'
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
}

/** Entries, kept durably. */
export class SuppressionList implements Suppressions {
  readonly #deps: SuppressionListDeps

  constructor(deps: SuppressionListDeps) {
    this.#deps = deps
  }

  async find(address: string, from: string, signal?: AbortSignal): Promise<Suppression | undefined> {
    const folded = fold(address)
    if (folded === undefined) return undefined
    const tenant = this.tenantOf(from)
    const own = tenant === '' ? undefined : await this.#get(folded, tenant, signal)
    return own ?? this.#get(folded, '', signal)
  }

  async add(entry: Parameters<Suppressions['add']>[0], signal?: AbortSignal): Promise<Suppression> {
    const { store, clock } = this.#deps
    const address = fold(entry.address)
    if (address === undefined) throw new TypeError(`suppression: not an address: ${JSON.stringify(entry.address)}`)
    const tenant = entry.tenant.toLowerCase()
    const known = await this.#get(address, tenant, signal)
    if (known && REASONS.indexOf(known.reason) < REASONS.indexOf(entry.reason)) return known
    const now = clock.now()
    const asked = entry.until ?? this.#endOf(entry.reason, now)
    const until = asked === Number.POSITIVE_INFINITY ? undefined : asked
    const detail = entry.detail?.replace(/[\s\x00-\x1f\x7f]+/g, ' ').slice(0, DETAIL)
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
    const folded = fold(address)
    return folded !== undefined && this.#deps.store.delete(keyOf(folded, tenant.toLowerCase()), signal)
  }

  async *list(tenant: string | undefined, signal?: AbortSignal): AsyncIterable<Suppression> {
    const prefix = tenant === undefined ? ENTRY : `${ENTRY}${encodeURIComponent(tenant.toLowerCase())}:`
    for await (const [key, value] of this.#deps.store.entries(prefix, signal)) {
      const cut = key.indexOf(':', ENTRY.length)
      const entry = entryOf(value, key.slice(cut + 1), decodeURIComponent(key.slice(ENTRY.length, cut)))
      if (entry) yield entry
    }
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

  /** A mailbox could not take mail today; when that was so on enough days, it is suppressed. */
  async countDay(entry: {
    readonly address: string
    readonly tenant: string
    readonly detail: string | undefined
  }): Promise<void> {
    const { store, clock, options } = this.#deps
    const address = fold(entry.address)
    if (address === undefined) return
    const { days, within } = options.mailbox
    const prefix = `${DAYS}${encodeURIComponent(entry.tenant)}:${address}:`
    await store.set(`${prefix}${Math.floor(clock.now() / DAY)}`, '', within)
    let count = 0
    for await (const _ of store.entries(prefix)) if (++count >= days) break
    if (count >= days) await this.add({ ...entry, reason: 'mailbox' })
  }

  async #get(address: string, tenant: string, signal?: AbortSignal): Promise<Suppression | undefined> {
    const value = await this.#deps.store.get(keyOf(address, tenant), signal)
    return value === undefined ? undefined : entryOf(value, address, tenant)
  }

  #endOf(reason: SuppressionReason, now: number): number | undefined {
    const kept = this.#deps.options.ends[reason]
    return kept === 'never' ? undefined : now + kept
  }
}

/** An address as it is looked up: most final hosts do not tell letters apart by case, and one that does suffers less from one entry too many. */
function fold(text: string): string | undefined {
  return parseAddress(text, { smtputf8: true })?.toString().normalize('NFC').toLowerCase()
}

function keyOf(address: string, tenant: string): string {
  return `${ENTRY}${encodeURIComponent(tenant)}:${address}`
}

function entryOf(value: string, address: string, tenant: string): Suppression | undefined {
  // `as`: written by `add`.
  const [reason, at, until, detail] = JSON.parse(value) as [SuppressionReason, number, number | null, string | null]
  return { address, tenant, reason, at, ...(until !== null && { until }), ...(detail !== null && { detail }) }
}
