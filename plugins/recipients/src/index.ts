/** Who exists: tables, files, HTTP and call-outs. */
export { recipients } from './recipients.ts'
