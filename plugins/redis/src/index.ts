/** Redis as the memory that several nodes share. */
export { RedisLink } from './link.ts'
export { redis, redisDns } from './redis.ts'
