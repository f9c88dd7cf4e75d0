/** Limits by any key. */

export type { Subject } from './key.ts'
export { type LimitOptions, options, type RateLimitOptions } from './options.ts'
export { exceededLimits, rateLimit } from './rate-limit.ts'
