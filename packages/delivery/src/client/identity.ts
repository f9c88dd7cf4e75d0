/** TLS as a policy wants it, and whether the server is the one that it should be: judged here, after each handshake, and nowhere else. */
import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate, type TLSSocket } from 'node:tls'
import {
  groupsFrom,
  meetsGroup,
  type TlsFailure,
  type TlsOutcome,
  type TlsPolicy,
  type TlsVerdict,
} from '@postroad/mail'
import type { Target } from './target.ts'

/** The name that goes into SNI, RFC 6066 §3: never an address; undefined: none. */
export function sniOf({ host, path, tls }: Target): string | undefined {
  return tls.servername ?? tls.options?.servername ?? (isIP(host) === 0 && path === undefined ? host : undefined)
}

/** Options for `tls.connect`: the policy's, without those that would undo what the policy says. */
export function tlsOptions(target: Target): ConnectionOptions {
  const { minimumGroup, options = {} } = target.tls
  // A resumed session has no certificate; the others name another way to the server than ours.
  const { session: _session, socket: _socket, host: _host, port: _port, path: _path, ...own } = options
  const servername = sniOf(target)
  return {
    ...own,
    // What would not do is not offered: a server that knows both would else be free to choose it. Hybrid groups are TLS 1.3.
    ...(minimumGroup !== undefined && {
      ecdhCurve: groupsFrom(minimumGroup).join(':'),
      minVersion: 'TLSv1.3' as const,
    }),
    ...(servername !== undefined && { servername }),
    // Node would ask nobody about a chain that is not trusted, nor about a resumed session: `authenticate` asks always, and once.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  }
}

/** What a handshake came to. */
export interface Handshake {
  readonly outcome: TlsOutcome
  /** Why the server must not get mail; undefined where it may. */
  readonly refusal: PeerRefusal | undefined
}

/** Why a server is not the one that the policy means, or its TLS not what it demands. */
export interface PeerRefusal {
  readonly failure: TlsFailure
  /** For the reply of ours; ASCII. */
  readonly text: string
  readonly cause?: Error
}

/** Judges the server at the other end of a socket whose handshake is done. */
export function authenticate(target: Target, socket: TLSSocket): Handshake {
  const { tls } = target
  const isBinding = tls.mode !== 'opportunistic'
  const group = keyExchangeGroup(socket)
  // Before the chain is read, which Node does only once: afterwards there is no certificate in the old form any more.
  const legacy = tls.options?.checkServerIdentity && socket.getPeerCertificate(true)
  const chain = chainOf(socket)
  const verdict = judge(target, socket, { chain, legacy })
  const advice = tls.isAdvice && tls.authenticate ? ownVerdict(tls.authenticate, socket, chain) : verdict
  const verified = 'failure' in verdict ? undefined : verdict.verified
  const certificate = chain[0]
  const outcome: TlsOutcome = {
    version: socket.getProtocol() ?? 'TLS',
    cipher: socket.getCipher().standardName,
    ...(group !== undefined && { group }),
    policy: tls.source ?? tls.mode,
    ...(verified !== undefined && { verified }),
    ...('failure' in advice && (tls.isAdvice || !isBinding) && { doubt: advice.failure }),
    ...(certificate && {
      certificate: { sha256: hex(certificate.fingerprint256), notAfter: Date.parse(certificate.validTo) },
    }),
  }
  const refusal = 'failure' in verdict && isBinding ? verdict : weakExchange(tls, group)
  return { outcome, refusal }
}

function weakExchange({ minimumGroup }: TlsPolicy, group: string | undefined): PeerRefusal | undefined {
  if (minimumGroup === undefined || meetsGroup(group, minimumGroup)) return undefined
  const agreed = group ?? 'a key exchange without a group'
  return {
    failure: 'validation-failure',
    text: `The server agreed on ${agreed}, and at least ${minimumGroup} is required`,
  }
}

/** `verified` is undefined where no proof was asked for, and there is none. */
type Verdict = { readonly verified: string | undefined } | PeerRefusal

interface Shown {
  readonly chain: readonly X509Certificate[]
  /** In the old form, for a check of the operator's own. */
  readonly legacy: PeerCertificate | undefined
}

function judge(target: Target, socket: TLSSocket, { chain, legacy }: Shown): Verdict {
  const { mode, verify = false, authenticate: own, isAdvice, options } = target.tls
  const [certificate] = chain
  const untrusted = socket.authorized ? undefined : untrustedOf(socket)
  if (own !== undefined && !isAdvice) return ownVerdict(own, socket, chain)
  const isDemanded = verify && mode !== 'opportunistic'
  if (isDemanded && (certificate === undefined || socket.isSessionReused())) return NO_CERTIFICATE
  if (isDemanded && untrusted !== undefined) return refusedChain(untrusted)
  const check = options?.checkServerIdentity
  if (check === undefined && (untrusted !== undefined || certificate === undefined)) return UNPROVEN
  const name = sniOf(target) ?? target.host
  const error = ask(() =>
    (check ?? checkServerIdentity)(name, legacy ?? (certificate?.toLegacyObject() as PeerCertificate)),
  ) // else it returned above
  if (error !== undefined && (isDemanded || check !== undefined)) return refusedName(error)
  return error === undefined && untrusted === undefined && certificate !== undefined ? PKIX : UNPROVEN
}

function ownVerdict(
  own: NonNullable<TlsPolicy['authenticate']>,
  socket: TLSSocket,
  [certificate, ...sent]: readonly X509Certificate[],
): Verdict {
  if (certificate === undefined || socket.isSessionReused()) return NO_CERTIFICATE
  const untrusted = socket.authorized ? undefined : untrustedOf(socket)
  return asked(() => own({ chain: [certificate, ...sent], untrusted }))
}

const UNPROVEN: Verdict = { verified: undefined }
const PKIX: Verdict = { verified: 'pkix' }

const NO_CERTIFICATE: PeerRefusal = { failure: 'validation-failure', text: 'The server showed no certificate' }

/** OpenSSL's code, `CERT_HAS_EXPIRED`: the types say that it is an error, and it is a text. */
function untrustedOf(socket: TLSSocket): string {
  const said: unknown = socket.authorizationError
  if (typeof said === 'string') return said
  return said instanceof Error && 'code' in said ? String(said.code) : 'UNTRUSTED'
}

function refusedChain(code: string): PeerRefusal {
  const failure = code === 'CERT_HAS_EXPIRED' ? 'certificate-expired' : 'certificate-not-trusted'
  return { failure, text: notAccepted(code) }
}

function refusedName(cause: Error): PeerRefusal {
  return {
    failure: 'certificate-host-mismatch',
    text: notAccepted('code' in cause ? String(cause.code) : undefined),
    cause,
  }
}

function notAccepted(code: string | undefined): string {
  return `The certificate was not accepted${code === undefined ? '' : ` (${code})`}`
}

/** The policy is foreign code: what is no clear yes lets nobody pass. */
function asked(authenticate: () => TlsVerdict): Verdict {
  try {
    const said: unknown = authenticate()
    if (typeof said === 'object' && said !== null) {
      if ('verified' in said && typeof said.verified === 'string' && !('failure' in said))
        return { verified: said.verified }
      if ('failure' in said && 'text' in said && typeof said.text === 'string')
        return { failure: said.failure as TlsFailure, text: said.text } // `as`: a word for reports, whatever it is
    }
    return { failure: 'validation-failure', text: 'The certificate was not accepted' }
  } catch (thrown) {
    return { failure: 'validation-failure', text: 'The certificate could not be judged', cause: refused(thrown) }
  }
}

/** The check is foreign code: it may throw, and may answer with what is no error. Only an answer of nothing lets a server pass. */
function ask(check: () => unknown): Error | undefined {
  try {
    const answer = check()
    return answer === undefined ? undefined : refused(answer)
  } catch (thrown) {
    return refused(thrown)
  }
}

/** An error that can be read, of whatever that was: what looks at it later must not throw. */
function refused(cause: unknown): Error {
  let message = 'the check of the certificate failed'
  let code: string | undefined
  try {
    if (cause instanceof Error) {
      if (typeof cause.message === 'string') message = cause.message
      if ('code' in cause && typeof cause.code === 'string') code = cause.code
    }
  } catch {
    // A proxy, or a getter that throws: nothing more can be said of it.
  }
  return Object.assign(new Error(message, { cause }), code !== undefined && { code })
}

/** Certificates that are looked at: nobody needs more, and a server may send what it likes. */
const MAX_CHAIN = 20

/** What the server sent, its own certificate first. */
function chainOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = []
  for (
    let at = socket.getPeerX509Certificate();
    at !== undefined && chain.length < MAX_CHAIN;
    at = at.issuerCertificate
  )
    chain.push(at)
  return chain
}

/** OpenSSL's names where IANA has others. */
const IANA_GROUPS: ReadonlyMap<string, string> = new Map([
  ['prime256v1', 'secp256r1'],
  ['P-256', 'secp256r1'],
  ['P-384', 'secp384r1'],
  ['P-521', 'secp521r1'],
  ['X25519', 'x25519'],
  ['X448', 'x448'],
])

/** The group of the key exchange by IANA's name, as on the inbound side; undefined where there is none, or Node does not tell. */
export function keyExchangeGroup(socket: TLSSocket): string | undefined {
  const info: { readonly name?: string } | null = socket.getEphemeralKeyInfo() as { readonly name?: string } | null // `TLSGroup` is missing in the types
  const name = info?.name
  return name === undefined ? undefined : (IANA_GROUPS.get(name) ?? name)
}

function hex(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase()
}
