/** The options of transports as a part of a zod schema, for plugins whose own options have that part. The entry without `/zod` needs no zod. */
export { transportOptions } from './transport-options.ts'
