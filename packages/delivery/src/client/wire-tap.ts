/** What is said with next hops, for whoever watches in this process: on the channel of the server's own side, in the same shape. */
import { channel } from 'node:diagnostics_channel'

/** One thing that was said or happened. */
export interface NextHopSeen {
  /** We are the client. */
  readonly side: 'client'
  readonly kind: 'open' | 'in' | 'out' | 'content' | 'tls' | 'close'
  /** One object for each connection: to tell them apart, and to be looked at no further. */
  readonly of: object
  /** As it was looked up: a name, or an address. */
  readonly host: string | undefined
  /** Address of the server. */
  readonly remote: string | undefined
  /** As it goes over the wire, in pieces of any length. Of `tls` what it came to. */
  readonly text: string
  /** Octets of a message, of `content`; only to be read now. */
  readonly octets?: Uint8Array
  /** What is said is a password or a part of one. */
  readonly isSecret: boolean
}

/** Look at `hasSubscribers` before anything is made for it: nobody there, no cost but that look. */
export const nextHopTap = channel('postroad:wire')
