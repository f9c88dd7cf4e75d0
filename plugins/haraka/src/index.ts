/**
 * Plugins of Haraka, unchanged: its connection, transaction, results, notes and config over hooks, facts and log of this server.
 *
 *   haraka.ts        the plugin
 *   set-up.ts        what is found and loaded once, and which hooks it has; quietly.ts keeps what that prints out of the log of the server
 *   use.ts           what it does at each hook: the chain of Haraka's plugins, their answer as an opinion (answer.ts), facts both ways (facts.ts)
 *   chain.ts         plugins one after the other, with deadlines
 *   harness.ts       one plugin: found (locate.ts), compiled and registered as Haraka does it
 *   state.ts         one session: connection.ts, transaction.ts, stream.ts, and what becomes of the header (header-edits.ts)
 *   delivery.ts      the hooks of the queue
 *   fixtures.ts      the same objects for tests of plugins, in place of `haraka-test-fixtures`
 *
 * Where to begin: use.ts.
 */
export { type HarakaResult, harakaResult } from './facts.ts'
export { haraka } from './haraka.ts'
