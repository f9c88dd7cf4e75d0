/** The one grammar of options: durations, sizes, limits, networks, domain and address patterns, lists in files. */
export { type AddressParts, AddressTable, type Found } from './address-table.ts'
export { DomainTable, domainName, domains, domainTest, isDomainPattern } from './domain-table.ts'
export { type Glob, glob } from './glob.ts'
export { isNetwork, type Network, NetworkTable, networkOf, networks } from './network.ts'
export {
  action,
  addressPattern,
  type Bounds,
  DAY,
  domainPattern,
  duration,
  durationOf,
  type Grammar,
  listOf,
  MIB,
  network,
  size,
  sizeOf,
  stringList,
} from './option.ts'
export { type Limit, parseDuration, parseLimit, parseSize } from './unit.ts'
export { type Line, parseLines, type WatchedFile, type WatchOptions, watchFile } from './watched-file.ts'
