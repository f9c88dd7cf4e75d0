/** Recipients that are not written to any more, as a service: whoever learns that somebody is gone, or wants to be left alone, says so here. */
import { defineService, type Service } from './service.ts'

/**
 * Why somebody is not written to:
 *
 * * `address`: there is no such mailbox; `mailbox`: it could not take mail for long
 * * `complaint`: its owner called the mail spam; `unsubscribe`: asked for no more
 * * `manual`: an operator said so
 */
export type SuppressionReason = 'address' | 'mailbox' | 'complaint' | 'unsubscribe' | 'manual'

/** One entry. */
export interface Suppression {
  /** In lower case, the domain as A-labels; of a list that keeps no addresses, `#` and a mark of it. */
  readonly address: string
  /** For whose mail it holds: a domain, a reverse-path in lower case, or the name of a stream, as the plugin's options say; empty: everybody's. */
  readonly tenant: string
  readonly reason: SuppressionReason
  /** Milliseconds since the epoch. */
  readonly at: number
  /** When it ends by itself; absent: never. */
  readonly until?: number | undefined
  /** What is known besides: a reply, for one; a stranger's words. */
  readonly detail?: string | undefined
}

/** The list. All reject when the store cannot say. */
export interface Suppressions {
  /** Whether mail from this reverse-path may go to this address; the entry that keeps it, for everybody or for that tenant. */
  find(address: string, from: string, signal?: AbortSignal): Promise<Suppression | undefined>
  /**
   * An entry of a graver reason stays; resolves to the one that is there afterwards. Of whom one knows only the reverse-path of the mail, say `from`: for
   * whose mail the entry holds then follows from the options, `unsubscribe` for that of one stream.
   *
   * @throws {TypeError} when it is no address
   */
  add(
    entry: Pick<Suppression, 'address' | 'reason'> &
      Partial<Pick<Suppression, 'until' | 'detail'>> &
      ({ readonly tenant: string } | { readonly from: string }),
    signal?: AbortSignal,
  ): Promise<Suppression>
  /** Resolves to whether there was one. */
  remove(address: string, tenant: string, signal?: AbortSignal): Promise<boolean>
  /** Of one tenant, or of all, streamed. */
  list(tenant: string | undefined, signal?: AbortSignal): AsyncIterable<Suppression>
}

export const Suppressions: Service<Suppressions> = defineService('suppressions')
