/** The durable queue that nodes share, in Redis. */
export { type Durability, inspect, judge, type ServerFacts } from './durability.ts'
export { RedisLink } from './link.ts'
export { options as redisQueueOptions } from './options.ts'
export { redisQueue } from './redis-queue.ts'
export type { BodyFolder } from './store/bodies.ts'
export type { ReaderOptions } from './store/redis-reader.ts'
export { RedisStore, type RedisStoreOptions } from './store/redis-store.ts'
export { WAKE_UP_QUEUE } from './wake-up/wake-ups.ts'
