/**
 * The adapter between Postroad and the npm package mailauth, on which the plugins spf, dkim, arc and dmarc stand.
 *
 * The division of labour is that of decision 0008: mailauth judges, we carry the octets. A check of a message goes like this:
 *
 *   receive hook → Arrivals.listen → HeaderSection (finds the empty line) → readFields (fields as signatures see them)
 *                → BodyHash (canonical body, hashed while it arrives)
 *   message hook → Arrivals.finish → DkimVerifier, validateArc: the verdict, with VerifierHash in place of the library's own hash
 *
 * SPF and DMARC need no octets: evaluateSpf and evaluateDmarc are called with what is known from the envelope and the facts.
 * All of them ask DNS by nodeResolver, which is the Dns service in the form of `dns.promises.resolve`: cache, limits and deadlines stay ours.
 *
 * Every loop over a stranger's octets is linear and in constant memory; limits are applied before the library sees anything.
 *
 * Where to begin: library.ts declares all that is used of mailauth, and is the only file that imports it. Then arrivals.ts for the
 * order of events, and the plugin dkim for how the parts are put together. The facts that come of it are in `@postroad/authres`.
 */
export { Arrivals } from './arrivals.ts'
export { BodyHash, VerifierHash } from './body-hash.ts'
export { HeaderSectionReader } from './header-section.ts'
export {
  type ArcData,
  type ArcSet,
  createSeal,
  DkimVerifier,
  type DmarcEvaluation,
  type DmarcInput,
  type DmarcResponse,
  evaluateDmarc,
  evaluateSpf,
  getArcChain,
  getPublicKey,
  type PublicKey,
  parseDkimHeaders,
  type SignatureHeader,
  type SignatureResult,
  validateArc,
} from './library.ts'
export { keysFirst, type NodeResolver, nodeResolver } from './node-resolver.ts'
export { readFields, type SignedField } from './signed-field.ts'
