/** Recipients that are not written to any more. */
export { suppression } from './suppression.ts'
