/** The schemas themselves, for whoever answers or checks; browsers take only the types of the entry `.`. */
export { calls, events, shapes } from './calls.ts'
