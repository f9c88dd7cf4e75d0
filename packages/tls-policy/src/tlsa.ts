/** TLSA records, RFC 6698: which of them can be used with SMTP, and which certificates they are about. */
import { createHash, X509Certificate } from 'node:crypto'

/** A certificate association, RFC 6698 §2.1. */
export interface TlsaAssociation {
  readonly usage: number
  readonly selector: number
  readonly matching: number
  readonly data: Uint8Array
}

/** Certificate usages that SMTP uses, RFC 7672 §3.1: a trust anchor of the domain's own, and the server's own certificate or key. */
export const DANE_TA = 2
/** The server's own certificate or key. */
export const DANE_EE = 3

/** Octets of a digest by matching type, RFC 6698 §2.1.3; 0 is the whole thing. */
const DIGESTS: ReadonlyMap<number, { readonly name: string; readonly octets: number }> = new Map([
  [1, { name: 'sha256', octets: 32 }],
  [2, { name: 'sha512', octets: 64 }],
])

/** Records that are looked at: a host with more has a mistake, or wants us to work. */
const MAX_RECORDS = 100

/** RFC 7672 §3.1.3: usages 0 and 1 are not for SMTP. RFC 6698 §4.1: what cannot be understood cannot be used either. */
export function isUsable({ usage, selector, matching, data }: TlsaAssociation): boolean {
  if (usage !== DANE_TA && usage !== DANE_EE) return false
  if (selector !== 0 && selector !== 1) return false
  const digest = DIGESTS.get(matching)
  if (digest !== undefined) return data.length === digest.octets
  if (matching !== 0 || data.length === 0) return false
  // A whole certificate is one; a key that none has is no harm.
  return selector === 1 || parseCertificate(data) !== undefined
}

/** RFC 7671 §9: of one usage and selector only the strongest digest counts; what stands there whole always does. */
export function strongest(records: readonly TlsaAssociation[]): readonly TlsaAssociation[] {
  const usable = records.slice(0, MAX_RECORDS).filter(isUsable)
  const isWeaker = ({ usage, selector, matching }: TlsaAssociation) =>
    matching === 1 &&
    usable.some((other) => other.usage === usage && other.selector === selector && other.matching === 2)
  return usable.filter((record) => !isWeaker(record))
}

/** Whether the record is about this certificate, or its key. */
export function fits({ selector, matching, data }: TlsaAssociation, certificate: X509Certificate): boolean {
  const selected = selector === 0 ? certificate.raw : spkiOf(certificate)
  const digest = DIGESTS.get(matching)
  const octets = digest === undefined ? selected : createHash(digest.name).update(selected).digest()
  return octets.equals(data)
}

/** SubjectPublicKeyInfo, as DER. */
export function spkiOf({ publicKey }: Pick<X509Certificate, 'publicKey'>): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' })
}

/** A certificate of DER; undefined when it is none. */
export function parseCertificate(data: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(data)
  } catch {
    return undefined // what is no certificate is an answer here
  }
}

/** The records in one order, and as text: the same set has the same hash, whoever answered in what order. */
export function hashOf(records: readonly TlsaAssociation[], names: readonly string[]): string {
  const lines = records.map(
    ({ usage, selector, matching, data }) => `${usage} ${selector} ${matching} ${Buffer.from(data).toString('hex')}`,
  )
  return createHash('sha256')
    .update([...lines.sort(), ...names].join('\n'))
    .digest('base64url')
}
