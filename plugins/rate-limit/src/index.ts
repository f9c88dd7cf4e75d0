/** Limits by any key. */

export { exceededLimits, rateLimit } from './rate-limit.ts'
