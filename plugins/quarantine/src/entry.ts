/** What is known of a quarantined message besides its octets. */
import { createHash } from 'node:crypto'
import type { MailParameters, RcptParameters } from '@postroad/mail'
import type { QuarantineContext } from '@postroad/plugin'

/** One recipient of a quarantined message. */
export interface EntryRecipient {
  readonly address: string
  readonly parameters: RcptParameters
}

/** One quarantined message. */
export interface VaultEntry {
  readonly id: string
  /** Of the transaction, as in log and Received field. */
  readonly envelope: string
  readonly reason: string
  readonly points: number
  /** Empty: the null reverse-path. */
  readonly from: string
  readonly parameters: MailParameters
  readonly recipients: readonly EntryRecipient[]
  readonly remote: string
  readonly helo: string | undefined
  readonly identity: string | undefined
  readonly subject: string | undefined
  /** The first author in `From`, decoded: a stranger's words. Of messages that were kept before it was written down there is none. */
  readonly author?: string | undefined
  /** A digest of this quarantine that was quarantined itself: no digest tells of it. */
  readonly isDigest?: boolean
  /** Octets. */
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly expiresAt: number
}

/** Ids of this plugin in a spool it may share. */
export const PREFIX = 'q-'

/** Describes what is being quarantined. @param keep milliseconds */
export function entryOf(context: QuarantineContext, keep: number): VaultEntry {
  const { envelope, deliveries, message, session, reason, points } = context
  // One that goes several ways is in several deliveries; it is released as one.
  const aside = new Set(deliveries.flatMap((delivery) => delivery.recipients))
  const recipients = [...aside].map(({ address, parameters }) => ({ address: address.toString(), parameters }))
  const at = context.now()
  return {
    id: idOf(envelope.id, recipients),
    envelope: envelope.id,
    reason,
    points,
    from: envelope.from?.toString() ?? '',
    parameters: envelope.parameters,
    recipients,
    remote: session.remote.address,
    helo: session.helo?.name,
    identity: session.identity?.name,
    subject: message.subject?.slice(0, 200),
    author: authorOf(message),
    size: message.size,
    at,
    expiresAt: at + keep,
  }
}

/** `Ann <ann@example.com>`. */
function authorOf({ from: [first] }: QuarantineContext['message']): string | undefined {
  if (first === undefined) return undefined
  const { name, address, text } = first
  const mailbox = address?.toString() ?? text
  return (name === undefined || name === '' ? mailbox : `${name} <${mailbox}>`).slice(0, 400)
}

/** A transaction may be quarantined in parts, for different reasons. */
function idOf(envelope: string, recipients: readonly EntryRecipient[]): string {
  const part = createHash('sha256')
    .update(recipients.map(({ address }) => address).join(' '))
    .digest('hex')
  return `${PREFIX}${envelope.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(0, 80)}-${part.slice(0, 8)}`
}

/** One that was written by this plugin, or undefined. */
export function readEntry(value: unknown): VaultEntry | undefined {
  const entry = value as Partial<VaultEntry> | null // only what is checked below is believed
  const isOurs =
    typeof entry === 'object' &&
    entry !== null &&
    typeof entry.id === 'string' &&
    typeof entry.expiresAt === 'number' &&
    Array.isArray(entry.recipients)
  return isOurs ? (entry as VaultEntry) : undefined // written by this plugin
}

/** Whether an entry has to do with an address: as sender or recipient. */
export function concerns({ from, recipients }: VaultEntry, text: string): boolean {
  const wanted = text.toLowerCase()
  return [from, ...recipients.map(({ address }) => address)].some((address) => address.toLowerCase().includes(wanted))
}
