/** Where a connection comes from, as the server knows when it has let it in. */
import type { ProxyHeader } from './proxy-header.ts'

/** One of the connections that a listener may have, and whom it is counted for. */
export interface Slot {
  /** The client it is counted for; undefined while only a proxy is known, or for a UNIX socket. */
  address: string | undefined
  isOpen: boolean
}

/** What is known of a connection before its first octet is read. */
export interface Origin {
  readonly id: string
  readonly slot: Slot
  /** What a proxy said of it. */
  readonly header?: ProxyHeader
}
