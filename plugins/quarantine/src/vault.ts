/** Quarantined messages: their octets in the spool, what is known of them also in the store, where it is quickly listed. */
import type { Message, Spool, Store } from '@postroad/plugin'
import { PREFIX, readEntry, type VaultEntry } from './entry.ts'

const KEY = 'quarantine:'
/** The index outlives what it points to: an entry is never in the spool and not in the index. */
const MARGIN = 86_400_000

/** A message and what is known of it. */
export interface Kept {
  readonly entry: VaultEntry
  readonly message: Message
}

/** Puts, finds, lists and deletes quarantined messages. */
export class Vault {
  readonly #spool: Spool
  readonly #store: Store

  constructor(spool: Spool, store: Store) {
    this.#spool = spool
    this.#store = store
  }

  /** Durable when it resolves. */
  async put(entry: VaultEntry, message: Message, now: number): Promise<void> {
    await this.#spool.put(entry.id, message, { ...entry })
    await this.#index(entry, now)
  }

  /** As {@link put}, unless the signal fires before: then nothing stays, for the client is told to come again. */
  async putUnless(
    signal: AbortSignal,
    entry: VaultEntry,
    { message, now }: { readonly message: Message; readonly now: number },
  ): Promise<void> {
    signal.throwIfAborted()
    const stored = this.put(entry, message, now)
    let abort = (): void => undefined
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(signal.reason)
      signal.addEventListener('abort', abort)
    })
    try {
      await Promise.race([stored, aborted])
    } catch (error) {
      // Also what was half stored; what cannot be deleted now is deleted when it is too old.
      stored
        .catch(() => undefined)
        .then(() => this.delete(entry.id))
        .catch(() => undefined)
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  async get(id: string): Promise<Kept | undefined> {
    const kept = id.startsWith(PREFIX) ? await this.#spool.get(id) : undefined
    const entry = readEntry(kept?.meta)
    return kept && entry && { entry, message: kept.message }
  }

  async delete(id: string): Promise<boolean> {
    if (!id.startsWith(PREFIX)) return false
    const gone = await this.#spool.delete(id)
    await this.#store.delete(KEY + id)
    return gone
  }

  async *list(signal: AbortSignal): AsyncIterable<VaultEntry> {
    for await (const [, value] of this.#store.entries(KEY, signal)) {
      const entry = readEntry(JSON.parse(value))
      if (entry) yield entry
    }
  }

  /** Deletes what is too old. Resolves to how many that were. */
  async expire(now: number, signal: AbortSignal): Promise<number> {
    let count = 0
    for await (const entry of this.list(signal)) if (entry.expiresAt <= now && (await this.delete(entry.id))) count++
    return count
  }

  /** Makes the index again from the spool: after a store was lost. Resolves to how many entries there are. */
  async reindex(now: number): Promise<number> {
    let count = 0
    for await (const id of this.#spool.list()) {
      const kept = await this.get(id)
      if (!kept) continue
      await this.#index(kept.entry, now)
      count++
    }
    return count
  }

  async #index(entry: VaultEntry, now: number): Promise<void> {
    await this.#store.set(KEY + entry.id, JSON.stringify(entry), Math.max(0, entry.expiresAt - now) + MARGIN)
  }
}
