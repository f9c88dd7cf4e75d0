/** Users in a file. */
export { authFile } from './auth-file.ts'
export { type AuthFileOptions, options } from './options.ts'
export { hashPassword, scramKeys, verifyPassword } from './password.ts'
