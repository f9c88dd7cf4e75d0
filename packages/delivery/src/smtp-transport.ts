/** Delivery to anywhere: by MX from host to host until one has decided, or to the fixed next hop that a route names. */
import { isIP } from 'node:net'
import {
  type Job,
  type MinimumGroup,
  type Outcome,
  outcomeKind,
  type Recipient,
  type Reply,
  type TlsPolicy,
} from '@postroad/mail'
import { ConnectError } from './client/connect-error.ts'
import { NO_REQUIRETLS, NO_TLS } from './client/fitness.ts'
import { localReply } from './client/reply.ts'
import { type Credentials, isTlsRequired, type Target } from './client/target.ts'
import { sessions, type TlsSession } from './client/tls-session.ts'
import { deadline } from './deadline.ts'
import {
  findAddresses,
  findMailHosts,
  type HostAddress,
  isOwnAddress,
  type MailHost,
  type MxResolver,
  RouteError,
} from './mx.ts'
import { baseTarget, NamedHops } from './named-hop.ts'
import { Pool, type PooledTransport, type PoolOptions } from './pool.ts'
import { sameForAll, sendAtOnce, sendTo } from './send.ts'
import { type RuledOut, TlsChoice, type TlsChooser } from './tls-choice.ts'
import { Unreachable } from './unreachable.ts'

declare module '@postroad/mail/settings' {
  interface TransportSettings {
    smtp: {
      /** Default: what the options say. `required` takes any certificate, `verified` one that is valid for the name, `implicit` begins with the first octet. */
      readonly tls?: 'none' | 'opportunistic' | 'required' | 'verified' | 'implicit'
      /** The weakest key exchange that will do; then TLS is required. Default: what the options say. */
      readonly minimumGroup?: MinimumGroup
      /** A name in the option `credentials`. Default: nobody logs in. */
      readonly credentials?: string
      /** Whether mail may go out by BDAT, RFC 3030. Default: what the options say. */
      readonly chunking?: boolean
    }
  }
}

/** How an {@link smtpTransport} works. */
export interface SmtpOptions extends PoolOptions {
  readonly dns: MxResolver
  /** Port of hosts found by MX. Default 25. */
  readonly port?: number
  /** TLS where neither route nor `tlsPolicy` says otherwise. Default: opportunistic. */
  readonly tls?: TlsPolicy
  /** What is published of a host, DANE and MTA-STS; asked where the route does not say. */
  readonly tlsPolicy?: TlsChooser
  /** Whether `tlsPolicy` may know anything now. Default: yes. */
  readonly hasTlsPolicy?: () => boolean
  /** A message that says `TLS-Required: No` goes though what is published forbids it, RFC 8689 §4.2.2. Default true. */
  readonly tlsOptional?: boolean
  /** By the name that a route gives in `settings.credentials`. */
  readonly credentials?: Readonly<Record<string, Credentials>>
  /** Milliseconds for one attempt, over all hosts; each has `timeouts.setup`. Default 1,200,000: the final dot alone may take ten minutes. */
  readonly messageMs?: number
  /** Addresses that are connected to in one attempt. Default 5. */
  readonly maxAddresses?: number
  /** Hosts that are asked again when one has said 4yz. Default 2. */
  readonly maxSessions?: number
  /** Whether mail sent to an address would come back to us. Default, on port 25: an address of this machine. */
  readonly isOwn?: (address: string) => boolean
  /** Addresses that mail by MX never goes to: whoever names a domain must not lead us to machines of our own network. Default: none. */
  readonly isForbidden?: (address: string) => boolean
  /** Address to connect from. */
  readonly localAddress?: string
}

/** Delivers by MX, or to the host of the route. */
export function smtpTransport(options: SmtpOptions): PooledTransport {
  const pool = new Pool(options)
  const courier = new Courier(pool, options)
  return {
    deliver: (job) => courier.deliver(job),
    get stats() {
      return pool.stats
    },
    close: () => pool.close(),
  }
}

