/** Keeps what was quarantined. */
export type { Entry } from './entry.ts'
export { options, type QuarantineOptions } from './options.ts'
export { quarantine } from './quarantine.ts'
