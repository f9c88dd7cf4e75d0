/** What an operator may say of DMARC. */
import { domains, isDomainPattern, isNetwork, networks } from '@postroad/options'
import { z } from 'zod'

const action = z.union([
  z.enum(['reject', 'defer', 'quarantine', 'none']),
  z.number(),
  z.strictObject({ kind: z.literal('suspect'), points: z.number(), reason: z.string() }),
])

const worth = (text: string) => action.describe(`${text} 'reject', 'defer', 'quarantine', 'none', or points.`)

const trustee = z
  .string()
  .refine(
    // Not `*`, and no top-level domain: that would be trust in everybody.
    (text) =>
      isNetwork(text) ||
      (isDomainPattern(text) && !/[*?][^.]*\.?$/.test(text) && text.replace(/^\*?\./, '').includes('.')),
    'not a domain such as "example.com", a pattern such as "*.example.com", an address, or a network such as "192.0.2.0/24"',
  )
  .meta({ grammar: 'network or domain pattern' })

/** Options of {@link dmarc}. */
export const dmarcOptions = z.strictObject({
  reject: worth('The message fails, and the owner of the domain asks for rejection.').default('reject'),
  quarantine: worth('The message fails, and the owner asks for quarantine.').default('quarantine'),
  monitor: worth('The message fails, and the owner asks for nothing (p=none, or t=y).').default('none'),
  overridden: worth('The message fails, but a trusted forwarder explains why.').default('none'),
  pass: worth('The author is who they say.').default('none'),
  none: worth('The domain has no policy.').default('none'),
  noAuthor: worth('There is no From field, or no domain in it: nobody can be asked for a policy.').default('none'),
  permerror: worth('Several From fields or author domains: which one would a reader see?').default('reject'),
  temperror: worth('DNS failed: nobody knows.').default('defer'),
  trust: z
    .array(trustee)
    .default([])
    .describe(
      "Forwarders whose changes are no forgery: domains that pass SPF or DKIM ('*.example.com' for those below), addresses, networks in CIDR.",
    ),
  arc: z.boolean().default(true).describe('Believe a trusted sealer that saw the message pass, see the plugin arc.'),
})

/** Options with their defaults. */
export type DmarcOptions = z.output<typeof dmarcOptions>

/** Who is trusted, ready to be asked. */
export interface Trust {
  hasAddress(address: string): boolean
  hasDomain(domain: string): boolean
}

/** Reads the option `trust`. */
export function readTrust(entries: readonly string[]): Trust {
  const isTrusted = domains(entries.filter((entry) => !isNetwork(entry)))
  return { hasAddress: networks(entries.filter(isNetwork)), hasDomain: (domain) => domain !== '' && isTrusted(domain) }
}