/** One domain's part of a job. */
interface Errand {
  readonly domain: string | undefined
  readonly job: Job
}

/** How far an errand has come. */
interface Progress {
  /** Recipients without a final answer, with the last one they got. */
  readonly open: Map<Recipient, Outcome | undefined>
  readonly done: Outcome[]
  addresses: number
  /** Of these, those that a policy has ruled out for good. */
  ruledOut: number
  /** A host could not be asked, and may be another time. */
  isTransient: boolean
  sessions: number
  /** The last failure that concerns the host and not recipients. */
  reply: Reply | undefined
  remote: string | undefined
}

const NO_ADDRESS = localReply(550, '5.4.4', 'No mail host of the domain has an address')
const DNS_SILENT = localReply(451, '4.4.3', 'DNS does not answer for the mail hosts of the domain')
const GIVEN_UP = localReply(451, '4.3.2', 'Given up')
const FORBIDDEN = localReply(
  550,
  '5.4.4',
  'The mail hosts of the domain are in networks that no mail goes to from here',
)
const LOOP = localReply(554, '5.4.6', 'Mail for the domain loops back to this host')

/** One of the addresses at which a host is reached; none of a next hop that is looked up when it is connected to. */
interface At {
  readonly host: MailHost
  readonly address: HostAddress | undefined
}

/** What is known of a host's addresses. */
interface Found {
  readonly addresses: readonly (HostAddress | undefined)[]
  readonly isIncomplete: boolean
  readonly isOwn: boolean
  /** Some of them are out of bounds, and left out. */
  readonly isForbidden: boolean
}

class Courier {
  readonly #pool: Pool
  readonly #options: SmtpOptions
  readonly #unreachable = new Unreachable()
  readonly #tls: TlsChoice
  readonly #hops: NamedHops

  constructor(pool: Pool, options: SmtpOptions) {
    this.#pool = pool
    this.#options = options
    this.#tls = new TlsChoice(options)
    this.#hops = new NamedHops(options, this.#tls)
  }

