import { memoryQueue } from '@postroad/queue-engine'
import { queueContract } from '@postroad/queue-engine/contract'

queueContract({
  name: 'memory',
  open: async () => {
    const queue = memoryQueue()
    return { store: async () => queue.open(), kill: async (store) => queue.kill(store), dispose: async () => {} }
  },
})
