/** Outbound TLS as the TLSA records of mail hosts demand it, RFC 7672: on where the resolver validates, and loudly off where it does not. */
import { DnsMemo } from '@postroad/dns'
import {
  Clock,
  Dns,
  definePlugin,
  type Logger,
  type TlsAnswer,
  type TlsContext,
  type TlsQuestion,
} from '@postroad/plugin'
import { type DaneFinding, findDane, proveResolver, type ResolverProof, unsigned } from '@postroad/tls-policy'
import { type DaneSettings, options as schema } from './options.ts'

/** Milliseconds between looks at a resolver that did not answer, or does not validate. */
const AGAIN_MS = 300_000
/** What is known of hosts. */
const MAX_HOSTS = 10_000

/**
 * DANE for outbound mail.
 *
 * @example app.use(dane()).use(mtaSts()).use(queue())
 */
export const dane = definePlugin({
  name: 'dane',
  options: schema,
  needs: { dns: Dns, clock: Clock },
  setup: ({ options, dns, clock, log, signal, rehearsal }) => {
    const hosts = new HostMemory(options, dns, clock)
    const resolver = new WatchedResolver({ options, dns, clock, log })
    return {
      tls: {
        before: ['mta-sts'],
        timeout: 30_000,
        handler: (question) => {
          if (question.note !== undefined) return explained(question, { hosts, resolver })
          return resolver.isBlind ? undefined : hosts.ask(question)
        },
      },
      start: () => {
        if (!rehearsal) void resolver.watch(signal)
      },
      commands: {
        check: {
          summary: 'say whether the resolver validates DNSSEC, without which there is no DANE',
          onlyLooks: true,
          async run(args, { print, row, signal: stop }) {
            if (args.length > 0) return 64
            const proof = await resolver.prove(stop)
            row({ state: proof.state, reason: proof.reason })
            if (proof.state !== 'validates') print('DANE is off until that is mended.')
            return proof.state === 'validates' ? 0 : 1
          },
        },
      },
    }
  },
})

/** Who explains is told of the resolver, too: while mail is sent that is known since the start. */
async function explained(
  question: TlsContext,
  { hosts, resolver }: { readonly hosts: HostMemory; readonly resolver: WatchedResolver },
): Promise<TlsAnswer | undefined> {
  const proof = await resolver.prove(question.signal)
  if (proof.state === 'blind') {
    question.note?.({ source: 'dane', reason: `DANE is off: ${proof.reason}`, records: [] })
    return undefined
  }
  const { answer, reason, records } = await hosts.find(question)
  question.note?.({ source: 'dane', reason, records })
  return answer
}

/** What was concluded of hosts, as long as the records it rests on may be kept: asked again, it costs neither a question nor a promise. */
class HostMemory {
  readonly #known = new DnsMemo<DaneFinding>(MAX_HOSTS)
  readonly #options: DaneSettings
  readonly #dns: Dns
  readonly #clock: Clock

  constructor(options: DaneSettings, dns: Dns, clock: Clock) {
    this.#options = options
    this.#dns = dns
    this.#clock = clock
  }

  ask(question: TlsContext) {
    const { insecureMx } = this.#options
    if (unsigned(question, insecureMx) !== undefined) return undefined
    const now = question.now()
    const key = keyOf(question)
    const known = this.#known.get(key, now)
    if (known) return known.answer
    // Not before it is needed: who asks for it has a controller made.
    const { signal } = question
    const draw = (dns: Dns) => findDane(question, { dns, signal, insecureMx, now: () => this.#clock.now() })
    return this.#known.learn(key, { dns: this.#dns, now, draw }).then(({ answer }) => answer)
  }

  /** With its reason; what is known already is asked again. */
  find(question: TlsContext): Promise<DaneFinding> {
    const { insecureMx } = this.#options
    return findDane(question, { dns: this.#dns, signal: question.signal, insecureMx, now: () => this.#clock.now() })
  }
}

/** Everything that the conclusion rests on besides DNS. */
function keyOf({ domain, canonicalDomain, host, canonical, isAddressSecure, address, port }: TlsQuestion): string {
  return JSON.stringify([
    domain ?? '',
    canonicalDomain ?? '',
    host.name,
    host.isSecure,
    canonical,
    isAddressSecure,
    address === undefined,
    port,
  ])
}

interface Watched {
  readonly options: DaneSettings
  readonly dns: Dns
  readonly clock: Clock
  readonly log: Logger
}

/** A resolver that is proven before it is believed, and again every five minutes: each change is told once. */
class WatchedResolver {
  readonly #context: Watched
  /** It has shown that it does not validate. While it is only silent its answers say by themselves what they are worth. */
  isBlind = false

  constructor(context: Watched) {
    this.#context = context
  }

  async prove(signal: AbortSignal): Promise<ResolverProof> {
    const { options, dns } = this.#context
    if (options.probe === false)
      return { state: 'validates', reason: 'the option probe says that it is not to be asked' }
    return await proveResolver(dns, options.probe, signal)
  }

  /** As long as the generation lives. Does not reject. */
  async watch(signal: AbortSignal): Promise<void> {
    const { clock, options } = this.#context
    if (options.probe === false) return
    while (!signal.aborted) {
      const proof = await this.prove(signal)
      if (signal.aborted) return
      if (proof.state !== this.#told) this.#tell(proof)
      this.#told = proof.state
      // One that was proven and falls silent is believed on: what it does not answer is deferred, and nothing goes in the clear.
      this.isBlind = proof.state === 'blind' || (this.isBlind && proof.state === 'unknown')
      await clock.sleep(AGAIN_MS, signal).catch(() => undefined) // it ends with the generation
    }
  }

  #tell({ state, reason }: ResolverProof): void {
    const { log } = this.#context
    if (state === 'blind') log.error({ reason }, 'DANE is off: the resolver does not validate DNSSEC')
    else if (state === 'validates') this.#told === undefined || log.info({ reason }, 'DANE is on')
    else if (this.#told === 'validates')
      log.error(
        { reason },
        'DNSSEC is broken: the resolver answers no signed name, and mail that depends on it is deferred',
      )
    else log.warn({ reason }, 'it is not known whether the resolver validates DNSSEC')
  }

  #told: ResolverProof['state'] | undefined
}
