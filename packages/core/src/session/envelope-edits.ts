/** What `rewrite` has made of an envelope, beside whom the client named: those are owed their replies whatever becomes of them. */
import { type Address, type RoutedRecipient, sameMailbox } from '@postroad/mail'

/** The edits of one transaction, each as those before have left it. */
export class EnvelopeEdits {
  #from: Address | null | undefined
  #added: readonly RoutedRecipient[] = []
  readonly #removed = new Set<RoutedRecipient>()

  /** The new reverse-path, `null` for `<>`; undefined while it is the client's. */
  get from(): Address | null | undefined {
    return this.#from
  }

  /** Those whom the client did not name. */
  get added(): readonly RoutedRecipient[] {
    return this.#added
  }

  /** Those of the client's recipients who do not get it. */
  get removed(): ReadonlySet<RoutedRecipient> {
    return this.#removed
  }

  sendFrom(from: Address | null): void {
    this.#from = from
  }

  add(recipient: RoutedRecipient): void {
    this.#added = [...this.#added, recipient]
  }

  /** Those of the client's recipients who are at that address get it again, if an edit had removed them; false when there are none. */
  restore(address: Address, named: readonly RoutedRecipient[]): boolean {
    const found = named.filter((one) => sameMailbox(one.address, address))
    for (const one of found) this.#removed.delete(one)
    return found.length > 0
  }

  /** Takes away whom the client named, and whom an edit has added, at that address. */
  remove(address: Address, named: readonly RoutedRecipient[]): void {
    this.#added = this.#added.filter((one) => !sameMailbox(one.address, address))
    for (const one of named) if (sameMailbox(one.address, address)) this.#removed.add(one)
  }

  has(address: Address): boolean {
    return this.#added.some((one) => sameMailbox(one.address, address))
  }

  /** Whom a message goes to that was to go to these; to nobody when it was to go to none of them. */
  carried(passed: readonly RoutedRecipient[]): readonly RoutedRecipient[] {
    return passed.length === 0
      ? passed
      : Object.freeze([...passed.filter((one) => !this.#removed.has(one)), ...this.#added])
  }

  /** For the log; undefined when all edits have undone each other. */
  toJSON(): object | undefined {
    const record = {
      ...(this.#from !== undefined && { from: this.#from?.toString() ?? '' }),
      ...(this.#added.length > 0 && { add: this.#added.map(({ address }) => address.toString()) }),
      ...(this.#removed.size > 0 && { remove: [...this.#removed].map(({ address }) => address.toString()) }),
    }
    return Object.keys(record).length > 0 ? record : undefined
  }
}
