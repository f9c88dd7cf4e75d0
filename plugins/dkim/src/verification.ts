/** Verifies the signatures of one message while it arrives, RFC 6376 §6; the rules are those of the npm package mailauth, in its strict mode. */
import type { Dkim, DkimResult, DkimSignature } from '@postroad/authres'
import {
  BodyHash,
  DkimVerifier,
  HeaderSectionReader,
  parseDkimHeaders,
  readFields,
  type SignatureHeader,
  type SignatureResult,
  type SignedField,
  VerifierHash,
} from '@postroad/mailauth'
import type { MessageKeys } from './key-store.ts'
import { prepareNames, signatureRules } from './names.ts'
import type { DkimOptions } from './options.ts'
import { verifiesPlainly } from './plain-signature.ts'

/** The limits among the options. */
export type VerificationOptions = Pick<
  DkimOptions,
  'maxSignatures' | 'maxHeader' | 'maxFields' | 'minBits' | 'bodyLength'
>

/** What a verification needs. */
export interface VerificationDeps {
  readonly keys: MessageKeys
  /** Milliseconds since the epoch, for `x=`. */
  readonly now: number
}

/** A signature field longer than this, or with names or white space beyond these, is nothing a signer writes. */
const MAX_FIELD = 8192
const MAX_NAMES = 500
const BLANK = /[ \t\r\n]{256}/

const UNSIGNED: Dkim = Object.freeze({ signatures: Object.freeze([]), ignored: 0 })

const RESULTS: readonly string[] = [
  'none',
  'pass',
  'fail',
  'policy',
  'neutral',
  'temperror',
  'permerror',
] satisfies DkimResult[]

/** One message's signatures. Feed it the message, then ask; key lookups begin as soon as the header section is complete. */
export class Verification {
  readonly #options: VerificationOptions
  readonly #deps: VerificationDeps
  readonly #section: HeaderSectionReader
  readonly #bodyHashes = new Map<string, VerifierHash>()
  #bodies: readonly BodyHash[] = []
  #fields: readonly SignedField[] = []
  #signatures: readonly Signature[] = []
  #ignored = 0
  #obstacle: string | undefined
  #hasBegun = false

  constructor(options: VerificationOptions, deps: VerificationDeps) {
    this.#options = options
    this.#deps = deps
    this.#section = new HeaderSectionReader(options.maxHeader)
  }

