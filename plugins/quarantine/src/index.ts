/** Keeps what was quarantined. */
export { quarantine } from './quarantine.ts'
