/** Who exists: tables, files, HTTP and call-outs. */
export { options, type RecipientsOptions } from './options.ts'
export { recipients } from './recipients.ts'
