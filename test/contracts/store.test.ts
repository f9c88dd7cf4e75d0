import { storeContract } from '../../packages/testing/src/contract/store.ts'
import { fakeClock } from '../../packages/testing/src/fake-clock.ts'
import { memoryStore } from '../../packages/testing/src/memory-store.ts'
import { embedded } from './embedded.ts'
import { embeddedStore } from './services.ts'

storeContract('embedded', embedded(embeddedStore))
storeContract('memory', async () => {
  const clock = fakeClock()
  const store = memoryStore(clock)
  return { open: () => store, advance: clock.advance, step: async (ms) => clock.step(ms), close: async () => undefined }
})
