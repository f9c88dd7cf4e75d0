/** Allow and deny lists for networks, names, HELO, reverse-paths and recipients. */
export { access } from './access.ts'
