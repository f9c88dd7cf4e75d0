/** The durable queue that nodes share, in Redis. */
export { redisQueue } from './redis-queue.ts'
