/** Points for messages that mail clients read in different ways, and for those that cannot be read. */
export { mime } from './mime.ts'
