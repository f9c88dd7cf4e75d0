/** The one grammar of options: durations, sizes, limits, networks, domain and address patterns, lists in files. */
export { type AddressParts, AddressTable, type Found } from './address-table.ts'
export { DomainTable, domainName } from './domain-table.ts'
export { type Glob, glob } from './glob.ts'
export { type Network, NetworkTable, networkOf, networks } from './network.ts'
export { action, duration, size, stringList } from './option.ts'
export { type Limit, parseDuration, parseLimit, parseSize } from './unit.ts'
export { type Line, parseLines, type WatchedFile, type WatchOptions, watchFile } from './watched-file.ts'
