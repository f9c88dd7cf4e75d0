/** Where the mail of a domain goes: RFC 5321 §5.1, RFC 7505, RFC 3974. */
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Reply } from '@postroad/mail'
import { networks } from '@postroad/options'
import { localReply } from './client/reply.ts'

/** What a resolver says of a host's addresses. */
interface AddressAnswer {
  readonly records: readonly string[]
  readonly secure: boolean
  readonly canonical: string
}

/**
 * The part of a DNS resolver that is needed; the service `Dns` fits. Rejects with an `Error` that has a `code` as below, and `secure` where
 * DNSSEC proves the denial.
 */
export interface MxResolver {
  a(name: string, signal?: AbortSignal): Promise<AddressAnswer>
  aaaa(name: string, signal?: AbortSignal): Promise<AddressAnswer>
  mx(
    name: string,
    signal?: AbortSignal,
  ): Promise<{
    readonly records: readonly { readonly preference: number; readonly exchange: string }[]
    readonly secure: boolean
    readonly canonical: string
  }>
}

/** A host that takes mail for a domain. */
export interface MailHost {
  /** Lower-case, without a dot at the end; an address for address literals. */
  readonly name: string
  /** Smaller is tried first; 0 where the domain has no MX record. */
  readonly preference: number
  /** DNSSEC vouches for the way from the domain to this name, RFC 7672 §2.2.1. */
  readonly isSecure: boolean
  /** The name that has the MX record: the domain, or the end of its chain of aliases. */
  readonly owner?: string
}

/** Why a domain's mail goes nowhere; an operational failure that the transport turns into outcomes. */
export class RouteError extends Error {
  readonly reply: Reply

  constructor(reply: Reply, cause?: unknown) {
    super(reply.text, { cause })
    this.name = 'RouteError'
    this.reply = reply
  }
}

/** What finding hosts depends on. */
export interface MxOptions {
  readonly dns: MxResolver
  readonly signal: AbortSignal
  /** Whether a host is this server: by name, or by one of its addresses. */
  isOwn(name: string): boolean
}

/**
 * The hosts for a domain, best first; those of equal preference in random order.
 *
 * @param domain A-labels, or an address literal in brackets
 * @throws {RouteError} when there are none: 5yz for good, 4yz while DNS does not answer
 */
export async function findMailHosts(domain: string, options: MxOptions): Promise<readonly MailHost[]> {
  if (domain === '') throw new RouteError(localReply(550, '5.1.2', 'An address without a domain goes nowhere'))
  if (domain.startsWith('[')) return [literalHost(domain)]
  const { records, isSecure, owner } = await lookUp(domain, options)
  const hosts = records.map(({ preference, exchange }) => ({
    name: exchange.toLowerCase().replace(/\.$/, ''),
    preference,
    isSecure,
    owner,
  }))
  const usable = hosts.filter(({ name }) => name !== '')
  // RFC 7505 §3: a lone "." says that the domain takes no mail.
  if (usable.length === 0)
    throw new RouteError(localReply(556, '5.1.10', `The domain ${domain} takes no mail (null MX)`))
  const sorted = shuffle(usable).toSorted((a, b) => a.preference - b.preference)
  // RFC 5321 §5.1: hosts that are not better than ourselves would send it back to us.
  const own = sorted.find(({ name }) => options.isOwn(name))
  const better = own === undefined ? sorted : sorted.filter(({ preference }) => preference < own.preference)
  if (better.length === 0) throw new RouteError(localReply(554, '5.4.6', `Mail for ${domain} loops back to this host`))
  return better
}

/** Milliseconds in which the best hosts must be known; they are asked for without a client or a job that waits. */
const BEST_MS = 60_000

/**
 * The names of the hosts of best preference, sorted: domains for which they are the same have the same provider.
 *
 * @throws {RouteError} when the domain has none, or DNS does not answer
 */
export async function bestMailHosts(domain: string, dns: MxResolver): Promise<readonly string[]> {
  const hosts = await findMailHosts(domain, { dns, signal: AbortSignal.timeout(BEST_MS), isOwn: () => false })
  return hosts.flatMap(({ name, preference }) => (preference === hosts[0]?.preference ? [name] : [])).sort()
}

