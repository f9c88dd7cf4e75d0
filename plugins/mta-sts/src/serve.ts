/** Policies of one's own domains: a route, and a command that holds what others see against them. RFC 8461 §3. */
import type { Dns, HealthCheck, HttpRoute, PluginCommand } from '@postroad/plugin'
import { adviseSts, type ServedSts, type StsFetched, serveSts } from '@postroad/tls-policy'
import type { StsSettings } from './options.ts'

/** The policies, by domain. @throws {RangeError} that names the domain, and says what is wrong */
export function servedPolicies(serve: StsSettings['serve']): ReadonlyMap<string, ServedSts> {
  return new Map(
    Object.entries(serve).map(([domain, { mode, mx, maxAge }]) => {
      try {
        return [domain, serveSts({ mode, mx, maxAge: Math.round(maxAge / 1_000) })]
      } catch (cause) {
        throw new RangeError(`serve: ${domain}: ${cause instanceof Error ? cause.message : 'no policy'}`, { cause })
      }
    }),
  )
}

/** RFC 8461 §3.3: one place, and the name of the host says whose policy it is. */
export function policyRoute(policies: ReadonlyMap<string, ServedSts>): HttpRoute {
  return {
    method: 'GET',
    path: '/.well-known/mta-sts.txt',
    access: 'public',
    summary: 'The MTA-STS policy of the domain behind mta-sts.',
    handler({ url }) {
      const host = url.hostname.toLowerCase()
      const policy = host.startsWith('mta-sts.') ? policies.get(host.slice('mta-sts.'.length)) : undefined
      if (policy === undefined) return new Response('There is no policy of this name.\n', { status: 404 })
      return new Response(policy.text, { headers: { 'content-type': 'text/plain; charset=utf-8' } })
    },
  }
}

interface Outside {
  readonly dns: Dns
  fetch(domain: string): Promise<StsFetched>
}

/** Asks as others do; exit code 1 when what they see does not agree. */
export function checkCommand(policies: ReadonlyMap<string, ServedSts>, { dns, fetch }: Outside): PluginCommand {
  return {
    summary: 'whether DNS record, served policy and MX records of your domains agree, as others see them',
    usage: '[domain…]',
    onlyLooks: true,
    async run(args, { json, print, row, signal }) {
      const unknown = args.find((domain) => !policies.has(domain))
      if (unknown !== undefined || policies.size === 0) {
        print(
          unknown === undefined
            ? 'No policy is served: say it with the option serve.'
            : `No policy of ${unknown} is served.`,
        )
        return unknown === undefined ? 0 : 64
      }
      let isWrong = false
      for (const [domain, served] of policies) {
        if (args.length > 0 && !args.includes(domain)) continue
        const advice = await adviceOn(domain, served, { dns, fetch, signal })
        isWrong ||= advice.length > 0
        const { mode } = served.policy
        row({
          domain,
          mode,
          id: served.id,
          state: advice.length > 0 ? 'differs' : 'agrees',
          ...(json && { advice: advice.join('. ') }),
        })
        if (!json) for (const sentence of advice) print(`  ${sentence}.`)
      }
      return isWrong ? 1 : 0
    },
  }
}

/** For `postroad doctor`: the same, for all domains. */
export function servedCheck(policies: ReadonlyMap<string, ServedSts>, { dns, fetch }: Outside): HealthCheck {
  return {
    name: 'mta-sts-served',
    summary: 'Of each domain whose MTA-STS policy is served here, record, policy and MX records agree.',
    run: (signal) =>
      Promise.all(
        [...policies].map(async ([domain, served]) => {
          const advice = await adviceOn(domain, served, { dns, fetch, signal })
          if (advice.length === 0)
            return { state: 'ok', subject: domain, evidence: `${served.policy.mode}, id ${served.id}` }
          // Nobody knows is no fault of the domain's; nor is, then, that nothing could be fetched.
          const isBlind = advice.some(isUnknown)
          const wrong = advice.filter((one) => !isUnknown(one) && !(isBlind && one.includes(' cannot be had: ')))
          const [first = advice[0] ?? ''] = wrong
          const evidence = `${first}${advice.length > 1 ? ` (and ${advice.length - 1} more)` : ''}`
          const fix = `\`postroad mta-sts check ${domain}\` says all of it.`
          return { state: wrong.length > 0 ? 'fault' : 'remark', subject: domain, evidence, rfc: 'RFC 8461 §3', fix }
        }),
      ),
  }
}

/** One of what `adviseSts` says: DNS did not answer. */
function isUnknown(advice: string): boolean {
  return advice.startsWith('DNS does not say')
}

async function adviceOn(
  domain: string,
  served: ServedSts,
  { dns, fetch, signal }: Outside & { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const [texts, mx, fetched] = await Promise.all([
    asked(dns.txt(`_mta-sts.${domain}`, signal)),
    asked(dns.mx(domain, signal)).then((records) => records?.map(({ exchange }) => exchange) ?? undefined),
    fetch(domain),
  ])
  return adviseSts(domain, served, { texts, mx, fetched })
}

/** Undefined: nobody knows; empty: there is none. */
async function asked<T>(question: Promise<{ readonly records: readonly T[] }>): Promise<readonly T[] | undefined> {
  try {
    return (await question).records
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    return code === 'NODATA' || code === 'NXDOMAIN' ? [] : undefined
  }
}
