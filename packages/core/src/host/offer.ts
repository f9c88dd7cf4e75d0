/** EHLO keywords that the plugins of a scope can honour. */
import type { Mechanism } from '@postroad/mail'
import type { QueueFeature } from '@postroad/plugin'
import type { Offer } from '@postroad/smtp'
import type { HookTable } from '../plan/hook-table.ts'

/** They are derived: what nobody can honour is not offered. */
export function offerOf(table: HookTable): Offer {
  // Who runs in the shadow lets nobody in.
  const judges = (table.auth ?? []).filter(({ shadow }) => !shadow)
  const mechanisms = new Set<Mechanism>(judges.flatMap((handler) => handler.mechanisms))
  const queues = (table.queue ?? []).filter(({ shadow }) => !shadow)
  // Any of them may be the one that takes the message.
  const all = (feature: QueueFeature): boolean =>
    queues.length > 0 && queues.every((handler) => handler.supports.includes(feature))
  return {
    mechanisms: [...mechanisms],
    channelBinding: judges.every(({ relays, mechanisms }) => !relays || !mechanisms.includes('SCRAM-SHA-256')),
    eightBitMime: all('8BITMIME'),
    binaryMime: all('BINARYMIME'),
    smtputf8: all('SMTPUTF8'),
    dsn: all('DSN'),
    requireTls: all('REQUIRETLS'),
    // The core answers each recipient by itself when the client can take it.
    prdr: true,
  }
}
