import type { Dkim, Dmarc, Spf } from '@postroad/authres'
import { dkimFact, dmarcFact, spfFact } from '@postroad/authres'
import type { Address, Attachment, Message, QueueContext, Recipient, Session } from '@postroad/plugin'

/** What was found out about who sent it; nothing of a kind that was not looked at. */
export interface Authentication {
  /** May this client send for the domain of the reverse-path? RFC 7208. */
  readonly spf: Spf | undefined
  /** Signatures of domains, RFC 6376. */
  readonly dkim: Dkim | undefined
  /** Is the author's domain, which people read, one of those? RFC 9989. */
  readonly dmarc: Dmarc | undefined
}

/** One message, and for whom it came. The views of it are made when they are asked for. */
export class ReceivedMail {
  /** Sortable, and in every line of the log about it. */
  readonly id: string
  /** The reverse-path, to which bounces go; undefined: it is one itself, and must not be answered. */
  readonly sender: Address | undefined
  /** For whom it came: those of our domains, whatever its fields say. */
  readonly recipients: readonly Address[]
  readonly authentication: Authentication
  /** Aborted when the time is up or the server closes: then the answer does not count any more. */
  readonly signal: AbortSignal
  /** The client: its address, its TLS, what it calls itself. */
  readonly session: Session
  /** Fields, octets, and edits. */
  readonly message: Message

  constructor(context: QueueContext, recipients: readonly Recipient[]) {
    const { envelope, message, session, signal } = context
    this.id = envelope.id
    this.sender = envelope.from
    this.recipients = recipients.map(({ address }) => address)
    this.message = message
    this.session = session
    this.signal = signal
    this.authentication = {
      spf: context.find(spfFact),
      dkim: context.find(dkimFact),
      dmarc: context.find(dmarcFact),
    }
  }

  /** Decoded, as mail clients show it. */
  get subject(): string | undefined {
    return this.message.subject
  }

  /** The authors, names decoded; anybody can write anything there: see `authentication`. */
  get from(): Message['from'] {
    return this.message.from
  }

  /** What the message says of its readers; for whom it came are the `recipients`. */
  get to(): Message['to'] {
    return this.message.to
  }

  get cc(): Message['cc'] {
    return this.message.cc
  }

  get replyTo(): Message['replyTo'] {
    return this.message.replyTo
  }

  get date(): Date | undefined {
    return this.message.date
  }

  /** Without angle brackets. */
  get messageId(): string | undefined {
    return this.message.messageId
  }

  /** Octets of the whole message. */
  get size(): number {
    return this.message.size
  }

  /** The whole message, piece by piece, as it came. May be called any number of times. */
  raw(): AsyncIterable<Uint8Array> {
    return this.message.raw()
  }

  /** All text that is shown; of a message that is HTML only, the text of it. Rejects with a `MessageError`. */
  text(): Promise<string> {
    return this.message.text()
  }

  /** Undefined when there is none. A stranger's: never put it into a page of your own as it is. Rejects with a `MessageError`. */
  async html(): Promise<string | undefined> {
    return (await this.message.mime()).html
  }

  /** Files; `read()` of each gives its octets piece by piece, and keeps nothing. Rejects with a `MessageError`. */
  async attachments(): Promise<readonly Attachment[]> {
    return (await this.message.mime()).attachments
  }
}
