/** Logins by a directory. */
export { auth } from './auth.ts'
