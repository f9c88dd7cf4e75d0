/** Groups of the key exchange of TLS, and which of them a recording of today will not give away to a quantum computer. */

/** By IANA's names, RFC 9794 §2 and draft-ietf-tls-ecdhe-mlkem: the strength of their part ML-KEM. */
const HYBRID = { X25519MLKEM768: 768, SecP256r1MLKEM768: 768, SecP384r1MLKEM1024: 1024 } as const

/** A hybrid group: a curve, and ML-KEM of FIPS 203. */
export type MinimumGroup = keyof typeof HYBRID

const STRENGTHS: ReadonlyMap<string, number> = new Map(Object.entries(HYBRID))

/** The names of the hybrid groups, for schemas. */
export const HYBRID_GROUPS = [
  'X25519MLKEM768',
  'SecP256r1MLKEM768',
  'SecP384r1MLKEM1024',
] as const satisfies readonly MinimumGroup[]

/** Those that are at least as strong as the minimum: what is offered to a peer that must agree on one of them. */
export function groupsFrom(minimum: MinimumGroup): readonly MinimumGroup[] {
  return HYBRID_GROUPS.filter((group) => HYBRID[group] >= HYBRID[minimum])
}

/** Whether what was agreed on is at least as strong as the minimum. A group that is not known is not. */
export function meetsGroup(group: string | undefined, minimum: MinimumGroup): boolean {
  return (STRENGTHS.get(group ?? '') ?? 0) >= HYBRID[minimum]
}
