/** The parts of the npm package mailauth (7.1.0, pinned) that verify a signature; its own types have the front door only. */

declare module 'mailauth/lib/dkim/dkim-verifier.js' {
  export interface SignatureHeader {
    type: string
    skip?: string
    invalid?: string
    readonly parsed: { readonly h?: { readonly value: unknown }; readonly l?: { readonly value: unknown } }
    readonly signAlgo: string
    readonly hashAlgo: string
    readonly headerCanon: string
    readonly bodyCanon: string
    readonly maxBodyLength: number | ''
    readonly signingDomain: string
    readonly selector: string
    bodyHashKey?: string
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

  export class DkimVerifier {
    constructor(options: { readonly strict: boolean; readonly minBitLength: number; readonly curTime: Date })
    headers: { readonly parsed: readonly object[] }
    signatureHeaders: SignatureHeader[]
    readonly bodyHashes: Map<string, object>
    keyCache: object
    readonly results: SignatureResult[]
    prepareSignature(header: SignatureHeader): void
    finalChunk(): Promise<void>
  }
}

declare module 'mailauth/lib/tools.js' {
  import type { SignatureHeader } from 'mailauth/lib/dkim/dkim-verifier.js'

  export interface PublicKey {
    readonly publicKey: string
    readonly rr: string
    readonly modulusLength?: number
    readonly keyType: string
    readonly flags: readonly string[]
    readonly testing: boolean
    readonly warnings: readonly string[]
  }

  export function parseDkimHeaders(line: Buffer, options: { readonly strict: boolean }): SignatureHeader
  export function getPublicKey(
    type: string,
    name: string,
    minBitLength: number | undefined,
    resolver: (name: string, type: string) => Promise<string[] | string[][]>,
    options: { readonly strict: boolean; readonly hashAlgo?: string | undefined },
  ): Promise<PublicKey>
}