/** RFC 5321 §4.1.3. */
function literalHost(domain: string): MailHost {
  const text = domain.slice(1, -1)
  const address = /^ipv6:/i.test(text) ? text.slice(5) : text
  if (isIP(address) === 0) throw new RouteError(localReply(550, '5.1.2', `Nobody knows the way to ${domain}`))
  return { name: address, preference: 0, isSecure: false }
}

interface Found {
  readonly records: readonly { readonly preference: number; readonly exchange: string }[]
  readonly isSecure: boolean
  readonly owner: string
}

async function lookUp(domain: string, { dns, signal }: MxOptions): Promise<Found> {
  try {
    const { records, secure, canonical } = await dns.mx(domain, signal)
    return { records, isSecure: secure, owner: canonical }
  } catch (error) {
    const code = codeOf(error)
    // RFC 5321 §5.1: a domain without MX is its own and only mail host; RFC 7672 §2.2.1: a secure one where that is proven.
    if (code === 'NODATA')
      return { records: [{ preference: 0, exchange: domain }], isSecure: isProven(error), owner: domain }
    if (code === 'NXDOMAIN')
      throw new RouteError(localReply(550, '5.1.2', `The domain ${domain} does not exist`), error)
    throw new RouteError(localReply(451, '4.4.3', `DNS does not answer for ${domain}`), error)
  }
}

/** One address of a host. */
export interface HostAddress {
  readonly address: string
  /** DNSSEC vouches for it, and for all aliases that led to it. */
  readonly isSecure: boolean
  /** The name that has it: the host's, or the end of its chain of aliases. */
  readonly canonical: string
}

/** Addresses of one host. */
export interface HostAddresses {
  /** Addresses, in the order in which they are tried. */
  readonly addresses: readonly HostAddress[]
  /** DNS did not answer: there may be more of them. */
  readonly isIncomplete: boolean
}

/** The addresses of a host, families in turn, IPv6 first; empty when it has none. */
export async function findAddresses(
  name: string,
  { dns, signal }: Pick<MxOptions, 'dns' | 'signal'>,
): Promise<HostAddresses> {
  if (isIP(name) !== 0) return { addresses: [{ address: name, isSecure: false, canonical: name }], isIncomplete: false }
  const [six, four] = await Promise.all([answerOf(dns.aaaa(name, signal)), answerOf(dns.a(name, signal))])
  const addresses: HostAddress[] = []
  for (let i = 0; i < Math.max(six.addresses.length, four.addresses.length); i++) {
    for (const address of [six.addresses[i], four.addresses[i]]) if (address !== undefined) addresses.push(address)
  }
  return { addresses, isIncomplete: six.isIncomplete || four.isIncomplete }
}

/** One family: each has a proof of its own, RFC 7672 §2.2.2. */
async function answerOf(asked: Promise<AddressAnswer>): Promise<HostAddresses> {
  try {
    const { records, secure, canonical } = await asked
    return {
      addresses: shuffle(records).map((address) => ({ address, isSecure: secure, canonical })),
      isIncomplete: false,
    }
  } catch (error) {
    const code = codeOf(error)
    return { addresses: [], isIncomplete: code !== 'NODATA' && code !== 'NXDOMAIN' }
  }
}

function isProven(error: unknown): boolean {
  return error instanceof Error && 'secure' in error && error.secure === true
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Fisher and Yates: spreads the load over hosts of the same preference, RFC 5321 §5.1. */
function shuffle<T>(items: readonly T[]): T[] {
  const out = [...items]
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    ;[out[i], out[j]] = [out[j] as T, out[i] as T] // both are within the bounds
  }
  return out
}

let own: { readonly at: number; readonly has: (address: string) => boolean } | undefined

/** Whether an address is one of this machine's, or means it, however it is written; looked up at most every 10 s. */
export function isOwnAddress(address: string): boolean {
  const now = performance.now()
  if (own === undefined || now - own.at > 10_000) own = { at: now, has: networks(listOwnNetworks()) }
  // It finds an IPv4 address that is mapped into IPv6 too.
  return own.has(address)
}

function listOwnNetworks(): readonly string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address))
  return ['127.0.0.0/8', '0.0.0.0/8', '::1', '::', ...addresses]
}
