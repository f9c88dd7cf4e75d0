/** Outbound TLS as the policies of domains demand it, RFC 8461. */
import { networks } from '@postroad/options'
import { Clock, Dns, definePlugin, Store, type TlsAnswer, type TlsContext } from '@postroad/plugin'
import { fetchStsPolicy, stsAnswer, stsDomain, stsNote } from '@postroad/tls-policy'
import { options as schema } from './options.ts'
import { type Known, PolicyCache, type PolicySource } from './policy-cache.ts'
import { checkCommand, policyRoute, servedCheck, servedPolicies } from './serve.ts'

/** Milliseconds that a delivery waits for a policy nobody knows yet; it goes on being fetched. */
const PATIENCE_MS = 5_000

/**
 * MTA-STS for outbound mail.
 *
 * @example app.use(dane()).use(mtaSts()).use(queue())
 */
export const mtaSts = definePlugin({
  name: 'mta-sts',
  options: schema,
  needs: { dns: Dns, clock: Clock, store: Store },
  setup({ options, dns, clock, store, signal, log }) {
    const allows = networks(options.allow)
    const { ca, port } = options
    const source: PolicySource = {
      record: async (domain) => {
        try {
          const { records, ttl } = await dns.txt(`_mta-sts.${domain}`, signal)
          return { texts: records, ttl }
        } catch (error) {
          if (isDenial(error)) return { texts: [], ttl: 3_600 }
          throw error
        }
      },
      fetch: async (domain) => {
        const fetched = await fetchStsPolicy(domain, { dns, signal, allows, port, ...(ca !== undefined && { ca }) })
        if ('failure' in fetched) {
          log.info({ domain, ...fetched }, 'an MTA-STS policy could not be had')
        }
        return fetched
      },
    }
    const sender = new Sender(new PolicyCache(source, { store, now: () => clock.now() }))
    const policies = servedPolicies(options.serve)
    return {
      ...(policies.size > 0 && {
        routes: [policyRoute(policies)],
        checks: [servedCheck(policies, { dns, fetch: source.fetch })],
      }),
      commands: { check: checkCommand(policies, { dns, fetch: source.fetch }) },
      tls: { after: ['dane'], timeout: 90_000, handler: (question) => sender.ask(question) },
    }
  },
})

function isDenial(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'NODATA' || error.code === 'NXDOMAIN')
}

class Sender {
  readonly #cache: PolicyCache

  constructor(cache: PolicyCache) {
    this.#cache = cache
  }

  ask(question: TlsContext): TlsAnswer | undefined | Promise<TlsAnswer | undefined> {
    const domain = stsDomain(question)
    if (domain === undefined) return undefined
    const known = this.#cache.fresh(domain)
    if (known === undefined) return this.#look(domain, question)
    const answer = this.#answer(known, domain, question)
    return isRuledOut(answer) ? this.#again(domain, question) : answer
  }

  async #look(domain: string, question: TlsContext): Promise<TlsAnswer | undefined> {
    const looked = this.#cache.look(domain)
    // Who demands TLS, or wants to know, waits for as long as it takes; anybody else had no policy before either, RFC 8461 §10.
    const known = question.isRequired || question.note ? await looked : await within(PATIENCE_MS, looked)
    const answer = known && this.#answer(known, domain, question)
    return isRuledOut(answer) ? await this.#again(domain, question) : answer
  }

  /** RFC 8461 §5.1: before a host is ruled out the policy is fetched once more, though its id says that it is the same. */
  async #again(domain: string, question: TlsContext): Promise<TlsAnswer | undefined> {
    const known = this.#cache.fresh(domain)
    // Fetched just now: it would say the same.
    if (known?.kept && question.now() - known.kept.fetchedAt < 60_000) return this.#answer(known, domain, question)
    if (this.#isTried(domain, question.now())) return this.#answer(await this.#cache.look(domain), domain, question)
    return this.#answer(await this.#cache.look(domain, true), domain, question)
  }

  readonly #tried = new Map<string, number>()

  /** Once in five minutes for a domain: a policy that is wrong stays wrong for a while. */
  #isTried(domain: string, now: number): boolean {
    const before = this.#tried.get(domain)
    if (before !== undefined && now - before < 300_000) return true
    if (this.#tried.size >= 1_000) this.#tried.clear()
    this.#tried.set(domain, now)
    return false
  }

  #answer(known: Known, domain: string, { host, isRequired, note }: TlsContext): TlsAnswer | undefined {
    const { kept, trouble, isPublished } = known
    note?.(noteOf(known, host.name))
    if (kept) return stsAnswer(kept.policy, domain, host.name)
    // A sender who demands TLS cannot be told that there is no policy because it could not be fetched.
    if (!trouble) return undefined
    if (!isRequired) return isPublished ? stsAnswer(trouble, domain, host.name) : undefined
    const text = `The MTA-STS policy of ${domain} could not be had: ${trouble.reason}`
    return { refusal: { code: 451, status: '4.7.5', text }, failure: trouble.failure, source: 'sts' }
  }
}

function noteOf({ kept, trouble }: Known, host: string): ReturnType<typeof stsNote> {
  if (kept) return stsNote(kept.id, kept.policy, host)
  const reason = trouble ? `a policy could not be had: ${trouble.reason}` : 'no policy is published'
  return { source: 'sts', reason, records: [] }
}

function isRuledOut(answer: TlsAnswer | undefined): boolean {
  return answer !== undefined && 'refusal' in answer && answer.failure === 'validation-failure'
}

async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
