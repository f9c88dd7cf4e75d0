/** SPF for Postroad. */
export { spf } from './spf.ts'
