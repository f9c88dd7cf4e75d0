/** What programs may ask of a quarantine and do to it: any plugin that keeps such mail offers this desk. */
import type { Message } from '@postroad/mail'
import { defineService, type Service } from './service.ts'

/** What is known of a message that was set aside. Times are milliseconds since the epoch. */
export interface QuarantinedMessage {
  readonly id: string
  /** Id of the transaction it came in with. */
  readonly transaction: string
  readonly at: number
  /** When it is deleted. */
  readonly until: number
  /** Empty: the null reverse-path. */
  readonly from: string
  readonly to: readonly string[]
  readonly subject?: string | undefined
  readonly reason: string
  readonly points: number
  /** Octets. */
  readonly size: number
  readonly remote: string
  readonly helo?: string | undefined
  readonly identity?: string | undefined
}

/** What became of a release for one recipient. */
export interface ReleaseOutcome {
  readonly to: string
  readonly released: boolean
  /** Of the listener it was given to, or why it was not. */
  readonly reply: string
}

/** A quarantine, as operators and recipients meet it. */
export interface QuarantineDesk {
  /** Somebody has said where released messages go. */
  readonly canRelease: boolean
  list(signal: AbortSignal): AsyncIterable<QuarantinedMessage>
  get(id: string): Promise<{ readonly entry: QuarantinedMessage; readonly message: Message } | undefined>
  /** Sends it on, to all recipients or to those named; what was taken is gone from the quarantine. Undefined: it is not there. */
  release(
    id: string,
    options: { readonly to?: readonly string[] | undefined; readonly signal: AbortSignal },
  ): Promise<readonly ReleaseOutcome[] | undefined>
  /** For all recipients, or for those named; the others keep it. Resolves to whether it was there, and nobody was releasing it. */
  delete(id: string, options?: { readonly to?: readonly string[] | undefined }): Promise<boolean>
  /** Absent: nobody is told what is kept of their mail. */
  readonly digests?: QuarantineDigests | undefined
}

/** Tells recipients by mail what is kept of theirs. `all`: also what they have been told of before. */
interface QuarantineDigests {
  /** What would be sent now, with links that lead nowhere. Undefined: this recipient gets none. */
  preview(
    recipient: string,
    options: { readonly all?: boolean; readonly signal: AbortSignal },
  ): Promise<DigestPreview | undefined>
  /** Sends it, without waiting for its time. Undefined: this recipient gets none. */
  send(
    recipient: string,
    options: { readonly all?: boolean; readonly signal: AbortSignal },
  ): Promise<DigestSent | undefined>
}

/** A digest, as its recipient would see it. */
interface DigestPreview {
  /** Who would get it: another one, when the address is an alias. */
  readonly to: string
  readonly messages: number
  readonly messageId: string
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** What became of a digest. */
interface DigestSent {
  readonly to: string
  readonly messages: number
  readonly sent: boolean
  /** Of the listener it was handed in at. */
  readonly reply: string
}

export const QuarantineDesk: Service<QuarantineDesk> = defineService('quarantine-desk')

/** A filter that can be taught what mail is. */
export interface LearningDesk {
  /**
   * Teaches one message; twice is not worse than once. Resolves to a sentence of what came of it; rejects when it could not be asked. The message
   * is as it was set aside: octets of a stranger, of any size that was taken.
   */
  learn(
    message: Message,
    lesson: {
      readonly as: 'spam' | 'ham'
      /** Recipients whose mail it is, as the envelope had them; who learns for everybody at once need not look. Never empty. */
      readonly recipients: readonly string[]
      readonly signal: AbortSignal
    },
  ): Promise<string>
}

export const LearningDesk: Service<LearningDesk> = defineService('learning-desk')
