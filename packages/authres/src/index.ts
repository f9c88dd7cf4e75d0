/**
 * Results of e-mail authentication: what spf, dkim, arc and dmarc tell each other, and how it is written down, RFC 8601.
 *
 * The four plugins import nothing of each other. Each sets one fact (fact.ts); dmarc reads those of spf, dkim and arc, greylist that of
 * spf, and a rule of your own any of them. A result is worth what the operator says: toOpinion makes the opinion.
 *
 * The field Authentication-Results has one type, AuthResults (field.ts), and three ways lead to and from it:
 *
 *   facts → describe → AuthResults → writeAuthResults → text      what we write on top of a message, or into a seal of ARC
 *   text → parseAuthResults, parseArcAuthResults → AuthResults    what somebody else wrote, read over lexer.ts
 *   text → hasAuthservId                                          whether a field that came in claims to be ours, and must go
 *
 * Imports lead one way: field ← fact ← describe, and field ← parse, write. The package has no dependency but `@postroad/plugin`, and
 * knows nothing of the library that makes the verdicts: that is `@postroad/mailauth`.
 *
 * Where to begin: fact.ts for what is known of a message, field.ts for the form of a field, then write.ts and parse.ts.
 */
export { type MessageAction, toOpinion } from './action.ts'
export { describe } from './describe.ts'
export {
  type Arc,
  arcFact,
  type Dkim,
  type DkimResult,
  type DkimSignature,
  type Dmarc,
  dkimFact,
  dmarcFact,
  type Spf,
  type SpfCheck,
  type SpfResult,
  spfFact,
} from './fact.ts'
export type { Property } from './field.ts'
export { hasAuthservId, parseArcAuthResults, parseAuthResults } from './parse.ts'
export { writeAuthResults } from './write.ts'
