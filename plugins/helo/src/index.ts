/** Checks of the client: its HELO name, its reverse DNS, and whether the two fit. */
export { helo } from './helo.ts'
