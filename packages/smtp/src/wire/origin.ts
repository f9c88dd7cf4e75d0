/** Where a connection comes from, as the server knows when it has let it in. */
import type { Slot } from '@postroad/listener'
import type { ProxyHeader } from './proxy-header.ts'

/** What is known of a connection before its first octet is read. */
export interface Origin {
  readonly id: string
  readonly slot: Slot
  /** What a proxy said of it. */
  readonly header?: ProxyHeader
}