  deliver(job: Job): Promise<readonly Outcome[]> {
    try {
      const target = this.#hops.target(job)
      const sent = target && sendAtOnce(this.#pool, target, { job, otherwise: () => this.#deliver(job) })
      return sent ?? this.#deliver(job)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async #deliver(job: Job): Promise<readonly Outcome[]> {
    using limit = deadline(job.signal, this.#options.messageMs ?? 1_200_000)
    const { signal } = limit
    const errands = errandsOf(job).map((errand) => this.#run({ ...errand, job: { ...errand.job, signal } }))
    return (await Promise.all(errands)).flat()
  }

  async #run(errand: Errand): Promise<Outcome[]> {
    const { job } = errand
    try {
      const hosts = await this.#hosts(errand)
      return await this.#tryHosts(errand, hosts)
    } catch (error) {
      if (!(error instanceof RouteError)) throw error
      return sameForAll(job.recipients, outcomeKind(error.reply.code), error.reply)
    }
  }

  async #hosts({ domain, job }: Errand): Promise<readonly MailHost[]> {
    const { dns, hostname, port = 25 } = this.#options
    if (domain === undefined) return [{ name: job.route.host ?? '', preference: 0, isSecure: false }]
    const own = hostname.toLowerCase()
    // On another port than SMTP's own, the same name may be another server.
    return await findMailHosts(domain, { dns, signal: job.signal, isOwn: (name) => port === 25 && name === own })
  }

  /** RFC 5321 §5.1: one host after the other, one address after the other, until each recipient has an answer. */
  async #tryHosts(errand: Errand, hosts: readonly MailHost[]): Promise<Outcome[]> {
    const { job } = errand
    const open = new Map<Recipient, Outcome | undefined>(job.recipients.map((recipient) => [recipient, undefined]))
    const progress: Progress = {
      open,
      done: [],
      addresses: 0,
      ruledOut: 0,
      isTransient: false,
      sessions: 0,
      reply: undefined,
      remote: undefined,
    }
    const isIncomplete = await this.#tryAll(errand, hosts, progress)
    const isUnreached = progress.addresses === progress.ruledOut && !job.signal.aborted
    const reply = progress.reply ?? (job.signal.aborted ? GIVEN_UP : isIncomplete ? DNS_SILENT : NO_ADDRESS)
    const rest = [...progress.open].map(([recipient, last]) => {
      // RFC 8689 §4.2.1: that no host passes REQUIRETLS on is known when all of them were asked.
      const isKnown = last !== undefined && !(isAboutHost(last) && progress.isTransient)
      return isKnown ? last : this.#unreached(recipient, { reply, isUnreached, progress })
    })
    return [...progress.done, ...rest]
  }

  /** Resolves to whether DNS was silent about some of the addresses. */
  async #tryAll(errand: Errand, hosts: readonly MailHost[], progress: Progress): Promise<boolean> {
    const { job } = errand
    const later: At[] = []
    let isIncomplete = false
    for (const host of hosts) {
      if (!this.#mayGoOn(progress, job)) break
      const found = await this.#addresses(errand, host)
      // RFC 5321 §5.1: from here on it would come back to us. What better hosts have said counts, and may still be said.
      if (found.isOwn && later.length === 0) progress.reply ??= LOOP
      if (found.isOwn) break
      isIncomplete ||= found.isIncomplete
      if (found.isForbidden && found.addresses.length === 0) progress.reply ??= FORBIDDEN
      for (const address of found.addresses) {
        if (!this.#mayGoOn(progress, job)) break
        if (address !== undefined && this.#unreachable.has(address.address)) later.push({ host, address })
        else await this.#tryAddress(errand, { host, address, progress })
      }
    }
    for (const at of later) if (this.#mayGoOn(progress, job)) await this.#tryAddress(errand, { ...at, progress })
    return isIncomplete
  }

  #unreached(
    recipient: Recipient,
    end: { readonly reply: Reply; readonly isUnreached: boolean; readonly progress: Progress },
  ): Outcome {
    // What a host says before MAIL is about the host: another attempt may find another one, or a better day.
    const kind = end.isUnreached ? outcomeKind(end.reply.code) : 'deferred'
    const { remote } = end.progress
    return { recipient, kind, reply: end.reply, ...(remote !== undefined && { remote }) }
  }

  #mayGoOn({ open, addresses, sessions }: Progress, { signal }: Job): boolean {
    const { maxAddresses = 5, maxSessions = 2 } = this.#options
    return open.size > 0 && addresses < maxAddresses && sessions < maxSessions && !signal.aborted
  }

  async #addresses({ domain, job }: Errand, { name }: MailHost): Promise<Found> {
    const { dns, localAddress, isForbidden = () => false, port = 25 } = this.#options
    const { isOwn = port === 25 ? isOwnAddress : () => false } = this.#options
    // A next hop that the operator has named is looked up as this machine looks up names, `/etc/hosts` and all.
    if (domain === undefined) return { addresses: [undefined], isIncomplete: false, isOwn: false, isForbidden: false }
    const found = await findAddresses(name, { dns, signal: job.signal })
    // From an address of one family no way leads to the other.
    const family = isIP(localAddress ?? '')
    const reachable = found.addresses.filter(({ address }) => family === 0 || isIP(address) === family)
    const addresses = reachable.filter(({ address }) => !isForbidden(address))
    return {
      ...found,
      addresses,
      isOwn: found.addresses.some(({ address }) => isOwn(address)),
      isForbidden: addresses.length < reachable.length,
    }
  }

  async #tryAddress(errand: Errand, at: At & { readonly progress: Progress }): Promise<void> {
    const { job } = errand
    const { host, progress } = at
    const address = at.address?.address
    const target = await this.#target(errand, at)
    if ('refusal' in target) {
      progress.addresses++
      if (target.refusal.code >= 500) progress.ruledOut++
      else progress.isTransient = true
      progress.reply = target.refusal
      progress.remote = host.name
      job.log?.info({ host: host.name, address, reply: target.refusal }, 'a policy rules the mail host out')
      return
    }
    try {
      const outcomes = await sendTo(this.#pool, target, { ...job, recipients: [...progress.open.keys()] })
      progress.addresses++
      if (!outcomes.every(isAboutHost)) progress.sessions++
      for (const outcome of outcomes) takeOutcome(progress, outcome)
      if (address !== undefined) this.#unreachable.delete(address)
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error
      // A family that this machine does not have costs nothing, and counts for nothing.
      if (!NO_FAMILY.has(error.code ?? '')) progress.addresses++
      // Without a code it was our own pool that had no room.
      const isDown = error.code !== undefined && (error.stage === 'connect' || error.stage === 'greeting')
      if (isDown && address !== undefined && !job.signal.aborted) this.#unreachable.add(address)
      progress.isTransient = true
      progress.reply = error.reply
      progress.remote = host.name
      const { stage, reply } = error
      job.log?.info({ host: host.name, address, stage, reply }, 'the mail host could not be used')
    }
  }

  async #target({ domain, job }: Errand, { host, address }: At): Promise<Target | RuledOut> {
    const { route, from } = job
    const port = domain === undefined ? (route.port ?? 25) : (this.#options.port ?? 25)
    const base = baseTarget(this.#options, route, port)
    if (route.host?.startsWith('/')) return { ...base, tls: { mode: 'none' }, host: 'localhost', path: route.host }
    const tls = await this.#tls.of(
      {
        domain,
        canonicalDomain: host.owner ?? domain,
        host,
        address: address?.address,
        isAddressSecure: address?.isSecure ?? false,
        canonical: address?.canonical ?? host.name,
        port,
        isRequired: isTlsRequired(job),
      },
      job,
    )
    const known = {
      ...base,
      host: host.name,
      ...(address && { address: address.address }),
      ...(domain !== undefined && { domain }),
      ...(from && { from: from.toString() }),
    }
    if (!('refusal' in tls)) return { ...known, tls }
    if ('failure' in tls && sessions.hasSubscribers)
      sessions.publish({
        target: { ...known, tls: { mode: 'required', source: tls.source } },
        refused: tls,
      } satisfies TlsSession)
    return tls
  }
}

/** What the system says of IPv6 where it has none: no route, or not even an address. */
const NO_FAMILY: ReadonlySet<string> = new Set(['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'])

/** Takes an outcome: it is final unless another host may do better, RFC 5321 §4.5.4.1, RFC 8689 §4.2.1. */
function takeOutcome({ open, done }: Progress, outcome: Outcome): void {
  if ((outcome.kind === 'deferred' && !outcome.uncertain) || isAboutHost(outcome)) {
    open.set(outcome.recipient, outcome)
    return
  }
  open.delete(outcome.recipient)
  done.push(outcome)
}

/** The host cannot pass REQUIRETLS on: another one may. */
function isAboutHost({ reply }: Outcome): boolean {
  return reply === NO_REQUIRETLS || reply === NO_TLS
}

/** One errand for a fixed next hop; else one for each domain. */
function errandsOf(job: Job): Errand[] {
  if (job.route.host !== undefined) return [{ domain: undefined, job }]
  const domains = new Map<string, Recipient[]>()
  for (const recipient of job.recipients) {
    const members = domains.get(recipient.address.domain)
    if (members) members.push(recipient)
    else domains.set(recipient.address.domain, [recipient])
  }
  return [...domains].map(([domain, recipients]) => ({ domain, job: { ...job, recipients } }))
}
