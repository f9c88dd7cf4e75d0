/** What these tests and their workers open. */
export { embeddedLimiter } from '../../packages/embedded/src/service/limiter.ts'
export { embeddedLock } from '../../packages/embedded/src/service/lock.ts'
export { embeddedSpool } from '../../packages/embedded/src/service/spool.ts'
export { embeddedStore } from '../../packages/embedded/src/service/store.ts'
