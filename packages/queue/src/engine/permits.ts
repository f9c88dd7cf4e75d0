/** What all processes that share a queue may do together. A permit is taken before a connection is made and given back after it. */
import type { Reply } from '@postroad/mail'
import type { BackoffOptions, LaneLimits } from './site.ts'

/** What one hears who wants to begin a transaction. */
export type PermitAnswer =
  | { readonly kind: 'enter'; readonly permit: string }
  /** All places are taken, or it is too early: come again after so many milliseconds. */
  | { readonly kind: 'wait'; readonly ms: number }
  /** The destination is left alone; the reply that closed it. */
  | { readonly kind: 'closed'; readonly reply: Reply }

/** How a transaction ended, as far as it says something of the destination. */
export interface PermitEnd {
  readonly health: 'up' | 'down' | 'none'
  readonly reply?: Reply | undefined
  /** How the site backs off, when it has an own way. */
  readonly backoff?: BackoffOptions | undefined
}

/** Counts the transactions of all processes. The permits of a process that is gone become free by themselves. */
export interface LanePermits {
  /** Asks for a place at a site. Rejects when nobody can say how many there are. */
  enter(site: string, limits: LaneLimits): Promise<PermitAnswer>
  /** Gives a place back; does not reject. */
  leave(site: string, permit: string, end: PermitEnd): Promise<void>
}
