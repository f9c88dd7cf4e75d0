/** What an operator may say of DMARC. */
import { BlockList, isIP } from 'node:net'
import { z } from 'zod'

const action = z.union([
  z.enum(['reject', 'defer', 'quarantine', 'none']),
  z.number(),
  z.strictObject({ kind: z.literal('suspect'), points: z.number(), reason: z.string() }),
])

const worth = (text: string) => action.describe(`${text} 'reject', 'defer', 'quarantine', 'none', or points.`)

/** Options of {@link dmarc}. */
export const dmarcOptions = z.strictObject({
  reject: worth('The message fails, and the owner of the domain asks for rejection.').default('reject'),
  quarantine: worth('The message fails, and the owner asks for quarantine.').default('quarantine'),
  monitor: worth('The message fails, and the owner asks for nothing (p=none, or t=y).').default('none'),
  overridden: worth('The message fails, but a trusted forwarder explains why.').default('none'),
  pass: worth('The author is who they say.').default('none'),
  none: worth('The domain has no policy, or there is no author domain.').default('none'),
  permerror: worth('Several From fields or author domains: which one would a reader see?').default('reject'),
  temperror: worth('DNS failed: nobody knows.').default('defer'),
  trust: z
    .array(z.string().refine(isTrustee, "not a domain, '*.domain', address or network"))
    .default([])
    .describe(
      "Forwarders whose changes are no forgery: domains that pass SPF or DKIM ('*.example.com' for those below), addresses, networks in CIDR.",
    ),
  arc: z.boolean().default(true).describe('Believe a trusted sealer that saw the message pass, see the plugin arc.'),
})

/** Options with their defaults. */
export type DmarcOptions = z.output<typeof dmarcOptions>

function isTrustee(text: string): boolean {
  return isNetwork(text) || /^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)+$/i.test(text)
}

function isNetwork(text: string): boolean {
  const [address = '', prefix] = text.split('/')
  const family = isIP(address)
  return family !== 0 && (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128)))
}

/** Who is trusted, ready to be asked. */
export interface Trust {
  hasAddress(address: string): boolean
  hasDomain(domain: string): boolean
}

/** Reads the option `trust`. */
export function readTrust(entries: readonly string[]): Trust {
  const networks = new BlockList()
  for (const entry of entries.filter(isNetwork)) {
    const [address = '', prefix] = entry.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    networks.addSubnet(address, prefix === undefined ? (family === 'ipv4' ? 32 : 128) : Number(prefix), family)
  }
  const names = entries.filter((entry) => !isNetwork(entry)).map((entry) => entry.toLowerCase())
  return {
    hasAddress: (address) => isIP(address) !== 0 && networks.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6'),
    hasDomain: (domain) => names.some((name) => (name.startsWith('*.') ? domain.endsWith(name.slice(1)) : domain === name)),
  }
}
