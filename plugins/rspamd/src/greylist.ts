/** Mail that rspamd wants greylisted: deferred at first, and let through when it comes again. */
import { createHash } from 'node:crypto'
import { networkOf } from '@postroad/options'
import type { Address, MessageContext, Store } from '@postroad/plugin'

const DAY = 86_400_000

/**
 * Whether this mail is still to wait. An answer `greylist` without a memory would defer it until its sender gives up: rspamd has one only with
 * Redis, and says `soft reject` then.
 *
 * @param delay milliseconds
 */
export async function mustWait(
  { session, envelope, now, signal }: MessageContext,
  recipients: readonly Address[],
  { store, delay }: { readonly store: Store; readonly delay: number },
): Promise<boolean> {
  const { address } = session.remote
  // As the plugin greylist does: a sender with a pool of addresses comes from another one each time, RFC 6647 §5.
  const network = networkOf(address, { v4: 24, v6: 64 }) ?? address
  const who = [network, String(envelope.from ?? ''), ...recipients.map(String).sort()]
  const key = `rspamd:${createHash('sha256').update(who.join('\n')).digest('base64url')}`
  const since = Number(await store.setIfAbsent(key, String(now()), DAY, signal))
  return now() - since < delay
}
