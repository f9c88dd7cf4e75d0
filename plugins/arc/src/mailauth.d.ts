/** The parts of the npm package mailauth (7.1.0, pinned) that validate and extend a chain, RFC 8617. */

/** Beside the same text in the plugins dkim and arc: declarations of both are merged where they are compiled together. */
declare module 'mailauth/lib/dkim/dkim-verifier.js' {
  export interface SignatureHeader {
    type?: string
    skip?: string
    invalid?: string
    bodyHashKey?: string
    readonly original: Buffer
    parsed: { readonly [tag: string]: { readonly value: unknown } | undefined }
    readonly hashAlgo: string
    readonly bodyCanon: string
    readonly maxBodyLength: number | ''
    readonly signingDomain: string
    readonly selector: string
    readonly identity?: string
    readonly identityDomain?: string
  }

  export interface SignatureResult {
    readonly status: {
      readonly result: string
      readonly comment?: string | false
      readonly policy?: { readonly 'dkim-rules'?: string }
      readonly header?: { readonly d?: string | false; readonly i?: string | false; readonly s?: string; readonly a?: string; readonly b?: string | false }
      readonly underSized?: number
      readonly testing?: boolean
    }
  }

  export interface ArcSet {
    readonly i: number
    readonly 'arc-seal': SignatureHeader
    readonly 'arc-message-signature': SignatureHeader
    readonly 'arc-authentication-results': SignatureHeader
  }

  export interface ArcData {
    chain: readonly ArcSet[] | false
    lastEntry?: ArcSet
    error?: unknown
  }

  export interface DkimVerifier {
    headers: { readonly parsed: readonly object[] }
    signatureHeaders: SignatureHeader[]
    readonly bodyHashes: Map<string, { hash?: string; digest(): string }>
    keyCache: object
    readonly results: SignatureResult[]
    readonly arc: ArcData
    prepareSignature(header: SignatureHeader): void
    verifySignature(header: SignatureHeader): Promise<SignatureResult>
    skippedSignatureResult(header: SignatureHeader): SignatureResult
    finalChunk(): Promise<void>
  }

  export interface VerifierOptions {
    readonly strict: boolean
    readonly minBitLength: number
    readonly curTime: Date
    readonly resolver?: unknown
  }

  export var DkimVerifier: new (options: VerifierOptions) => DkimVerifier
}

declare module 'mailauth/lib/arc/index.js' {
  import type { ArcData, ArcSet } from 'mailauth/lib/dkim/dkim-verifier.js'

  export function getARChain(headers: { readonly parsed: readonly object[] }, options: { readonly strict: boolean }): readonly ArcSet[] | false
  export function arc(
    data: ArcData,
    options: { readonly resolver: unknown; readonly strict: boolean; readonly minBitLength: number },
  ): Promise<{ readonly status: { readonly result: string; readonly comment?: string | false } }>
  export function createSeal(
    input: false,
    data: {
      readonly headers: { readonly parsed: readonly object[] }
      readonly arc: ArcData
      readonly strict: boolean
      readonly seal: {
        readonly signingDomain: string
        readonly selector: string
        readonly privateKey: string
        readonly bodyHash: string
        readonly authResults: string
        readonly cv: string
        readonly signTime: Date
        readonly headerList?: string
      }
    },
  ): Promise<{ readonly headers: readonly string[]; readonly errors: readonly { readonly err: Error }[] }>
}
