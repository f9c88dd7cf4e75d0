/** What the checks of a sender know besides: what others have been sent. */
import type { SampleMessage } from './sample-message.ts'

/** Mail of some days, as the records of the server have it. */
export interface SenderTraffic {
  readonly days: number
  /** Recipients that mail of the domain was delivered to, and complaints about it. */
  readonly delivered: number
  readonly complaints: number
}

/** All of it. */
export interface SenderContext {
  /** Domains of reverse-paths, besides those of messages; default: the domain itself. */
  readonly returnPaths: readonly string[]
  readonly messages: readonly SampleMessage[]
  /** Undefined: there are no records. */
  readonly traffic: SenderTraffic | undefined
}

/** Where Gmail has written its rules down; Yahoo's are the same. */
export const GMAIL = 'Gmail: Email sender guidelines'
/** Where Microsoft has. */
export const MICROSOFT = 'Outlook: Requirements for high-volume senders'
