import type { Endpoint, Helo, Identity, Recipient, TlsInfo } from '@postroad/mail'

/**
 * What a server does with what it accepts. `mta`: it answers the client, and takes responsibility. `filter`: it judges for another server that
 * does, the server in charge. Not `Role`: that is what `postroad start --role` says of a process.
 */
export type SessionRole = 'mta' | 'filter'

/** How a client, or the server in charge, speaks to us. */
export type SessionProtocol = 'smtp' | 'lmtp' | 'milter' | 'policy'

/** One connection, from accept to close. */
export interface Session {
  /** Sortable; every log line and span of the session carries it. */
  readonly id: string
  /** Name of the listener. */
  readonly listener: string
  /** Name of the scope the listener belongs to. */
  readonly scope: string
  readonly protocol: SessionProtocol
  /**
   * Follows from the listener's protocol. In role `filter` `route`, `queue`, `quarantine`, `accepted`, `auth` and the hooks of VRFY, EXPN and HELP
   * are not run; `judged` is. On the session, because a handler at connect wants to know it as much as one at message.
   */
  readonly role: SessionRole
  readonly remote: Endpoint
  readonly local: Endpoint
  readonly tls: TlsInfo | undefined
  /** Set after a successful AUTH, RFC 4954. In role `filter` what the server in charge says, from MAIL on. */
  readonly identity: Identity | undefined
  /** In role `filter` the name is empty where none was said, and `extended` a guess: milter does not tell HELO from EHLO. */
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
