/** Greylisting, RFC 6647. */
export { greylist } from './greylist.ts'
