/** Redis as the memory that several nodes share. */
export type { ClientKind, RedisClient } from './client.ts'
export { type Argument, Link, RedisAwayError, RedisLink, type SendOptions } from './link.ts'
export { options as redisOptions } from './options.ts'
export { redis, redisDns } from './redis.ts'
export { type Script, script } from './script.ts'
