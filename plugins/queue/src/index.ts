/** The embedded durable queue, with its delivery workers and commands. */
export { options as queueOptions } from './options.ts'
export { queue } from './queue.ts'
