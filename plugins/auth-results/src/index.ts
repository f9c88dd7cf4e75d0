/** Authentication-Results for Postroad. */
export { authResults } from './auth-results.ts'
