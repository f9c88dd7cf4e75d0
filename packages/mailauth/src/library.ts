/// <reference path="./mailauth.d.ts" />
/**
 * The parts of the npm package mailauth (7.1.0, pinned) that the plugins spf, dkim, arc and dmarc are built on. The package declares the types of its
 * front door only; those of its inner modules are declared here, once. No other file imports the package.
 */
import { arc, getARChain, createSeal as seal } from 'mailauth/lib/arc/index.js'
import { DkimVerifier as Verifier } from 'mailauth/lib/dkim/dkim-verifier.js'
import { evaluateDmarc as dmarc } from 'mailauth/lib/dmarc/index.js'
import { spf } from 'mailauth/lib/spf/index.js'
import { getPublicKey as getKey, parseDkimHeaders as parseSignature } from 'mailauth/lib/tools.js'
import type { NodeResolver } from './node-resolver.ts'
import type { SignedField } from './signed-field.ts'

/** A DKIM-Signature, ARC-Seal or ARC-Message-Signature field, taken apart. */
export interface SignatureHeader {
  /** `DKIM`, `ARC` or `AS`. */
  type?: string
  /** Why the verifier passes over it. */
  skip?: string
  /** Why it cannot be a signature. */
  invalid?: string
  /** Key of its hash in {@link DkimVerifier.bodyHashes}. */
  bodyHashKey?: string
  readonly original: Buffer
  parsed: { readonly [tag: string]: { readonly value: unknown } | undefined }
  /** `rsa` or `ed25519`. */
  readonly signAlgo?: string
  readonly hashAlgo: string
  readonly headerCanon?: string
  readonly bodyCanon: string
  /** `l=`; empty when the signature has none. */
  readonly maxBodyLength: number | ''
  readonly signingDomain: string
  readonly selector: string
  readonly identity?: string
  readonly identityDomain?: string
  /** `x=`. */
  readonly expiration?: Date | null
}

/** What the library says of a check. */
export interface Status {
  readonly result: string
  readonly comment?: string | false
}

/** What a verdict says of the signature it is on. */
export interface StatusHeader {
  readonly d?: string | false
  readonly i?: string | false
  readonly s?: string
  readonly a?: string
  readonly b?: string | false
}

/** The verdict on one signature. */
export interface SignatureResult {
  readonly status: Status & {
    readonly policy?: { readonly 'dkim-rules'?: string }
    readonly header?: StatusHeader
    readonly underSized?: number
    readonly testing?: boolean
  }
}

/** The fields that one sealer added, RFC 8617 §4.1. */
export interface ArcSet {
  readonly i: number
  readonly 'arc-seal': SignatureHeader
  readonly 'arc-message-signature': SignatureHeader
  readonly 'arc-authentication-results': SignatureHeader
}

/** A chain of seals as the verifier keeps it. */
export interface ArcData {
  chain: readonly ArcSet[] | false
  lastEntry?: ArcSet
  error?: unknown
}

/** The header section as the library takes it. */
export interface ParsedFields {
  readonly parsed: readonly SignedField[]
}

/** The verifier of signatures; its caller splits the header section and hashes the body. */
export interface DkimVerifier {
  headers: ParsedFields
  signatureHeaders: SignatureHeader[]
  readonly bodyHashes: Map<string, { hash?: string; digest(): string }>
  keyCache: object
  readonly results: SignatureResult[]
  readonly arc: ArcData
  prepareSignature(header: SignatureHeader): void
  verifySignature(header: SignatureHeader): Promise<SignatureResult>
  skippedSignatureResult(header: SignatureHeader): SignatureResult
  getStatusHeader(header: SignatureHeader): StatusHeader
  finalChunk(): Promise<void>
}

/** How a verifier judges. */
export interface VerifierOptions {
  readonly strict: boolean
  /** Shortest RSA key that counts. */
  readonly minBitLength: number
  readonly curTime: Date
  readonly resolver?: NodeResolver
}

/** The class behind the interface of the same name. */
export const DkimVerifier: new (options: VerifierOptions) => DkimVerifier = Verifier

