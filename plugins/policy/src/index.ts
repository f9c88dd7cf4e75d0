/** Asks policy services of Postfix, for Postroad. */
export { policy } from './policy.ts'
