/** DMARC for Postroad. */
export { dmarc } from './dmarc.ts'
