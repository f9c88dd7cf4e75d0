/** What these tests and their workers open. */
export { embeddedLimiter } from '../../packages/core/src/service/limiter.ts'
export { embeddedLock } from '../../packages/core/src/service/lock.ts'
export { embeddedSpool } from '../../packages/core/src/service/spool.ts'
export { embeddedStore } from '../../packages/core/src/service/store.ts'
