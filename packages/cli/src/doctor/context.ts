/** What the checks of `postroad doctor` are given: from a configuration, from the command line, and from what this machine says of itself. */
import os from 'node:os'
import type { ExplainedScope } from '@postroad/core'
import { createDns } from '@postroad/dns'
import {
  type Blocklist,
  type DoctorContext,
  type DoctorListener,
  type InboundTls,
  machineWorld,
  publicAddresses,
} from '@postroad/doctor'
import type { Dns } from '@postroad/plugin'
import { fetchStsPolicy } from '@postroad/tls-policy'
import { inspected, type Warning } from '../command/check.ts'
import { publishedTls } from '../command/tls.ts'
import { UsageError } from '../config/usage-error.ts'
import type { Opened } from '../open.ts'

/** As the command line says it. */
export interface DoctorOptions {
  readonly hostname?: string
  readonly address?: readonly string[]
  readonly dns?: readonly string[]
  readonly dkim?: readonly string[]
  /** False: none is asked. */
  readonly blocklist?: readonly string[] | false
  readonly outbound: readonly string[]
  readonly time: readonly string[]
}

/** Where nobody has said anything: whom we connect to outside, and who is asked for the time. */
export const USUAL_DOCTOR = {
  outbound: ['gmail.com', 'outlook.com'],
  time: ['time.cloudflare.com', 'pool.ntp.org'],
} as const satisfies DoctorOptions

/** Lists that most receivers ask; `--blocklist` names others. */
const LISTS: readonly Blocklist[] = [
  { zone: 'zen.spamhaus.org', of: 'address' },
  { zone: 'bl.spamcop.net', of: 'address' },
  // Its test entry is not that of RFC 5782.
  { zone: 'dbl.spamhaus.org', of: 'domain', test: 'dbltest.com' },
]

/** What a configuration adds. */
export interface Configured {
  readonly opened: Opened | undefined
  /** Why it cannot be set up, where it cannot. */
  readonly mistakes: readonly Warning[]
}

/** Gathers. @throws {UsageError} when nobody has said which domain */
export async function doctorContext(
  named: readonly string[],
  { opened, mistakes }: Configured,
  options: DoctorOptions,
  signal: AbortSignal,
): Promise<DoctorContext> {
  const dns = createDns(options.dns === undefined ? (opened?.dns ?? {}) : { servers: options.dns })
  const hostname =
    options.hostname ?? opened?.server.hostname ?? (await firstHostOf(named, dns, signal)) ?? os.hostname()
  const domains =
    named.length > 0
      ? named.map((name) => name.toLowerCase().replace(/\.$/, ''))
      : await domainOf(hostname, dns, signal)
  const scopes = opened?.server.explain() ?? []
  return {
    domains,
    hostname,
    addresses: options.address ?? (await addressesOf(hostname, dns, { isHere: opened !== undefined, signal })),
    listeners: scopes.flatMap((scope) => scope.listeners.flatMap(listenerOf)),
    certificates: certificatesOf(scopes),
    folders: opened === undefined ? [] : [opened.server.folder],
    blocklists:
      options.blocklist === false
        ? []
        : (options.blocklist?.map((zone) => ({ zone, of: 'address' as const })) ?? LISTS),
    selectors: options.dkim ?? [],
    outbound: options.outbound,
    probe: { signed: 'ietf.org', bogus: 'dnssec-failed.org' },
    dns,
    world: machineWorld({ time: options.time }),
    configuration: [...mistakes, ...(opened ? await inspected(opened.server) : [])],
    checks: opened?.server.checks ?? [],
    fetchSts: (domain, until) => fetchStsPolicy(domain, { dns, signal: until, timeoutMs: 15_000 }),
    inboundTls: (domain, until) => inboundTls(domain, { dns, hostname, signal: until }),
    now: Date.now,
    signal,
  }
}

/** Elsewhere than on the server: who takes the mail of the first domain. */
async function firstHostOf([domain]: readonly string[], dns: Dns, signal: AbortSignal): Promise<string | undefined> {
  if (domain === undefined) return undefined
  const found = await dns.mx(domain, signal).catch(() => undefined) // the check of MX records says what is wrong
  return found?.records.toSorted((one, other) => one.preference - other.preference)[0]?.exchange || undefined
}

