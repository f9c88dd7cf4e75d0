/** Durable delivery into Maildir folders. */
export { maildir } from './maildir.ts'
