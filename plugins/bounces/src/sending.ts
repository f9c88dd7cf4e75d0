/** Puts an address of its own in the place of the reverse-path, attempt by attempt. */
import { createHash } from 'node:crypto'
import type { TokenKeys } from '@postroad/options'
import {
  type Address,
  type DeliveryContext,
  type DeliveryOpinion,
  type Logger,
  reroute,
  type Store,
} from '@postroad/plugin'
import type { BouncesOptions } from './options.ts'
import { rememberSent } from './sent.ts'
import type { BounceAddress } from './token.ts'

const DAY = 86_400_000

/** What marking works with. */
export interface SendingDeps {
  readonly options: BouncesOptions
  readonly address: BounceAddress
  readonly keys: TokenKeys
  readonly store: Store
  readonly log: Logger
  isSender(address: Address): boolean
}

/** Marks what is sent. */
export class Sending {
  readonly #deps: SendingDeps
  readonly #ways: ReadonlySet<string>

  constructor(deps: SendingDeps) {
    this.#deps = deps
    this.#ways = new Set(deps.options.via)
  }

  /** The same route with another reverse-path; undefined: it stays. Mail goes on when marks cannot be made. */
  async mark(delivery: DeliveryContext, now: number): Promise<DeliveryOpinion | undefined> {
    const { id, envelope, route, recipients } = delivery
    const { from } = envelope
    const { options, address, keys, log } = this.#deps
    if (!from || !this.#ways.has(route.via) || route.settings?.['reversePath'] !== undefined) return undefined
    if (!this.#deps.isSender(from) || !isSampled(id, options.every)) return undefined
    const to = recipients.map((one) => one.address.toString())
    try {
      const [key] = await keys.all()
      if (!key) return undefined
      const own = address.make({ id, recipients: to }, key, now)
      await this.#remember(address.serialOf(own), { transaction: envelope.id, from: from.toString(), recipients: to })
      return reroute({ ...route, settings: { ...route.settings, reversePath: own.toString() } })
    } catch (error) {
      log.warn({ id, error }, 'mail is sent without an address of its own for bounces')
      return undefined
    }
  }

  /** What cannot be written down is sent all the same: its bounce is known as genuine, and most of them say whom they are about. */
  async #remember(serial: string, sent: Parameters<typeof rememberSent>[2]): Promise<void> {
    const { store, options, log } = this.#deps
    try {
      await rememberSent(store, serial, sent, options.life + 2 * DAY)
    } catch (error) {
      log.warn({ error }, 'what an address for bounces stands for could not be written down')
    }
  }
}

/** The same for all attempts of a message, in all processes. */
function isSampled(id: string, every: number): boolean {
  return every === 1 || createHash('sha256').update(id).digest().readUInt32BE() % every === 0
}
