import { limiterContract } from '../../packages/testing/src/contract/limiter.ts'
import { fakeClock } from '../../packages/testing/src/fake-clock.ts'
import { memoryLimiter } from '../../packages/testing/src/memory-store.ts'
import { embedded } from './embedded.ts'
import { embeddedLimiter } from './services.ts'

limiterContract('embedded', embedded(embeddedLimiter))
limiterContract('memory', async () => {
  const clock = fakeClock()
  const limiter = memoryLimiter(clock)
  return {
    open: () => limiter,
    advance: clock.advance,
    step: async (ms) => clock.step(ms),
    close: async () => undefined,
  }
})
