/** Routing rules: which recipient goes where, and who may relay. */
export { routing } from './routing.ts'