/** Of mail.example.com: example.com, unless it is mail.example.com itself that has mail. */
async function domainOf(hostname: string, dns: Dns, signal: AbortSignal): Promise<readonly string[]> {
  const own = await dns.mx(hostname, signal).catch(() => undefined) // as above
  const above = hostname.slice(hostname.indexOf('.') + 1)
  if (own !== undefined) return [hostname]
  if (!hostname.includes('.') || !above.includes('.'))
    throw new UsageError('Say whose mail it is: postroad doctor example.com')
  return [above]
}

async function addressesOf(
  hostname: string,
  dns: Dns,
  { isHere, signal }: { readonly isHere: boolean; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const own = isHere ? publicAddresses() : []
  if (own.length > 0) return own
  const answers = await Promise.allSettled([dns.a(hostname, signal), dns.aaaa(hostname, signal)])
  return answers.flatMap((one) => (one.status === 'fulfilled' ? one.value.records : []))
}

type Explained = ExplainedScope['listeners'][number]

/** Those of SMTP that can be connected to. */
function listenerOf({ name, place, protocol, tls, auth }: Explained): readonly DoctorListener[] {
  const at = place.lastIndexOf(':')
  const port = Number(place.slice(at + 1))
  if (protocol !== 'smtp' || at < 0 || !Number.isInteger(port) || port === 0) return []
  const host = place.slice(0, at).replace(/^\[|\]$/g, '')
  const isWild = host === '' || host === '*' || host === '::' || host === '0.0.0.0'
  // From an address that the world sees we are treated as the world is; from the loopback perhaps as a friend.
  const [outer] = publicAddresses()
  return [
    {
      name,
      port,
      host: isWild ? (outer ?? '127.0.0.1') : host,
      isImplicitTls: tls === 'implicit',
      isPublic: auth !== 'required' && tls !== 'implicit',
      isAskedFromInside: isWild && outer === undefined,
    },
  ]
}

function certificatesOf(scopes: readonly ExplainedScope[]): DoctorContext['certificates'] {
  const found = new Map<string, { readonly key: string; readonly listeners: string[]; isPublic: boolean }>()
  for (const { name, certificateFiles, protocol, tls, auth } of scopes.flatMap(({ listeners }) => listeners))
    for (const { cert, key } of certificateFiles) {
      const known = found.get(cert) ?? { key, listeners: [], isPublic: false }
      known.listeners.push(name)
      known.isPublic ||= protocol === 'smtp' && tls !== 'implicit' && auth !== 'required'
      found.set(cert, known)
    }
  return [...found].map(([cert, { key, listeners, isPublic }]) => ({ cert, key, listeners, isPublic }))
}

/** What is read of a survey of `tls explain`. */
interface SurveyedHosts {
  readonly hosts: readonly {
    readonly name: string
    readonly addresses: readonly {
      readonly address?: string
      readonly connection?:
        | { readonly tls: { readonly version: string; readonly group?: string; readonly cipher: string } }
        | { readonly tls: 'none'; readonly reason: string }
        | { readonly failed: string; readonly stage: string; readonly tls?: undefined }
    }[]
  }[]
}

async function inboundTls(
  domain: string,
  {
    dns,
    hostname,
    signal,
  }: { readonly dns: ReturnType<typeof createDns>; readonly hostname: string; readonly signal: AbortSignal },
): Promise<readonly InboundTls[]> {
  const printed: string[] = []
  await publishedTls({ dns, hostname }).run([domain, '--connect'], {
    json: true,
    signal,
    print: (line) => void printed.push(line),
  })
  const { hosts } = JSON.parse(printed[0] ?? '{"hosts":[]}') as SurveyedHosts // of `surveyTls`, as JSON
  return hosts.flatMap(({ name, addresses }) =>
    addresses.flatMap(({ address, connection }): readonly InboundTls[] => {
      if (connection === undefined) return []
      const { tls } = connection
      if (tls === undefined)
        return [{ host: name, address, tls: undefined, reason: `${connection.stage}: ${connection.failed}` }]
      if (tls === 'none') return [{ host: name, address, tls: undefined, reason: connection.reason }]
      return [
        { host: name, address, tls: [tls.version, tls.group, tls.cipher].filter(Boolean).join(' '), reason: undefined },
      ]
    }),
  )
}
