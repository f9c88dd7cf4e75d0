/** What all processes that share a queue may do together. A slot is taken before a connection is made and given back after it. */
import type { Reply } from '@postroad/mail'
import type { BackoffOptions, SiteLimits } from './site.ts'

/** What one hears who wants to begin a transaction. */
export type SlotAnswer =
  | { readonly kind: 'enter'; readonly slot: string }
  /** All slots are taken, or it is too early: come again after so many milliseconds. */
  | { readonly kind: 'wait'; readonly ms: number }
  /** The destination is left alone; the reply that closed it. */
  | { readonly kind: 'closed'; readonly reply: Reply }

/** How a transaction ended, as far as it says something of the destination. */
export interface SlotEnd {
  readonly health: 'up' | 'down' | 'none'
  readonly reply?: Reply | undefined
  /** How the site backs off, when it has an own way. */
  readonly backoff?: BackoffOptions | undefined
}

/** Counts the transactions of all processes. The slots of a process that is gone become free by themselves. */
export interface SiteSlots {
  /** Asks for a slot at a site. Rejects when nobody can say how many there are. */
  enter(site: string, limits: SiteLimits): Promise<SlotAnswer>
  /** Gives a slot back; does not reject. */
  leave(site: string, slot: string, end: SlotEnd): Promise<void>
}
