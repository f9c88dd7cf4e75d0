/** Which reverse-paths a user may use. */
import { AddressTable } from '@postroad/options'

/** Who it is about. */
interface AddressOwner {
  readonly name: string
  /** Patterns of further reverse-paths. */
  readonly from: readonly string[]
}

/** The addresses of a user: the name, or the address of that name in `domains`, and further ones. @throws {TypeError} when one is no pattern */
export function ownAddresses({ name, from }: AddressOwner, domains: readonly string[]): AddressTable<boolean> {
  const names = name.includes('@') ? [name] : domains.map((domain) => `${name}@${domain.replace(/^\./, '*.')}`)
  return new AddressTable([...names, ...from].map((pattern) => [pattern, true]))
}
