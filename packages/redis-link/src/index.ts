/**
 * What plugins share of a configured Redis. The plugin `redis` is configured once, and provides the service `RedisLink`; a plugin that keeps
 * something in Redis needs it, and neither imports the other.
 *
 *   link.ts    the service: commands and scripts with a deadline, a scan over all nodes, and connections of one's own
 *   script.ts  a Lua script, atomic on the server, sent by its digest
 *
 * Nothing here connects: there are a service key, types, and one pure function. What a link promises when the server is away is said at
 * its methods; `plugins/redis` keeps the promises.
 *
 * Where to begin: link.ts.
 */
export { type Argument, type ClientKind, type RedisClient, RedisLink, type SendOptions } from './link.ts'
export { type Script, script } from './script.ts'
