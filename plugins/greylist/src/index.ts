/** Greylisting, RFC 6647. */
export { greylist } from './greylist.ts'
export { type GreylistOptions, options } from './options.ts'
