/** Mail of a plugin's, or a program's, own. */
import type { Address, MailParameters, RcptParameters, Reply } from '@postroad/mail'
import { defineService, type Service } from './service.ts'

/** A message, and whom it goes to. */
export interface OutgoingMail {
  /** The reverse-path, to which bounces go; `null`: nobody hears of them, for what answers by itself, RFC 3834 §3.3. */
  readonly from: Address | string | null
  readonly to: readonly (Address | string)[]
  /** The whole of it, fields and body, as it is to be sent; lines may end with LF alone. Fields that are missing are not added. */
  readonly message: Uint8Array | string | AsyncIterable<Uint8Array>
  /** What else MAIL says: `ret`, `envid`, `requireTls` … What the octets need (BODY, SMTPUTF8) is added. */
  readonly parameters?: MailParameters
  /** What RCPT says of each recipient: `notify`, for one. */
  readonly recipientParameters?: RcptParameters
}

/** What nodemailer's composer makes: `new MailComposer({ from, to, subject, text, attachments }).compile()`. */
export interface ComposedMail {
  /** `false`: the null reverse-path. */
  getEnvelope(): { readonly from: string | false; readonly to: readonly string[] }
  createReadStream(): AsyncIterable<Uint8Array>
}

/** How it is sent. */
export interface SendMailOptions {
  /**
   * The scope whose plugins judge, sign, limit, route and queue it, as they do what comes over a socket. Default: that of the plugin; of a program,
   * the first.
   */
  readonly scope?: string
  /** Who sends, to rules about authenticated clients. Default: the name of the plugin; of a program, `program`. */
  readonly identity?: string
  /** Given up when it is aborted, unless the message has been taken by then. */
  readonly signal?: AbortSignal
}

/** What was taken. */
export interface SentMail {
  /** As the reply has it; the log knows it by this. */
  readonly id: string
  /** What was said of it, as a client would hear it. */
  readonly reply: Reply
  /** Recipients that were refused while others were taken, and how. */
  readonly refused: readonly { readonly recipient: Address; readonly reply: Reply }[]
}

/**
 * Sends mail of one's own, by the plugins of a scope and their queue, as if it had come over a socket from a client that has authenticated. Nothing is
 * skipped: a rule in the shadow stays there, a limit holds, and who may not relay does not.
 */
export interface Queue {
  /**
   * Resolves when the message is on stable storage, for one recipient at least.
   *
   * @throws {SendError} when nobody has taken it; with the reply, which says whether to try again
   * @throws {TypeError} when an address is none, or there is no such scope
   */
  send(mail: OutgoingMail | ComposedMail, options?: SendMailOptions): Promise<SentMail>
}

export const Queue: Service<Queue> = defineService('queue')

/** Nothing was taken. */
export class SendError extends Error {
  /** What decided: a reply as a client would hear it. */
  readonly reply: Reply
  /** Each recipient's own, as far as they were asked about. */
  readonly refused: SentMail['refused']

  constructor(reply: Reply, refused: SentMail['refused'] = []) {
    super([reply.code, reply.status, reply.text].filter(Boolean).join(' '))
    this.name = 'SendError'
    this.reply = reply
    this.refused = refused
  }

  /** It may be taken later. */
  get isTemporary(): boolean {
    return this.reply.code < 500
  }
}
