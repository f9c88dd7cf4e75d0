/** Where a connection goes, and how it is to be protected. */
import type { Job, TlsPolicy } from '@postroad/mail'

/** Credentials for AUTH, RFC 4954. Never logged. */
export interface Credentials {
  readonly username: string
  readonly password: string
  /** Default: the first of PLAIN, LOGIN, CRAM-MD5 that the server offers. */
  readonly mechanism?: 'PLAIN' | 'LOGIN' | 'CRAM-MD5'
  /** Send them in the clear too. Default false. */
  readonly withoutTls?: boolean
}

/** A server to speak to. */
export interface Target {
  readonly protocol: 'smtp' | 'lmtp'
  /** Name of the server: shown in outcomes, and what its certificate must say. An address literal comes without brackets. */
  readonly host: string
  /** Address to connect to instead of looking `host` up. */
  readonly address?: string
  readonly port: number
  /** UNIX socket; goes before host and port. */
  readonly path?: string
  readonly tls: TlsPolicy
  readonly auth?: Credentials
  /** Local address to connect from. */
  readonly localAddress?: string
  /** A message may go out by BDAT, RFC 3030. Default true. */
  readonly chunking?: boolean
  /** The recipients' domain, for reports; connections are shared between domains. */
  readonly domain?: string
  /** The reverse-path of the mail that it was found for, for reports; connections are shared between senders. */
  readonly from?: string
}

/**
 * The same server for a message that came with REQUIRETLS, RFC 8689 §4.2.1: TLS with a certificate that is valid for its name, or
 * no mail. One that never has TLS stays as it is; it is refused when it is connected to.
 */
function requireTls(target: Target): Target {
  return target.tls.mode === 'none' ? target : { ...target, tls: requiredPolicy(target.tls) }
}

/**
 * Whether mail must not go without REQUIRETLS. RFC 8689 §5: a notification is not thrown away because the next hop does not offer it; ours say
 * nothing of the original that its envelope would not.
 */
export function isTlsRequired({ from, parameters }: Pick<Job, 'from' | 'parameters'>): boolean {
  return parameters.requireTls === true && from !== undefined
}

/**
 * The job and the target as REQUIRETLS wants them. RFC 8689 §4.4: a mailbox server that is reached by LMTP on this machine is the end of the
 * way, and what mail has crossed no network to get there need not promise anything.
 */
export function required<J extends Pick<Job, 'from' | 'parameters'>>(
  target: Target,
  job: J,
): { readonly target: Target; readonly job: J } {
  if (!job.parameters.requireTls) return { target, job }
  if (isAtHome(target)) return { target, job: { ...job, parameters: { ...job.parameters, requireTls: false } } }
  return { target: isTlsRequired(job) ? requireTls(target) : target, job }
}

/** By LMTP, and on this machine. */
export function isAtHome({ protocol, path, host }: Pick<Target, 'protocol' | 'path' | 'host'>): boolean {
  return (
    protocol === 'lmtp' && (path !== undefined || host === 'localhost' || host === '::1' || /^127\.[\d.]+$/.test(host))
  )
}

/** As strict as REQUIRETLS wants it: a policy that authenticates by itself does so, any other asks for a valid certificate. */
export function requiredPolicy(tls: TlsPolicy): TlsPolicy {
  return { ...tls, mode: tls.mode === 'implicit' ? 'implicit' : 'required', verify: true }
}

/** The target as logs show it: `mx.example.com[192.0.2.1]:25`. */
export function describeTarget(target: Target): string {
  if (target.path !== undefined) return target.path
  return `${target.host}${target.address === undefined || target.address === target.host ? '' : `[${target.address}]`}:${target.port}`
}
