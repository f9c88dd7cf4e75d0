/** The embedded durable queue, with its delivery workers and commands. */
export { queue } from './queue.ts'
