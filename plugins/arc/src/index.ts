/** ARC for Postroad. */
export { arc } from './arc.ts'
