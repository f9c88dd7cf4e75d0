/**
 * Fetches a policy, RFC 8461 §3.3. Whose web server is asked is the recipient's choice: it is looked up by our resolver, and nothing on this
 * machine or in a private network is connected to, whatever DNS says.
 */
import { X509Certificate } from 'node:crypto'
import { request } from 'node:https'
import { BlockList, isIPv6 } from 'node:net'
import type { PeerCertificate } from 'node:tls'
import type { TlsFailure } from '@postroad/mail'
import type { Dns } from '@postroad/plugin'
import { parseStsPolicy, type StsPolicy } from './sts-policy.ts'

/** How it is fetched. */
export interface StsFetchOptions {
  readonly dns: Pick<Dns, 'a' | 'aaaa'>
  readonly signal?: AbortSignal
  /** Authorities to trust instead of the system's, PEM. */
  readonly ca?: string
  /** Whether an address that is not public may be connected to all the same. Default: none may. */
  readonly allows?: (address: string) => boolean
  /** Default 443; for tests. */
  readonly port?: number
  /** Milliseconds for all of it. Default 60,000, RFC 8461 §3.3. */
  readonly timeoutMs?: number
}

/** What came of it. */
export type StsFetched =
  | { readonly policy: StsPolicy }
  | { readonly failure: Extract<TlsFailure, `sts-${string}`>; readonly reason: string }

/** RFC 8461 §3.3: more is no policy. */
const MAX_OCTETS = 65_536

/** Fetches the policy of a domain. Does not reject. */
export async function fetchStsPolicy(domain: string, options: StsFetchOptions): Promise<StsFetched> {
  const host = `mta-sts.${domain}`
  const timeout = AbortSignal.timeout(options.timeoutMs ?? 60_000)
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout
  try {
    const addresses = await lookUp(host, { ...options, signal })
    const text = await get({ host, addresses, signal, options })
    const policy = parseStsPolicy(text)
    return 'mistake' in policy ? { failure: 'sts-policy-invalid', reason: policy.mistake } : { policy }
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'it could not be fetched'
    return { failure: isUntrusted(error) ? 'sts-webpki-invalid' : 'sts-policy-fetch-error', reason }
  }
}

function isUntrusted(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/.test(code)
}

async function lookUp(host: string, { dns, signal, allows }: StsFetchOptions): Promise<readonly string[]> {
  const answers = await Promise.allSettled([dns.a(host, signal), dns.aaaa(host, signal)])
  const found = answers.flatMap((one) => (one.status === 'fulfilled' ? one.value.records : []))
  const usable = found.filter((address) => isPublic(address) || allows?.(address))
  if (usable.length > 0) return usable
  if (found.length > 0) throw new Error(`${host} has no address in public networks`)
  const failed = answers.find((one) => one.status === 'rejected')
  throw new Error(`${host} has no address`, { cause: failed?.reason })
}

interface Get {
  readonly host: string
  readonly addresses: readonly string[]
  readonly signal: AbortSignal
  readonly options: StsFetchOptions
}

async function get({ host, addresses, signal, options }: Get): Promise<string> {
  let last: unknown
  for (const address of addresses.slice(0, 4)) {
    try {
      return await getFrom(address, { host, addresses, signal, options })
    } catch (error) {
      last = error
      if (signal.aborted) break
    }
  }
  throw last
}

function getFrom(address: string, { host, signal, options }: Get): Promise<string> {
  const { ca, allows, port = 443 } = options
  return new Promise((resolve, reject) => {
    const asked = request({
      host: address,
      servername: host,
      port,
      path: '/.well-known/mta-sts.txt',
      headers: { host, accept: 'text/plain', 'user-agent': 'postroad' },
      agent: false,
      signal,
      ...(ca !== undefined && { ca }),
      minVersion: 'TLSv1.2',
      // RFC 8461 §3.3: one of its alternative names, and no common name.
      checkServerIdentity: (_, certificate) => nameError(host, certificate),
    })
    const fail = (text: string) => void asked.destroy(new Error(text))
    asked.once('error', reject)
    asked.once('socket', (socket) =>
      socket.once('connect', () => {
        // What the socket is connected to counts, not what was looked up.
        const { remoteAddress = '' } = socket
        if (!isPublic(remoteAddress) && !allows?.(remoteAddress)) fail(`${host} is not in public networks`)
      }),
    )
    asked.once('response', (response) => {
      // RFC 8461 §3.3: no redirect is followed, and nothing but 200 is a policy.
      if (response.statusCode !== 200) return fail(`${host} answered ${response.statusCode}`)
      // RFC 8461 §3.2: so that nobody can upload one to a web server.
      const type = response.headers['content-type'] ?? ''
      if (!/^text\/plain(?:\s*;|$)/i.test(type)) return fail(`the policy of ${host} is no text/plain`)
      const parts: Buffer[] = []
      let length = 0
      response.on('data', (part: Buffer) => {
        length += part.length
        if (length > MAX_OCTETS) fail(`the policy of ${host} has more than ${MAX_OCTETS} octets`)
        else parts.push(part)
      })
      response.once('error', reject)
      response.once('end', () => resolve(Buffer.concat(parts).toString('utf8')))
    })
    asked.end()
  })
}

function nameError(host: string, certificate: PeerCertificate): Error | undefined {
  const names = new X509Certificate(certificate.raw).checkHost(host, { subject: 'never', partialWildcards: false })
  if (names !== undefined) return undefined
  return Object.assign(new Error(`the certificate is not for ${host}`), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
}

/** RFC 6890 and its registries: what is not reached by everybody. */
const SPECIAL = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  SPECIAL.addSubnet(network, prefix, 'ipv4')
/** The one block of global unicast; within it, documentation and what has an IPv4 address inside. */
const GLOBAL = new BlockList()
GLOBAL.addSubnet('2000::', 3, 'ipv6')
for (const [network, prefix] of [
  ['2001:db8::', 32],
  ['2001::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  SPECIAL.addSubnet(network, prefix, 'ipv6')

/** Whether everybody reaches the address; false for what is none. */
export function isPublic(address: string): boolean {
  if (!isIPv6(address)) return address !== '' && !SPECIAL.check(address, 'ipv4')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return isPublic(mapped)
  return GLOBAL.check(address, 'ipv6') && !SPECIAL.check(address, 'ipv6')
}
