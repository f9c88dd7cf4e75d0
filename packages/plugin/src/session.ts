import type { Endpoint, Helo, Identity, Recipient, TlsInfo } from '@postroad/mail'

/** One connection, from accept to close. */
export interface Session {
  /** Sortable; every log line and span of the session carries it. */
  readonly id: string
  /** Name of the listener. */
  readonly listener: string
  /** Name of the scope the listener belongs to. */
  readonly scope: string
  readonly protocol: 'smtp' | 'lmtp'
  readonly remote: Endpoint
  readonly local: Endpoint
  readonly tls: TlsInfo | undefined
  /** Set after a successful AUTH, RFC 4954. */
  readonly identity: Identity | undefined
  readonly helo: Helo | undefined
  /** The server is near its limits: be brief. */
  readonly stress: boolean
}

/**
 * Proof that the message is on stable storage, or that the next hop has confirmed it; only now may the core answer 250.
 * RFC 5321 §4.2.5.
 */
export interface Receipt {
  /** Shown in the 250 reply: the queue id, or what the next hop said. */
  readonly id: string
  /**
   * Recipients for whom responsibility was not taken, with the refusal to tell the client. Empty or absent: taken for all.
   * LMTP listeners answer per recipient; SMTP listeners follow the `mixed` policy.
   */
  readonly refused?: readonly {
    readonly recipient: Recipient
    readonly refusal: { readonly code: number; readonly status: string; readonly text: string }
  }[]
}
