/** Tells programs what becomes of mail: signed webhooks, functions and files, at least once, in the order of each message. */
export { events } from './events.ts'
