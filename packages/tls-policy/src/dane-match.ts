/** Whether the certificates that a server shows are those that TLSA records are about, RFC 7672 §3. */
import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto'
import type { TlsPeer, TlsVerdict } from '@postroad/mail'
import { brokenConstraint } from './certificate-constraint.ts'
import { DANE_EE, DANE_TA, fits, parseCertificate, spkiOf, strongest, type TlsaAssociation } from './tlsa.ts'

/** What the records demand. */
export interface DaneDemand {
  /** At least one can be used. */
  readonly records: readonly TlsaAssociation[]
  /** Names of which a certificate below a trust anchor must have one, RFC 7672 §3.2.2. */
  readonly names: readonly string[]
}

/** Judges a server. */
export function matchDane(peer: Pick<TlsPeer, 'chain'>, { records, names }: DaneDemand, now: number): TlsVerdict {
  const counting = strongest(records)
  const [certificate] = peer.chain
  // RFC 7672 §3.1.1: with usage 3 neither the name, nor the dates, nor the chain matter.
  if (counting.some((record) => record.usage === DANE_EE && fits(record, certificate))) return { verified: 'dane-ee' }
  let refusal: TlsVerdict = { failure: 'validation-failure', text: 'No TLSA record of the host fits its certificate' }
  for (const record of counting) {
    if (record.usage !== DANE_TA) continue
    for (const path of pathsTo(record, peer.chain)) {
      const verdict = judgePath(path, names, now)
      if ('verified' in verdict) return verdict
      refusal = verdict
    }
  }
  return refusal
}

/** A certificate, and whatever signed it up to the trust anchor. */
type Path = readonly X509Certificate[]

function judgePath(path: Path, names: readonly string[], now: number): TlsVerdict {
  const [certificate] = path
  if (certificate === undefined) return { failure: 'validation-failure', text: 'The server showed no certificate' }
  if (!path.every((one) => isValidAt(one, now)))
    return { failure: 'certificate-expired', text: 'A certificate of the chain is not valid now' }
  if (!mayServe(certificate)) return { failure: 'certificate-not-trusted', text: 'The certificate is not for servers' }
  // RFC 9525 §2: no common name. RFC 7672 §3.2.3: a wildcard stands for one label.
  const name = names.find(
    (one) => certificate.checkHost(one, { subject: 'never', partialWildcards: false }) !== undefined,
  )
  if (name === undefined)
    return { failure: 'certificate-host-mismatch', text: 'The certificate has none of the names of the host' }
  const broken = brokenConstraint(path, name)
  return broken === undefined ? { verified: 'dane-ta' } : { failure: 'certificate-not-trusted', text: broken }
}

function isValidAt({ validFrom, validTo }: X509Certificate, now: number): boolean {
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo)
}

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const ANY_USE = '2.5.29.37.0'

/** RFC 5280 §4.2.1.12: absent, it may be used for everything. */
function mayServe({ keyUsage }: X509Certificate): boolean {
  return keyUsage === undefined || keyUsage.includes(SERVER_AUTH) || keyUsage.includes(ANY_USE)
}

/**
 * All ways from the server's certificate to another one that the record is about, over what the server sent; and to an anchor that only the record
 * has: a whole certificate or key need not be sent, RFC 7671 §5.2.2, §5.2.3.
 */
function* pathsTo(record: TlsaAssociation, chain: TlsPeer['chain']): Generator<Path> {
  const [certificate, ...sent] = chain
  const whole = record.matching === 0 && record.selector === 0 ? parseCertificate(record.data) : undefined
  const pool = whole ? [...sent, whole] : sent
  const key = record.matching === 0 && record.selector === 1 ? parseKey(record.data) : undefined
  let budget = MAX_STEPS
  const walk = function* (path: readonly [X509Certificate, ...X509Certificate[]]): Generator<Path> {
    const top = path.at(-1) ?? certificate
    if (path.length > 1 && fits(record, top)) yield path
    if (key !== undefined && isSignedBy(top, key)) yield path
    for (const issuer of pool) {
      if (budget-- <= 0) return
      if (!path.some((one) => one.raw.equals(issuer.raw)) && isIssuedBy(top, issuer)) yield* walk([...path, issuer])
    }
  }
  yield* walk([certificate])
}

/** Signatures that are looked at for one record: a server may send what it likes. */
const MAX_STEPS = 200

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && isSignedBy(certificate, issuer.publicKey)
}

function isSignedBy(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.verify(key)
  } catch {
    return false // a key of another kind has not signed it
  }
}

function parseKey(data: Uint8Array): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(data), type: 'spki', format: 'der' })
    return spkiOf({ publicKey: key }).equals(data) ? key : undefined
  } catch {
    return undefined // what is no key has signed nothing
  }
}
