/** Mail from programs, over HTTP. Begin to read at `injection.ts`, then `request.ts` and `submit.ts`. */
export { injection } from './injection.ts'
