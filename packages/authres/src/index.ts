/** What spf, dkim, dmarc, arc and auth-results have in common. */
export { type CommandAction, type MessageAction, type Saying, toOpinion } from './action.ts'
export { BodyHash, type BodyHashOptions } from './body-hash.ts'
export * from './fact.ts'
export { HeaderSection } from './header-section.ts'
export { type NodeResolver, nodeResolver } from './node-resolver.ts'
export { claims, parseArcAuthResults, parseAuthResults } from './parse.ts'
export { type AuthResults, describe, type Findings, type MethodResult, type Property } from './results.ts'
export { writeAuthResults } from './write.ts'
