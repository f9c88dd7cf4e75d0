/** What must hold of TLS with a mail host before it gets mail, who says so, and what it came to. */
import type { X509Certificate } from 'node:crypto'
import type { ConnectionOptions } from 'node:tls'
import type { TlsInfo } from './identity.ts'
import type { MinimumGroup } from './key-exchange.ts'
import type { Reply } from './reply.ts'

/** What kept a session from the security that was wanted, by the result types of RFC 8460 §4.3. */
export type TlsFailure =
  | 'starttls-not-supported'
  | 'certificate-host-mismatch'
  | 'certificate-expired'
  | 'certificate-not-trusted'
  | 'validation-failure'
  | 'tlsa-invalid'
  | 'dnssec-invalid'
  | 'dane-required'
  | 'sts-policy-fetch-error'
  | 'sts-policy-invalid'
  | 'sts-webpki-invalid'

/** What a server has shown in its handshake. */
export interface TlsPeer {
  /** The server's own certificate first, then what it sent along, in its order; never empty. */
  readonly chain: readonly [X509Certificate, ...X509Certificate[]]
  /** OpenSSL's word for why the chain leads to no authority that is trusted here (`CERT_HAS_EXPIRED`); undefined when it does. */
  readonly untrusted: string | undefined
}

/** How a server proved who it is, or why it did not. */
export type TlsVerdict =
  | {
      /** One word for logs: `dane-ee`, `dane-ta`, `pkix`. */
      readonly verified: string
    }
  | {
      readonly failure: TlsFailure
      /** Why, for the reply of ours that defers the mail; ASCII. */
      readonly text: string
    }

/** What must hold of TLS before mail may pass. */
export interface TlsPolicy {
  /**
   * `none`: never; `opportunistic`: STARTTLS when offered, in the clear when that fails (RFC 7435); `required`: STARTTLS or
   * nothing; `implicit`: TLS from the first octet (RFC 8314 §3).
   */
  readonly mode: 'none' | 'opportunistic' | 'required' | 'implicit'
  /**
   * The certificate must be trusted, and valid for the server's name (RFC 6125). Only with `required` and `implicit`. Default
   * false: any certificate will do.
   */
  readonly verify?: boolean
  /** Name in the certificate and in SNI. Default: that in the options, or the host's. */
  readonly servername?: string
  /** The weakest key exchange that will do, RFC 9794 §2; makes `opportunistic` `required`. Default: any. */
  readonly minimumGroup?: MinimumGroup
  /** Whose word it is, for logs and reports: `dane`, `sts`. Default: the mode. */
  readonly source?: string
  /**
   * Names everything that `authenticate` demands: connections are shared between messages where it is the same, and never where it
   * is not. For DANE a hash of the records, for MTA-STS the id of the policy and the host.
   */
  readonly id?: string
  /** What is published, as it stands there, for reports: `3 1 1 0123…`. Connections are shared whatever it says. */
  readonly published?: readonly string[]
  /**
   * Whether the server is the one that is meant, in place of `verify`. Called after each handshake, before anything is said under TLS;
   * in every mode, and whether the chain is trusted or not. A server that shows no certificate, as in a resumed session, is refused
   * without a call, and so is one for which this throws. With `opportunistic` the answer is noted, and binds nobody. Needs an `id`.
   */
  authenticate?(peer: TlsPeer): TlsVerdict
  /** What `authenticate` answers is noted, and binds nobody, also where somebody else demands TLS: MTA-STS in `testing`. */
  readonly isAdvice?: boolean
  /** Nobody on the way can have put this host in place of another: MTA-STS names it, or DNSSEC does. For REQUIRETLS, RFC 8689 §4.2.1. */
  readonly isHostAuthentic?: boolean
  /**
   * Further options for `tls.connect`: `ca`, `minVersion`, `key` and `cert` of our own. No session is resumed, and whether a
   * certificate will do is what the fields above say.
   *
   * `checkServerIdentity` is called after each handshake, in every mode, with the name above and the server's certificate,
   * whether that can be trusted or not; with `verify` it takes the place of the comparison of names, and is called for trusted
   * certificates only. When it returns an error, or throws, a server that TLS is `required` or `implicit` for gets no mail;
   * `opportunistic` goes on, for TLS with a stranger is still better than none (RFC 7435). Connections are shared between
   * messages only where it is the same function. Not called beside `authenticate`.
   */
  readonly options?: ConnectionOptions
}

/** A host that mail is about to be brought to. */
export interface TlsQuestion {
  /** The recipients' domain: whose policy it is. Undefined for a next hop that the operator has named. */
  readonly domain: string | undefined
  /** The name that has the MX record: the domain, or the end of its chain of aliases. */
  readonly canonicalDomain: string | undefined
  readonly host: {
    /** Lower-case, without a dot at the end; an address for address literals. */
    readonly name: string
    /** DNSSEC vouches for the way from the domain to this name, RFC 7672 §2.2.1. */
    readonly isSecure: boolean
  }
  /** Undefined for a fixed next hop, which is looked up when it is connected to. */
  readonly address: string | undefined
  /** DNSSEC vouches for the address, and for all aliases that led to it. */
  readonly isAddressSecure: boolean
  /** The name that has the address: the host's, or the end of its chain of aliases. */
  readonly canonical: string
  readonly port: number
  /** REQUIRETLS was given with MAIL, RFC 8689. */
  readonly isRequired: boolean
  /** Hears what each that was asked has found: for who explains a decision. Absent while mail is sent. */
  readonly note?: ((note: TlsNote) => void) | undefined
}

/** What is published of a mail host or its domain, and what follows. */
export interface TlsNote {
  /** Whose word it is: `dane`, `sts`. */
  readonly source: string
  /** A sentence for people. */
  readonly reason: string
  /** What was found, as it is published: TLSA records, the lines of a policy. */
  readonly records: readonly string[]
}

/** This host must not get the mail: now (4yz), or at all (5yz). */
export interface TlsRefusal {
  readonly refusal: Reply
  readonly failure: TlsFailure
  /** Whose word it is: `dane`, `sts`. */
  readonly source: string
}

/** How TLS is to be done with a host. */
export type TlsAnswer = TlsPolicy | TlsRefusal

/** What TLS came to with a next hop. */
export interface TlsOutcome extends Pick<TlsInfo, 'version' | 'cipher' | 'group'> {
  /** Whose policy it was: `dane`, `sts`, or the mode where nobody has one for the host (`opportunistic`). */
  readonly policy: string
  /** How the server proved who it is: `dane-ee`, `dane-ta`, `pkix` (a trusted certificate for its name); absent: it did not. */
  readonly verified?: string
  /** Why the server is not proven, where a policy asks for a proof and does not insist: MTA-STS in `testing`. */
  readonly doubt?: TlsFailure
  /** SHA-256 of the server's certificate in hexadecimal, and the end of its life in milliseconds since the epoch. */
  readonly certificate?: { readonly sha256: string; readonly notAfter: number }
}

/** One line for people and for `grep`: `TLSv1.3 TLS_AES_256_GCM_SHA384 X25519MLKEM768 policy=dane verified=dane-ee`. */
export function describeTls({ version, cipher, group, policy, verified }: TlsOutcome): string {
  return [version, cipher, group, `policy=${policy}`, verified === undefined ? undefined : `verified=${verified}`]
    .filter(Boolean)
    .join(' ')
}
