/** What policy plugins match with: globs, networks, domain names, address patterns, units, lists in files. */
export { type AddressParts, AddressTable, type Found } from './address-table.ts'
export { DomainTable, domainName } from './domain-table.ts'
export { type Allowed, allowedClient, allowedRecipient, allowedSender, knownRecipient, type ReverseDns, reverseDns } from './fact.ts'
export { type Glob, glob } from './glob.ts'
export { type Network, NetworkTable, networkOf, networks } from './network.ts'
export { type Action, action, duration, opinionOf, size, stringList, type Wording } from './option.ts'
export { type Limit, parseDuration, parseLimit, parseSize } from './unit.ts'
export { type Line, parseLines, type WatchedFile, type WatchOptions, watchFile } from './watched-file.ts'
