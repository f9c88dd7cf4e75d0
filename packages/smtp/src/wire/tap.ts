/** What is said on connections, for whoever watches in this process: over `node:diagnostics_channel`, so that neither side has to know the other. */
import { channel } from 'node:diagnostics_channel'

/** One thing that was said or happened. A line of several commands or replies is one of these. */
export interface WireSeen {
  /** Who speaks here: we are the server. Transports say `client`. */
  readonly side: 'server'
  readonly kind: 'open' | 'in' | 'out' | 'content' | 'tls' | 'close'
  /** One object for each connection: to tell them apart, and to be looked at no further. */
  readonly of: object
  /** Of the session; undefined before there is one. */
  readonly session: string | undefined
  readonly listener: string
  /** Address of the client; undefined on a UNIX socket. */
  readonly remote: string | undefined
  /** One character an octet, as it goes over the wire. Of `tls` what it came to, of `close` why. */
  readonly text: string
  /** Octets of a message, of `content`; only to be read now. */
  readonly octets?: Buffer
  /** What is said is a password or a part of one. */
  readonly isSecret: boolean
}

/** Look at `hasSubscribers` before anything is made for it: nobody there, no cost but that look. */
export const wireTap = channel('postroad:wire')
