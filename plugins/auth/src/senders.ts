/** Which reverse-paths a user may use: by what the directory knows of the user, and by a table of addresses and their users. */
import type { Directory } from '@postroad/directory'
import { ownAddresses } from '@postroad/login'
import { AddressTable } from '@postroad/options'
import type { Address, Logger } from '@postroad/plugin'
import { type KnownUser, userKey } from './judge.ts'

/** Between user and detail. */
const SEPARATOR = '+'

/** What {@link SenderRights} stand on. */
export interface SenderDeps {
  readonly domains: readonly string[]
  /** Users by the addresses they may use. */
  readonly owners: Directory | undefined
  readonly log: Logger
}

/** Says which reverse-paths are whose. */
export class SenderRights {
  readonly #deps: SenderDeps

  constructor(deps: SenderDeps) {
    this.#deps = deps
  }

  /** The addresses a user has by the directory of users. What is no pattern is left out: its user may still log in. */
  addressesOf(user: KnownUser): AddressTable<boolean> {
    const { domains, log } = this.#deps
    const from = user.from.filter((pattern) => {
      try {
        new AddressTable([[pattern, true]])
        return true
      } catch (error) {
        log.warn({ user: user.name, error }, 'a sender of a user is no address, and is left out')
        return false
      }
    })
    return ownAddresses({ name: user.name, from }, domains)
  }

  /**
   * Whether the table of owners gives an address to a user: as it is, without its detail, or by its domain; the first key that is there says it.
   *
   * @throws {DirectoryError} (as a rejection) when nobody could say
   */
  async owns(name: string, address: Address): Promise<boolean> {
    const { owners } = this.#deps
    if (!owners) return false
    for (const key of keysOf(address)) {
      const entry = await owners.find(key)
      if (entry)
        return entry.values.flatMap((value) => value.split(/[\s,]+/)).some((one) => userKey(one) === userKey(name))
    }
    return false
  }
}

/** From the most particular. */
function keysOf({ local, domain }: Address): readonly string[] {
  const user = local.normalize('NFC').toLowerCase()
  const cut = user.indexOf(SEPARATOR, 1)
  return [`${user}@${domain}`, ...(cut > 0 ? [`${user.slice(0, cut)}@${domain}`] : []), `@${domain}`]
}
