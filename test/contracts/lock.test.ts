import { lockContract } from '../../packages/testing/src/contract/lock.ts'
import { fakeClock } from '../../packages/testing/src/fake-clock.ts'
import { memoryLock } from '../../packages/testing/src/memory-store.ts'
import { embedded } from './embedded.ts'
import { embeddedLock } from './services.ts'

lockContract('embedded', embedded(embeddedLock))
lockContract('memory', async () => {
  const lock = memoryLock()
  return { open: () => lock, advance: fakeClock().advance, close: async () => undefined }
})
