/** Bounces, complaints and receipts of mail that was sent, and the addresses that they come to. */
export { bounces } from './bounces.ts'
