/** Redis as the memory that several nodes share. */
export { redis, redisDns } from './redis.ts'
