/** What a token stands for: the message and the recipients that were sent with it, in the store for as long as bounces may come. */
import type { Store } from '@postroad/plugin'

/** Mail that was sent. */
export interface SentMessage {
  readonly transaction: string
  /** The reverse-path that it had when it came to us. */
  readonly from: string
  readonly recipients: readonly string[]
}

const KEY = 'bounces:sent:'
/** Recipients of one attempt that are written down; a bounce to another one is nobody's. */
const MOST = 200

/** Remembers it. */
export async function rememberSent(
  store: Store,
  serial: string,
  { transaction, from, recipients }: SentMessage,
  ttlMs: number,
): Promise<void> {
  await store.set(`${KEY}${serial}`, JSON.stringify([transaction, from, recipients.slice(0, MOST)]), ttlMs)
}

/** Undefined: it is too long ago, or the store had lost it. */
export async function findSent(store: Store, serial: string, signal?: AbortSignal): Promise<SentMessage | undefined> {
  const value = await store.get(`${KEY}${serial}`, signal)
  if (value === undefined) return undefined
  // `as`: written by `rememberSent`.
  const [transaction, from, recipients] = JSON.parse(value) as [string, string, string[]]
  return { transaction, from, recipients }
}
