/** Durable delivery into Maildir folders. */
export { maildir } from './maildir.ts'
export { options as maildirOptions } from './options.ts'