  write(chunk: Uint8Array): void {
    const body = this.#section.push(chunk)
    if (!this.#hasBegun && this.#section.isComplete) this.#begin()
    if (body.length > 0) for (const hash of this.#bodies) hash.update(body)
  }

  /**
   * The results, at once when all signatures are plain and their keys known, or there are none; nothing may be written afterwards. Does not
   * reject for anything a message or DNS can do.
   */
  finish(): Dkim | Promise<Dkim> {
    if (!this.#hasBegun) this.#begin()
    if (this.#obstacle !== undefined) return { signatures: [unseen(this.#obstacle)], ignored: 0 }
    if (this.#signatures.length === 0) return UNSIGNED
    for (const hash of this.#bodyHashes.values()) hash.hash = hash.digest()
    const found: DkimSignature[] = []
    for (const signature of this.#signatures) {
      const result = this.#verifyPlainly(signature)
      if (result === undefined) return this.#verify(found)
      found.push(toSignature(result, signature.header, this.#options.bodyLength))
    }
    return { signatures: found, ignored: this.#ignored }
  }

  /** A pass that needs no waiting, and no look at anything odd. */
  #verifyPlainly({ header, field }: Signature): SignatureResult | undefined {
    const { keys, now } = this.#deps
    const key = keys.known(keyName(header), header.hashAlgo)
    if (key === undefined) return undefined
    const body = this.#bodyHashes.get(header.bodyHashKey ?? '')
    const evidence = { own: field, fields: this.#fields, bodyHash: body?.hash, key, now }
    if (!verifiesPlainly(header, evidence)) return undefined
    const isLimited = typeof header.maxBodyLength === 'number'
    return {
      status: {
        result: 'pass',
        header: signatureRules.getStatusHeader(header),
        testing: key.testing,
        ...(isLimited && body && { underSized: body.canonicalizedLength - body.bodyHashedBytes }),
      },
    }
  }

  /** @param found what is known of the first signatures */
  async #verify(found: readonly DkimSignature[]): Promise<Dkim> {
    const verifier = this.#makeVerifier()
    const signatures = [...found]
    for (const { header } of this.#signatures.slice(found.length)) {
      // As the verifier's own finalChunk, but for the texts it would write for a header field.
      const result = header.skip ? verifier.skippedSignatureResult(header) : await this.#verifyOne(verifier, header)
      signatures.push(toSignature(result, header, this.#options.bodyLength))
    }
    return { signatures, ignored: this.#ignored }
  }

  #makeVerifier(): DkimVerifier {
    const verifier = new DkimVerifier({
      strict: true,
      minBitLength: this.#options.minBits,
      curTime: new Date(this.#deps.now),
    })
    verifier.headers = { parsed: this.#fields }
    verifier.keyCache = this.#deps.keys
    for (const [id, hash] of this.#bodyHashes) verifier.bodyHashes.set(id, hash)
    return verifier
  }

  /** RFC 6376 §6.1.2: where a name has several key records, in whichever order they came, one that fits is enough. */
  async #verifyOne(verifier: DkimVerifier, header: SignatureHeader): Promise<SignatureResult> {
    const first = await verifier.verifySignature(header)
    for (let result = first; ; result = await verifier.verifySignature(header)) {
      if (result.status.result === 'pass') return result
      const { comment } = result.status
      const isOfKey = comment === 'bad signature' || comment === 'inappropriate key algorithm'
      if (!isOfKey || !(await this.#deps.keys.takeNext(keyName(header), header.hashAlgo))) return first
    }
  }

  #begin(): void {
    this.#hasBegun = true
    if (this.#section.isTooLong) {
      this.#obstacle = 'header section too long'
      return
    }
    const section = this.#section.bytes()
    // Most of what is not signed ends here.
    if (!/^dkim-signature[ \t\r\n]*:/im.test(section.toString('latin1'))) return
    const fields = readFields(section, this.#options.maxFields)
    if (fields === undefined) this.#obstacle = 'too many header fields'
    else this.#prepare(fields)
  }

  #prepare(fields: readonly SignedField[]): void {
    const all = fields.filter((field) => field.key === 'dkim-signature')
    const looked = all.slice(0, this.#options.maxSignatures)
    if (looked.length === 0) return
    this.#ignored = all.length - looked.length
    this.#fields = fields
    this.#signatures = looked.map((field) => ({ field, header: prepareSignature(field) }))
    this.#bodies = this.#openBodies()
    const { keys } = this.#deps
    for (const { header } of this.#signatures) {
      const { skip, invalid, hashAlgo } = header
      if (skip || invalid || hashAlgo === 'sha1' || keys.known(keyName(header), hashAlgo)) continue
      // The answer is kept in the message's keys; it is waited for, and its failure seen, when the body is there.
      void keys.get('DKIM', keyName(header), undefined, { hashAlgo })
    }
  }

  /** One hash for each combination of form, algorithm and `l=`, in the shape the verifier expects. */
  #openBodies(): readonly BodyHash[] {
    const bodies: BodyHash[] = []
    for (const { header } of this.#signatures) {
      if (header.skip || header.invalid) continue
      const id = `${header.bodyCanon}:${header.hashAlgo}:${header.maxBodyLength}`
      header.bodyHashKey = id
      if (this.#bodyHashes.has(id)) continue
      const body = new BodyHash({
        canonicalization: header.bodyCanon === 'relaxed' ? 'relaxed' : 'simple',
        algorithm: header.hashAlgo === 'sha1' ? 'sha1' : 'sha256',
        ...(header.maxBodyLength === '' ? {} : { limit: header.maxBodyLength }),
      })
      bodies.push(body)
      this.#bodyHashes.set(id, new VerifierHash(body))
    }
    return bodies
  }
}

/** A signature as it stands in the message, and taken apart. */
interface Signature {
  readonly field: SignedField
  readonly header: SignatureHeader
}

function keyName({ selector, signingDomain }: Pick<SignatureHeader, 'selector' | 'signingDomain'>): string {
  return `${selector}._domainkey.${signingDomain}`
}

function prepareSignature(field: SignedField): SignatureHeader {
  const excessive = field.text.length > MAX_FIELD || BLANK.test(field.text)
  const header = parseDkimHeaders(excessive ? Buffer.from('DKIM-Signature:') : field.line, { strict: true })
  header.type = 'DKIM'
  prepareNames(header)
  const names = header.parsed['h']?.value
  if (excessive || (typeof names === 'string' && names.split(':', MAX_NAMES + 1).length > MAX_NAMES))
    header.skip = 'signature field too long'
  return header
}

function toSignature(
  { status }: SignatureResult,
  header: SignatureHeader | undefined,
  bodyLength: DkimOptions['bodyLength'],
): DkimSignature {
  const unsigned = status.underSized ?? 0
  const found = RESULTS.includes(status.result) ? (status.result as DkimResult) : 'neutral' // `as`: it is in the list
  const isPartial =
    header?.maxBodyLength !== undefined &&
    header.maxBodyLength !== '' &&
    (bodyLength === 'refuse' || (bodyLength === 'whole' && unsigned > 0))
  const partial = found === 'pass' && isPartial ? `l= leaves ${unsigned} octets unsigned` : undefined
  const weak = status.policy?.['dkim-rules']
  return {
    result: partial === undefined ? found : 'policy',
    domain: (status.header?.d || '').toLowerCase(),
    selector: status.header?.s ?? '',
    algorithm: status.header?.a ?? '',
    identity: status.header?.i || '',
    b: status.header?.b || '',
    comment:
      [status.comment || undefined, partial, weak, status.testing ? 'key is for testing' : undefined]
        .filter(Boolean)
        .join(', ') || undefined,
    unsigned,
  }
}

/** Stands for signatures that nobody looked at. */
function unseen(comment: string): DkimSignature {
  return { result: 'policy', domain: '', selector: '', algorithm: '', identity: '', b: '', comment, unsigned: 0 }
}

/** The result that counts when there are several signatures: the best one, RFC 6376 §6.1. */
export function overall({ signatures, ignored }: Dkim): DkimResult {
  const order: readonly DkimResult[] = ['pass', 'temperror', 'fail', 'policy', 'neutral', 'permerror']
  return (
    order.find((result) => signatures.some((signature) => signature.result === result)) ??
    (ignored > 0 ? 'policy' : 'none')
  )
}
