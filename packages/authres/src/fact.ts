/** What spf, dkim, arc and dmarc find out about a message, and tell each other. */
import { defineFact } from '@postroad/plugin'
import type { AuthResults } from './field.ts'

/** RFC 7208 §2.6. */
export type SpfResult = 'none' | 'neutral' | 'pass' | 'fail' | 'softfail' | 'temperror' | 'permerror'

/** One identity checked by SPF. */
export interface SpfCheck {
  readonly identity: 'helo' | 'mailfrom'
  readonly result: SpfResult
  /** The domain that was asked: lower-case A-labels. Empty when there was none to ask, as in an address literal. */
  readonly domain: string
  /** Why, in a few words; may hold text of the sender. */
  readonly comment: string | undefined
  /** What the domain's owner says of a `fail`, RFC 7208 §6.2: ASCII, but a stranger's words. */
  readonly explanation: string | undefined
}

/** What SPF found out. */
export interface Spf {
  /** MAIL FROM; for the null reverse-path it is about `postmaster@HELO`, and its `identity` is `helo`, RFC 7208 §2.4. */
  readonly mailFrom: SpfCheck
  /** HELO, RFC 7208 §2.3; `undefined` when it was not checked. */
  readonly helo: SpfCheck | undefined
}

/** RFC 8601 §2.7.1. */
export type DkimResult = 'none' | 'pass' | 'fail' | 'policy' | 'neutral' | 'temperror' | 'permerror'

/** One signature, in the order of the header section. */
export interface DkimSignature {
  readonly result: DkimResult
  /** `d=`, lower-case A-labels. */
  readonly domain: string
  /** `s=` */
  readonly selector: string
  /** `a=`: `rsa-sha256`, `ed25519-sha256`. */
  readonly algorithm: string
  /** `i=`, or `@` and the domain. */
  readonly identity: string
  /** The first octets of `b=`, to tell signatures apart, RFC 6008 §4. */
  readonly b: string
  readonly comment: string | undefined
  /** Octets of the body that `l=` left out; 0 when all of it is covered. */
  readonly unsigned: number
}

/** What DKIM found out. */
export interface Dkim {
  /** Empty for a message without signatures. */
  readonly signatures: readonly DkimSignature[]
  /** How many signatures were not looked at, because there were more than the limit. */
  readonly ignored: number
}

/** What ARC found out, RFC 8617 §5.2. */
export interface Arc {
  readonly result: 'none' | 'pass' | 'fail'
  readonly comment: string | undefined
  /** Domains of the seals, oldest first. */
  readonly sealers: readonly string[]
  /**
   * What the oldest of the unbroken row of trusted sealers up to the newest saw: results to be believed though the message has
   * been changed since. `undefined` when the chain does not pass or its newest sealer is not trusted.
   */
  readonly trusted: AuthResults | undefined
  /** DNS failed for a chain whose newest sealer is trusted: later it may pass. */
  readonly isTemporary: boolean
}

/** A DMARC policy, RFC 9989 §4.7. */
export type DmarcPolicy = 'none' | 'quarantine' | 'reject'

/** What DMARC found out. */
export interface Dmarc {
  /** RFC 8601 §2.7; `permerror`: the author is ambiguous or malformed. */
  readonly result: 'none' | 'pass' | 'fail' | 'temperror' | 'permerror'
  /** Author domain, RFC 9989 §5.3.1: lower-case A-labels; empty when there is none. */
  readonly domain: string
  /** Where the policy was found. */
  readonly policyDomain: string | undefined
  /** What the domain's owner asks for, after `sp`, `np` and `t`. */
  readonly policy: DmarcPolicy | undefined
  /** Mechanisms that passed and are aligned. */
  readonly aligned: readonly ('spf' | 'dkim')[]
  /** Why the policy is not applied though the result is `fail`. */
  readonly override: 'arc' | 'forwarder' | undefined
  readonly comment: string | undefined
  /** The record, as it is published; undefined where there is none. */
  readonly record?: string | undefined
  /** What the operator's options make of it for this message; undefined: it is to come again. */
  readonly disposition?: DmarcPolicy | undefined
}

/** Set by the plugin `spf` at `mail`. */
export const spfFact = defineFact<Spf>('spf')
/** Set by the plugin `dkim` at `message`. */
export const dkimFact = defineFact<Dkim>('dkim')
/** Set by the plugin `arc` at `message`. */
export const arcFact = defineFact<Arc>('arc')
/** Set by the plugin `dmarc` at `message`. */
export const dmarcFact = defineFact<Dmarc>('dmarc')
