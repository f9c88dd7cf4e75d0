/** Users in a file. */
export { authFile } from './auth-file.ts'
