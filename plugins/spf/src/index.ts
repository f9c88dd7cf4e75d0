/** SPF for Postroad. */
export { checkSpf, type SpfDeps, type SpfQuestion } from './check.ts'
export { spfOptions } from './options.ts'
export { spf } from './spf.ts'
