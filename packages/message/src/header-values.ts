/** Behind `message.subject` and the like: what the known fields of a section say, each read on the first question. */
import type { Ambiguity, MailingList, NamedAddress } from '@postroad/mail'
import { addressValues, dateValue, listValue, messageIdValue, textValue } from './header-value.ts'
import { HeaderBlock, HeaderSection } from './headers.ts'

/** Octets of a section that are read: what a server takes at most, if nothing else is said. */
const READ_LIMIT = 262_144

/** RFC 5322 §3.6: fields that may be there once, but for From. */
const ONCE = ['sender', 'reply-to', 'to', 'cc', 'bcc', 'subject', 'date', 'message-id', 'in-reply-to', 'references']

/** Read values of one section. */
export class HeaderValues {
  readonly #section: HeaderSection
  readonly #addresses = new Map<string, readonly NamedAddress[]>()
  #subject: { readonly value: string | undefined } | undefined
  #list: { readonly value: MailingList | undefined } | undefined

  constructor(section: HeaderSection) {
    this.#section = readable(section)
  }

  /** Where readers of these fields may differ: which of several fields counts. */
  get ambiguous(): readonly Ambiguity[] {
    const ambiguous: Ambiguity[] = []
    if (this.#section.named('from').length > 1) ambiguous.push('from')
    if (ONCE.some((name) => this.#section.named(name).length > 1)) ambiguous.push('fields')
    return ambiguous
  }

  get subject(): string | undefined {
    return (this.#subject ??= { value: textValue(this.#section.named('subject')[0]) }).value
  }

  /** Mailboxes of all fields of that name (lower-case). */
  addresses(name: string): readonly NamedAddress[] {
    let addresses = this.#addresses.get(name)
    if (!addresses) {
      addresses = addressValues(this.#section.named(name))
      // Plugins see the same list after one another.
      for (const each of addresses) Object.freeze(each)
      Object.freeze(addresses)
      this.#addresses.set(name, addresses)
    }
    return addresses
  }

  get date(): Date | undefined {
    return dateValue(this.#section.named('date')[0])
  }

  get messageId(): string | undefined {
    return messageIdValue(this.#section.named('message-id')[0])
  }

  get list(): MailingList | undefined {
    return (this.#list ??= { value: listValue((name) => this.#section.named(name)[0]) }).value
  }
}

/** The section as far as it is read. */
function readable(section: HeaderSection): HeaderSection {
  if (section.size <= READ_LIMIT) return section
  const blocks: HeaderBlock[] = []
  let left = READ_LIMIT
  for (const { bytes } of section.blocks) {
    blocks.push(new HeaderBlock(bytes.subarray(0, left)))
    left -= Math.min(left, bytes.length)
  }
  return new HeaderSection(blocks)
}
