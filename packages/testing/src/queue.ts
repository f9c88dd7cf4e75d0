/** For who writes a queue store: the contract it must keep, and a queue that forgets. An entry of its own: it needs fast-check. */
export { type QueueUnderTest, queueContract } from './contract/queue.ts'
export { memoryQueue } from './memory-queue.ts'
