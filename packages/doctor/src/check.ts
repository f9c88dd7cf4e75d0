/** What a check is, and what it is given. */
import type { Dns, HealthCheck, HealthFinding } from '@postroad/plugin'
import type { StsFetched } from '@postroad/tls-policy'
import type { SenderContext } from './sender/sender-context.ts'
import type { World } from './world.ts'

/** One thing that is looked at. It changes nothing, and sends no mail. */
export interface Check {
  /** Lower-case letters, digits and hyphens. */
  readonly name: string
  /** `local`: this machine; `outside`: what others are told of us; `self`: our own listeners, asked as a stranger would. */
  readonly group: 'local' | 'outside' | 'self'
  /** One line. */
  readonly summary: string
  /** What it goes by; empty: experience. */
  readonly rfc: string
  /** Receivers that ask for it, of a rule for senders. */
  readonly askedBy?: readonly string[]
  run(context: DoctorContext): Promise<readonly HealthFinding[]>
}

/** A listener for mail, as a check connects to it. */
export interface DoctorListener {
  readonly name: string
  /** An address that can be connected to, with the port; not a UNIX socket. */
  readonly host: string
  readonly port: number
  /** It speaks TLS from the first octet. */
  readonly isImplicitTls: boolean
  /** Mail of strangers comes here: port 25, without a login. */
  readonly isPublic: boolean
  /** It can be reached only from this machine, to which it may be kinder than to others. */
  readonly isAskedFromInside: boolean
}

/** PEM files of a certificate, the chain and the key. */
export interface ShownCertificate {
  readonly cert: string
  readonly key: string
  /** Names of the listeners that show it. */
  readonly listeners: readonly string[]
  /** Strangers see it, whose DANE counts. */
  readonly isPublic: boolean
}

/** A DNS list that is asked for our addresses or domains. */
export interface Blocklist {
  readonly zone: string
  readonly of: 'address' | 'domain'
  /** What is always listed. Default: as RFC 5782 §5 has it. */
  readonly test?: string
}

/** How others reach a host of ours by TLS: what `tls explain --connect` finds. */
export interface InboundTls {
  readonly host: string
  readonly address: string | undefined
  /** Version, group and cipher, in words. Undefined: there is no TLS. */
  readonly tls: string | undefined
  /** Why there is no connection that may have mail, or no TLS. */
  readonly reason: string | undefined
}

/** All that checks know and may do. */
export interface DoctorContext {
  /** Domains whose mail is ours. */
  readonly domains: readonly string[]
  readonly hostname: string
  /** Under which others see us; empty: not known. */
  readonly addresses: readonly string[]
  readonly listeners: readonly DoctorListener[]
  readonly certificates: readonly ShownCertificate[]
  /** Folders that are written to, the one of everything that is kept first. */
  readonly folders: readonly string[]
  readonly blocklists: readonly Blocklist[]
  /** Selectors to be looked up besides those of plugins that sign. */
  readonly selectors: readonly string[]
  /** Domains whose mail hosts are connected to, to see whether port 25 is open to the outside. */
  readonly outbound: readonly string[]
  /** Names that show whether the resolver validates. */
  readonly probe: { readonly signed: string; readonly bogus: string }
  readonly dns: Dns
  readonly world: World
  /** What `postroad check` has to say. */
  readonly configuration: readonly { readonly message: string; readonly fix: string; readonly isFault: boolean }[]
  readonly checks: readonly { readonly plugin: string; readonly check: HealthCheck }[]
  /** Only where a sender is looked at. */
  readonly sender?: SenderContext
  fetchSts(domain: string, signal: AbortSignal): Promise<StsFetched>
  /** Absent: it is not asked. */
  readonly inboundTls?: (domain: string, signal: AbortSignal) => Promise<readonly InboundTls[]>
  /** Milliseconds since the epoch. */
  now(): number
  readonly signal: AbortSignal
}
