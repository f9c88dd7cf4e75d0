import { memoryQueue, queueContract } from '@postroad/testing/queue'

queueContract({
  name: 'memory',
  open: async () => {
    const queue = memoryQueue()
    return { store: async () => queue.open(), kill: async (store) => queue.kill(store), dispose: async () => {} }
  },
})
