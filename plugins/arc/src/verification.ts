/** Validates the chain of seals of one message while it arrives, RFC 8617 §5.2; the rules are those of the npm package mailauth. */
import { domainToASCII } from 'node:url'
import { type Arc, parseArcAuthResults } from '@postroad/authres'
import {
  type ArcData,
  type ArcSet,
  BodyHash,
  DkimVerifier,
  getArcChain,
  HeaderSectionReader,
  type NodeResolver,
  readFields,
  type SignedField,
  VerifierHash,
  validateArc,
} from '@postroad/mailauth'
import { type ArcOptions, isListed } from './options.ts'

/** What a validation needs. */
export interface ArcDeps {
  readonly resolver: NodeResolver
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** A field longer than this, or with that much white space at once, is nothing a sealer writes. */
const MAX_FIELD = 16_384
const BLANK = /[ \t\r\n]{256}/

const TEMPORARY: readonly unknown[] = ['ESERVFAIL', 'ETIMEOUT', 'EREFUSED', 'EBUDGET']

/** The result for a message without a chain. */
export const NO_CHAIN: Arc = { result: 'none', comment: undefined, sealers: [], trusted: undefined, isTemporary: false }

/** One message's chain. Feed it the message, then ask. A message without ARC fields costs the look at its header section. */
export class ArcVerification {
  readonly #options: ArcOptions
  readonly #deps: ArcDeps
  readonly #section: HeaderSectionReader
  #verifier: DkimVerifier | undefined
  #body: BodyHash | undefined
  #obstacle: string | undefined
  #hasBegun = false
  #hasDnsFailed = false

  constructor(options: ArcOptions, deps: ArcDeps) {
    this.#options = options
    this.#deps = deps
    this.#section = new HeaderSectionReader(options.maxHeader)
  }

  write(chunk: Uint8Array): void {
    const body = this.#section.push(chunk)
    if (!this.#hasBegun && this.#section.isComplete) this.#begin()
    if (body.length > 0) this.#body?.update(body)
  }

  /** The result, at once when there is no chain; nothing may be written afterwards. Does not reject for anything a message or DNS can do. */
  finish(): Arc | Promise<Arc> {
    if (!this.#hasBegun) this.#begin()
    if (this.#obstacle !== undefined) return { ...NO_CHAIN, result: 'fail', comment: this.#obstacle }
    if (this.#verifier === undefined) return NO_CHAIN
    return this.#validate(this.#verifier)
  }

  #begin(): void {
    this.#hasBegun = true
    if (this.#section.isTooLong) {
      this.#obstacle = 'header section too long'
      return
    }
    const section = this.#section.bytes()
    if (!/^arc-(seal|message-signature|authentication-results)[ \t\r\n]*:/im.test(section.toString('latin1'))) return
    const fields = readFields(section, this.#options.maxFields)
    if (fields === undefined) this.#obstacle = 'too many header fields'
    else if (fields.some(isExcessive)) this.#obstacle = 'ARC field too long'
    else this.#prepare(fields)
  }

  #prepare(fields: readonly SignedField[]): void {
    const options = {
      strict: true,
      minBitLength: this.#options.minBits,
      curTime: new Date(this.#deps.now),
      resolver: this.#ask,
    }
    const verifier = new DkimVerifier(options)
    verifier.headers = { parsed: fields }
    readChain(verifier.arc, fields)
    this.#verifier = verifier
    const signature = verifier.arc.lastEntry?.['arc-message-signature']
    if (signature === undefined) return
    signature.type = 'ARC'
    verifier.signatureHeaders = [signature]
    verifier.prepareSignature(signature)
    if (signature.skip || signature.invalid) return
    this.#body = new BodyHash({
      canonicalization: signature.bodyCanon === 'relaxed' ? 'relaxed' : 'simple',
      ...(typeof signature.maxBodyLength === 'number' ? { limit: signature.maxBodyLength } : {}),
    })
    signature.bodyHashKey = 'body'
    verifier.bodyHashes.set('body', new VerifierHash(this.#body))
  }

  async #validate(verifier: DkimVerifier): Promise<Arc> {
    // Step 4 of RFC 8617 §5.2, the newest signature; then the others, which read its result.
    await verifier.finalChunk()
    const { trust, minBits } = this.#options
    const { status } = await validateArc(verifier.arc, { resolver: this.#ask, strict: true, minBitLength: minBits })
    const chain = verifier.arc.chain || []
    const sealers = chain.map(sealerOf)
    const result = status.result === 'pass' || status.result === 'none' ? status.result : 'fail'
    const isTemporary = result === 'fail' && this.#hasDnsFailed && isListed(trust, sealers.at(-1) ?? '')
    const comment = result === 'fail' ? (this.#hasDnsFailed ? 'DNS failed' : status.comment || undefined) : undefined
    return { result, comment, sealers, trusted: result === 'pass' ? findTrusted(chain, trust) : undefined, isTemporary }
  }

  /** Notes whether a failure may be gone later; mailauth calls all of them permanent. */
  readonly #ask: NodeResolver = async (name, type) => {
    try {
      return await this.#deps.resolver(name, type)
    } catch (error) {
      this.#hasDnsFailed ||= TEMPORARY.includes((error as { code?: unknown }).code) // `as`: what node:dns throws
      throw error
    }
  }
}

function isExcessive({ key, line }: SignedField): boolean {
  return key.startsWith('arc-') && (line.length > MAX_FIELD || BLANK.test(line.toString('latin1')))
}

/** RFC 8617 §5.2 steps 1 to 3; a chain that is broken is kept as the error it is. */
function readChain(data: ArcData, fields: readonly SignedField[]): void {
  try {
    data.chain = getArcChain({ parsed: fields }, { strict: true })
    const last = data.chain ? data.chain.at(-1) : undefined
    if (last !== undefined) data.lastEntry = last
  } catch (error) {
    data.error = error
  }
}

function sealerOf(set: ArcSet): string {
  const domain = set['arc-seal'].parsed['d']?.value
  if (typeof domain !== 'string') return ''
  // The names that an operator trusts are A-labels.
  return /[^\x00-\x7f]/.test(domain) ? domainToASCII(domain) : domain.toLowerCase()
}

/** What the oldest of the unbroken row of trusted sealers up to the newest has seen. */
function findTrusted(chain: readonly ArcSet[], trust: readonly string[]): Arc['trusted'] {
  let oldest: ArcSet | undefined
  for (const set of chain.toReversed()) {
    if (!isListed(trust, sealerOf(set))) break
    oldest = set
  }
  const field = oldest?.['arc-authentication-results'].original.toString()
  return field === undefined ? undefined : parseArcAuthResults(field.slice(field.indexOf(':') + 1))?.results
}