/** A key record of DKIM, RFC 6376 §3.6.1. */
export interface PublicKey {
  /** PEM. */
  readonly publicKey: string
  readonly rr: string
  readonly modulusLength?: number
  readonly keyType: string
  readonly flags: readonly string[]
  readonly testing: boolean
  readonly warnings: readonly string[]
}

/** Takes one signature field apart. */
export const parseDkimHeaders: (line: Buffer, options: { readonly strict: boolean }) => SignatureHeader = parseSignature

/** Looks a key up and parses it; rejects with a `code` that says why there is none. */
export const getPublicKey: (
  type: string,
  name: string,
  minBitLength: number | undefined,
  resolver: NodeResolver,
  options: { readonly strict: boolean; readonly hashAlgo?: string | undefined },
) => Promise<PublicKey> = getKey

/** Finds the chain of seals, RFC 8617 §5.2 steps 1 to 3. Throws when it is broken. */
export const getArcChain: (headers: ParsedFields, options: { readonly strict: boolean }) => readonly ArcSet[] | false =
  getARChain

/** Verifies the seals of a chain, RFC 8617 §5.2 steps 5 to 7. */
export const validateArc: (
  data: ArcData,
  options: { readonly resolver: NodeResolver; readonly strict: boolean; readonly minBitLength: number },
) => Promise<{ readonly status: Status }> = arc

/** What a new seal is made of, RFC 8617 §5.1. */
export interface SealInput {
  readonly headers: ParsedFields
  readonly arc: ArcData
  readonly strict: boolean
  readonly seal: {
    readonly signingDomain: string
    readonly selector: string
    /** PEM. */
    readonly privateKey: string
    /** Base64. */
    readonly bodyHash: string
    readonly authResults: string
    readonly cv: string
    readonly signTime: Date
    /** Names to sign, separated by colons. */
    readonly headerList?: string
  }
}

/** Makes the fields of a new set, the top one first; none when the chain may not go on. */
export const createSeal: (
  input: false,
  data: SealInput,
) => Promise<{ readonly headers: readonly string[]; readonly errors: readonly { readonly err: Error }[] }> = seal

/** One SPF check. */
export interface SpfInput {
  readonly sender: string
  readonly ip: string
  readonly helo: string
  readonly mta: string
  readonly resolver: NodeResolver
  readonly strict: boolean
  /** Milliseconds. */
  readonly maxElapsedTime: number
}

/** Evaluates SPF, RFC 7208 §4. */
export const evaluateSpf: (
  input: SpfInput,
) => Promise<{ readonly status: Status; readonly domain: string; readonly explanation?: string }> = spf

/** A policy and whether the message meets it. */
export interface DmarcResponse {
  readonly status: Status & { readonly header?: { readonly from?: string } }
  readonly policyDomain?: string
  readonly policy?: 'none' | 'quarantine' | 'reject'
  readonly sp?: string
  readonly np?: string
  readonly testMode?: boolean
  /** The organizational domain of the author. */
  readonly domain?: string
  /** The record, as it is published. */
  readonly rr?: string
  readonly error?: string
  readonly alignment?: { readonly spf: { readonly result?: string }; readonly dkim: { readonly result?: string } }
}

/** One evaluation of DMARC. */
export interface DmarcInput {
  readonly headerFrom: readonly string[]
  readonly fromFields: number
  readonly spfDomains: readonly { readonly domain: string }[]
  readonly dkimDomains: readonly { readonly domain: string; readonly underSized: number }[]
  readonly resolver: NodeResolver
  readonly strict: boolean
}

/** What an evaluation of DMARC comes to; without a response there was not exactly one author domain. */
export interface DmarcEvaluation {
  readonly response: DmarcResponse | false
  readonly reason?: string
  readonly authorDomains?: readonly string[]
}

/** Discovers a policy and evaluates it, RFC 9989 §5.3. */
export const evaluateDmarc: (input: DmarcInput) => Promise<DmarcEvaluation> = dmarc
