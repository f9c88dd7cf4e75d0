/** What a token may: senders, sizes. Who is not named may nothing. */
import type { Address } from '@postroad/mail'
import { AddressTable } from '@postroad/options'
import type { ClientOptions, InjectionOptions } from './options.ts'
import { RequestRefused } from './refusal.ts'

/** One who may send. */
export class InjectionClient {
  readonly name: string
  readonly size: number
  readonly maxRecipients: number
  readonly #senders: AddressTable<true>

  constructor(name: string, { senders, size, maxRecipients }: ClientOptions, most: number) {
    this.name = name
    this.size = Math.min(size ?? most, most)
    this.maxRecipients = maxRecipients
    this.#senders = new AddressTable(senders.map((pattern) => [pattern, true]))
  }

  /** Undefined: the null reverse-path. */
  mayUse(sender: Address | undefined): boolean {
    return sender === undefined || this.#senders.find(sender) !== undefined
  }
}

/** Clients by the names of their tokens. */
export function clientsOf({ clients, size }: InjectionOptions): (name: string) => InjectionClient {
  const known = new Map<string, InjectionClient>()
  return (name) => {
    const found = known.get(name)
    if (found) return found
    const own = Object.hasOwn(clients, name) ? clients[name] : clients['*']
    if (!own)
      throw new RequestRefused(403, {
        detail: `The token ${JSON.stringify(name)} may not send: it is not in the option "clients"`,
      })
    const client = new InjectionClient(name, own, size)
    if (known.size < 10_000) known.set(name, client)
    return client
  }
}
