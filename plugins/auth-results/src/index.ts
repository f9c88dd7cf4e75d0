/** Authentication-Results for Postroad. */
export { authResults, authResultsOptions, withoutForged } from './auth-results.ts'
