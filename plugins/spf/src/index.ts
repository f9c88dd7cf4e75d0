/** SPF for Postroad. */
export { checkSpf, type SpfMeans, type SpfQuestion } from './check.ts'
export { spfOptions } from './options.ts'
export { spf } from './spf.ts'
