/** What policy plugins match with: globs, networks, domain names, address patterns, units, lists in files. */
export { type AddressParts, AddressTable, type Found } from './address-table.ts'
export { DomainTable, domainName } from './domain-table.ts'
export { type Glob, glob } from './glob.ts'
export { type Network, NetworkTable, networkOf, networks } from './network.ts'
