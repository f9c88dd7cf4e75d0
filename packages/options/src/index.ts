/**
 * The one grammar of options: durations, sizes, limits, networks, domain and address patterns, lists in files.
 *
 * Whatever takes one of these from an operator takes it from here, so that all options are written alike. Three layers stand on each other:
 *
 *   unit.ts, glob.ts, network.ts, server.ts one word of the grammar: `5 min`, `*.example.com`, `192.0.2.0/24`
 *   address-table.ts, domain-table.ts       many patterns at once; the most particular one that fits wins
 *   zod.ts                                  pieces of zod schemas for a plugin's options, with the sentence an operator reads when one is wrong;
 *                                           its own entry, `@postroad/options/zod`: the others neither load zod nor have its types
 *
 * `watchFile` (watched-file.ts) reads a list from a file, and again when it has changed; a table is made of its lines.
 *
 * `TokenKeys` (token-keys.ts) are the secrets of a plugin, in a file that it makes itself; they make tokens in which nothing can be read
 * (sealed-token.ts).
 *
 * What is asked with foreign text (a client's address, a recipient's domain) is a look-up in a table or linear in the text: neither an
 * operator's list nor a client can make it slow. A pattern that is none throws a `TypeError` where it is added, never later.
 *
 * `suggestion` (suggestion.ts) says what somebody may have meant who wrote a word that is not known.
 *
 * Where to begin: zod.ts for what there is, then address-table.ts for how patterns are found.
 */
export { type AddressParts, AddressTable } from './address-table.ts'
export { DomainTable, domainName, domains, domainTest, isDomainPattern } from './domain-table.ts'
export { glob } from './glob.ts'
export { isNetwork, NetworkTable, networkOf, networks, PRIVATE_NETWORKS } from './network.ts'
export { isServer, parseServer } from './server.ts'
export { suggestion } from './suggestion.ts'
export type { TokenKey } from './token-key.ts'
export { TokenKeys } from './token-keys.ts'
export { type Limit, parseDuration, parseLimit } from './unit.ts'
export { parseLines, type WatchedFile, watchFile } from './watched-file.ts'
