/**
 * One interface to what people have: users, recipients, routes and limits in SQL, LDAP, Redis, files, behind HTTP, in Dovecot, or in a map that
 * Postfix asks. A plugin has an option `from` (`fromOption` of `@postroad/directory/zod`), opens it with `openDirectory`, and asks for keys.
 *
 *   directory.ts  what a plugin asks: answers from memory without a promise, one question for all who want the same, a deadline, and what was
 *                 known before an outage
 *   key-list.ts   all of it in memory, read again now and then, with yesterday's list in a file
 *   source-health.ts  a source that fails is left alone for a moment
 *   source/       one file a provider; libraries of databases are loaded when one is used
 *   template.ts   places for the key in queries, filters and URLs: bound, escaped, encoded
 *   desk.ts       what `postroad lookup` asks
 *   zod.ts        the option; its own entry
 *
 * One rule stands above all of it: an outage is never an answer. `find` says that a key is there or is not, or it rejects with a `DirectoryError`.
 *
 * Where to begin: directory.ts.
 */

export type { DirectoryDeps } from './deps.ts'
export { LookupDesk, lookupDesk } from './desk.ts'
export { type Directory, DirectoryError, type LookupAnswer, openDirectory } from './directory.ts'
export type { DirectoryEntry } from './entry.ts'
export type { From } from './from.ts'
