import { memoryQueue } from '@postroad/queue'
import { queueContract } from '@postroad/queue/contract'

queueContract({
  name: 'memory',
  open: async () => {
    const queue = memoryQueue()
    return { store: async () => queue.open(), kill: async (store) => queue.kill(store), dispose: async () => {} }
  },
})
