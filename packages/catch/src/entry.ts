/** What the index keeps of a message: enough for a list, a search and a look at who sent it. */
import { type Dkim, type Dmarc, dkimFact, dmarcFact, type Spf, spfFact } from '@postroad/authres'
import { makeQueueId, type NamedAddress } from '@postroad/mail'
import type { Attachment, Message, Mime, QueueContext } from '@postroad/plugin'
import type { FilterWord, FilterWords } from './filters.ts'

/** A person or list, as fields name them. */
export interface Name {
  readonly name: string
  /** As written when it is no address. */
  readonly address: string
}

/** Who sent it, as far as it was looked at. */
export interface Checked {
  readonly spf?: Spf
  readonly dkim?: Dkim
  readonly dmarc?: Dmarc
}

/** One message. */
export interface CaughtEntry {
  /** Its number since the collection began; later ones have greater numbers. */
  readonly n: number
  readonly id: string
  /** When it came, milliseconds since the epoch. */
  readonly at: number
  readonly size: number
  readonly read: boolean
  readonly attachments: number
  readonly inline: number
  /** Without angle brackets; empty when there is none. */
  readonly messageId: string
  readonly subject: string
  /** Of the envelope; empty: the null reverse-path. */
  readonly sender: string
  readonly from: Name | null
  readonly to: readonly Name[]
  readonly cc: readonly Name[]
  /** Recipients that no field names. */
  readonly bcc: readonly Name[]
  readonly replyTo: readonly Name[]
  readonly tags: readonly string[]
  /** Of the envelope. */
  readonly recipients: readonly string[]
  /** Who had logged in; empty: nobody. */
  readonly username: string
  readonly snippet: string
  readonly client: { readonly address: string; readonly helo: string; readonly tls: string }
  readonly authentication: Checked
  /** What filters would say, most first; undefined: none was asked. */
  readonly findings?: readonly FilterWord[]
}

/** Characters of what the index keeps. */
const LONGEST = { subject: 1_000, name: 320, snippet: 250, search: 20_000 }
const NAMES = 100
const RECIPIENTS = 1_000

/** The entry of a message that has just come, and the text it is searched by. */
export async function newEntry(
  context: QueueContext,
  findings?: FilterWords,
): Promise<{ readonly entry: Omit<CaughtEntry, 'n'>; readonly search: string }> {
  const { envelope, message, session } = context
  const mime = await mimeOf(message)
  const recipients = envelope.recipients.slice(0, RECIPIENTS).map(({ address }) => address.toString())
  const [from = null] = namesOf(message.from)
  const [to, cc, replyTo] = [namesOf(message.to), namesOf(message.cc), namesOf(message.replyTo)]
  const named = new Set([...to, ...cc].map(({ address }) => address.toLowerCase()))
  const bcc = recipients
    .filter((address) => !named.has(address.toLowerCase()))
    .slice(0, NAMES)
    .map((address) => ({ name: '', address }))
  const { inline, attached } = filesOf(mime)
  const text = mime?.text ?? ''
  const subject = (message.subject ?? '').slice(0, LONGEST.subject)
  const entry = {
    id: makeQueueId(context.now()),
    at: context.now(),
    size: message.size,
    read: false,
    attachments: attached.length,
    inline: inline.length,
    messageId: (message.messageId ?? '').slice(0, LONGEST.subject),
    subject,
    sender: envelope.from?.toString() ?? '',
    from,
    to,
    cc,
    bcc,
    replyTo,
    tags: [],
    recipients,
    username: session.identity?.name ?? '',
    snippet: text.replace(/\s+/g, ' ').trim().slice(0, LONGEST.snippet),
    client: {
      address: session.remote.address,
      helo: context.helo.name.slice(0, LONGEST.name),
      tls: session.tls?.version ?? '',
    },
    authentication: checked(context),
    ...(findings && { findings: findings(context.find) }),
  }
  const people = [from, ...to, ...cc, ...bcc, ...replyTo].map((one) => (one ? `${one.name} ${one.address}` : ''))
  const files = attached.map(({ filename = '' }) => filename)
  const search = [subject, ...people, entry.sender, entry.messageId, ...files, text].join('\n')
  return { entry, search: search.slice(0, LONGEST.search).toLowerCase() }
}

/** Files that the text shows, by their Content-ID, and all others. */
export function filesOf(mime: Mime | undefined): {
  readonly inline: readonly Attachment[]
  readonly attached: readonly Attachment[]
} {
  const isShown = ({ contentId }: Attachment): boolean =>
    contentId !== undefined && (mime?.html?.includes(`cid:${contentId}`) ?? false)
  const files = mime?.attachments ?? []
  return { inline: files.filter(isShown), attached: files.filter((file) => !isShown(file)) }
}

/** Undefined: it cannot be read as MIME, and has its octets and fields all the same. */
export function mimeOf(message: Message): Promise<Mime | undefined> {
  return message.mime().catch(() => undefined)
}

/** Of a field of addresses. */
export function namesOf(list: readonly NamedAddress[]): readonly Name[] {
  return list.slice(0, NAMES).map(({ name = '', address, text }) => ({
    name: name.slice(0, LONGEST.name),
    address: (address?.toString() ?? text).slice(0, LONGEST.name),
  }))
}

function checked({ find }: QueueContext): Checked {
  const [spf, dkim, dmarc] = [find(spfFact), find(dkimFact), find(dmarcFact)]
  return { ...(spf && { spf }), ...(dkim && { dkim }), ...(dmarc && { dmarc }) }
}
