/**
 * The everyday signature, RFC 6376 §6.1: it verifies, and nothing about it is odd. That is told at once, without what mailauth prepares for
 * every outcome there may be. It is never said of a signature that it fails: whatever is not plain is for the verifier of mailauth.
 */
import { createHash, type KeyObject, verify } from 'node:crypto'
import type { SignatureHeader, SignedField } from '@postroad/mailauth'

/** A key that is known already. */
export interface KnownKey {
  readonly publicKey: KeyObject
  readonly keyType: string
  readonly flags: readonly string[]
}

/** What a signature is verified with. */
export interface PlainEvidence {
  /** The field that the signature is. */
  readonly own: SignedField
  /** All fields, top to bottom. */
  readonly fields: readonly SignedField[]
  /** Of the body as it arrived, base64. */
  readonly bodyHash: string | undefined
  readonly key: KnownKey
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** Whether a prepared signature verifies plainly. `false` says nothing of it. */
export function verifiesPlainly(header: SignatureHeader, evidence: PlainEvidence): boolean {
  const { key, bodyHash, now } = evidence
  const { parsed, signAlgo, hashAlgo, expiration } = header
  if (header.skip || header.invalid || hashAlgo !== 'sha256' || key.keyType !== signAlgo) return false
  if (key.flags.includes('s') || (expiration && !(expiration.getTime() >= now))) return false
  if (bodyHash === undefined || parsed['bh']?.value !== bodyHash) return false
  const signature = parsed['b']?.value
  const signed = typeof signature === 'string' ? canonicalFields(header, evidence) : undefined
  if (signed === undefined) return false
  try {
    return isSignedBy(key, Buffer.from(signed, 'latin1'), Buffer.from(String(signature), 'base64'))
  } catch {
    return false // mailauth meets the same error, and has words for it
  }
}

/** RFC 8463 §3: Ed25519 signs the hash, not the data. */
function isSignedBy({ publicKey, keyType }: KnownKey, data: Buffer, signature: Buffer): boolean {
  if (keyType === 'rsa') return verify('sha256', data, publicKey, signature)
  return verify(null, createHash('sha256').update(data).digest(), publicKey, signature)
}

/** RFC 6376 §3.7: what is signed, one character an octet; undefined where something about it is odd. */
export function canonicalFields(
  { headerCanon, parsed }: Pick<SignatureHeader, 'headerCanon' | 'parsed'>,
  { own, fields }: Pick<PlainEvidence, 'own' | 'fields'>,
): string | undefined {
  const names = parsed['h']?.value
  if (typeof names !== 'string' || NOT_ASCII.test(names)) return undefined
  const canonical = headerCanon === 'relaxed' ? relaxed : simple
  const searched = new Map<string, number>()
  let signed = ''
  for (const listed of names.toLowerCase().split(':')) {
    const name = withoutBlanks(listed)
    if (name === '') continue
    // RFC 6376 §5.4.2: several fields of one name are taken from the bottom up; one that is not there counts as nothing.
    let at = (searched.get(name) ?? fields.length) - 1
    while (at >= 0 && fields[at]?.key !== name) at--
    searched.set(name, Math.max(at, 0))
    const field = fields[at]
    if (field === undefined) continue
    const text = canonical(field)
    if (text === undefined) return undefined
    signed += `${text}\r\n`
  }
  const last = canonical(own)
  const rest = last === undefined ? undefined : withoutSignature(last)
  return rest === undefined ? undefined : signed + rest
}

const NOT_ASCII = /[^\x00-\x7f]/
/** A fold, or white space that is not one blank. */
const UNEVEN = /[\n\t]| {2}/

function simple({ text }: SignedField): string {
  return text
}

/** RFC 6376 §3.4.2; undefined for a name with white space around it. */
function relaxed({ key, text }: SignedField): string | undefined {
  const colon = text.indexOf(':')
  if (colon !== key.length) return undefined
  const value = text.slice(colon + 1)
  const even = UNEVEN.test(value) ? value.replace(/\r?\n/g, '').replace(/[ \t]+/g, ' ') : value
  return `${key}:${withoutBlanks(even)}`
}

/** Spaces and tabs only: 0xA0 is an octet of some character here, not a space. */
function withoutBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

function isBlank(octet: number): boolean {
  return octet === 0x20 || octet === 0x09
}

/** RFC 6376 §3.5: the value of the last `b=` is left out. */
function withoutSignature(line: string): string | undefined {
  const colon = line.indexOf(':') + 1
  const tags = line.slice(colon).split(';')
  for (let at = tags.length - 1; at >= 0; at--) {
    const tag = tags[at] ?? ''
    const equals = tag.indexOf('=')
    if (equals < 0) continue
    const name = tag.slice(0, equals)
    if (NOT_ASCII.test(name)) return undefined
    if (name.trim() !== 'b') continue
    tags[at] = tag.slice(0, equals + 1)
    return line.slice(0, colon) + tags.join(';')
  }
  return undefined
}
