/** Which TLS policy holds for a host: the operator's word for the route, else what is published for the domain or the host, else the default. */
import type { Job, MinimumGroup, Reply, TlsAnswer, TlsPolicy, TlsQuestion, TlsRefusal } from '@postroad/mail'
import { HYBRID_GROUPS } from '@postroad/mail'
import type { TransportSettings, Unchecked } from '@postroad/mail/settings'
import { localReply } from './client/reply.ts'
import { requiredPolicy } from './client/target.ts'
import { saysTlsOptional } from './tls-optional.ts'

/** What is published of a host. Undefined: nothing is, and the options count. */
export type TlsChooser = (
  question: TlsQuestion,
  signal: AbortSignal,
) => TlsAnswer | undefined | Promise<TlsAnswer | undefined>

/** Why a host must not get the mail; without more than the reply where it is not for what is published. */
export type RuledOut = TlsRefusal | { readonly refusal: Reply }

/** What a choice is made from. */
export interface TlsChoiceOptions {
  readonly tls?: TlsPolicy
  readonly tlsPolicy?: TlsChooser
  /** Whether `tlsPolicy` may know anything now. Default: yes. */
  readonly hasTlsPolicy?: () => boolean
  readonly tlsOptional?: boolean
}

const OPPORTUNISTIC: TlsPolicy = { mode: 'opportunistic' }
const VERIFIED: TlsPolicy = { mode: 'required', verify: true }
// RFC 8689 §4.2.1, step 2.
const FORGEABLE = localReply(
  550,
  '5.7.30',
  'REQUIRETLS was asked for, and nothing vouches for the name of the mail host: neither DNSSEC nor MTA-STS',
)

/** What a route says, as it was written. */
type Said = Unchecked<TransportSettings['smtp']>

/** What a route says in `settings.tls`. */
const ROUTE_TLS: ReadonlyMap<unknown, TlsPolicy> = new Map(
  Object.entries({
    none: { mode: 'none' },
    opportunistic: OPPORTUNISTIC,
    required: { mode: 'required' },
    verified: VERIFIED,
    implicit: { mode: 'implicit', verify: true },
  } satisfies Record<NonNullable<TransportSettings['smtp']['tls']>, TlsPolicy>),
)

/** Chooses. */
export class TlsChoice {
  readonly #local: TlsPolicy
  readonly #published: TlsChooser | undefined
  readonly #hasPublished: () => boolean
  readonly #honoursNo: boolean
  /** Policies are put together once: which one it is decides which connections are shared. */
  readonly #combined = new WeakMap<TlsPolicy, Map<MinimumGroup | undefined, TlsPolicy>>()

  constructor({ tls = OPPORTUNISTIC, tlsPolicy, hasTlsPolicy = () => true, tlsOptional = true }: TlsChoiceOptions) {
    this.#local = withGroup(tls, tls.minimumGroup)
    this.#published = tlsPolicy
    this.#hasPublished = () => tlsPolicy !== undefined && hasTlsPolicy()
    this.#honoursNo = tlsOptional
  }

  /** The policy of a route where nobody has to be asked for one; undefined: somebody has. Not for REQUIRETLS. */
  known(settings: Said | undefined): TlsPolicy | undefined {
    const own = routeTls(settings?.tls)
    if (own === undefined && this.#hasPublished()) return undefined
    return this.#with(own ?? this.#local, routeGroup(settings?.minimumGroup))
  }

  /** The policy for the host, or why it must not get the mail. */
  async of(question: TlsQuestion, job: Job): Promise<TlsPolicy | RuledOut> {
    const settings: Said | undefined = job.route.settings
    const group = routeGroup(settings?.minimumGroup)
    const own = routeTls(settings?.tls)
    // What the operator wrote down for this route goes before what anybody has published.
    const published = own === undefined ? await this.#published?.(question, job.signal) : undefined
    if (question.isRequired) return this.#required(question, { own, published, group })
    const isIgnored = published !== undefined && this.#honoursNo && (await saysTlsOptional(job.message))
    if (published === undefined || isIgnored) return this.#with(own ?? this.#local, group)
    return 'refusal' in published ? published : this.#with(this.#together(published), group)
  }

  /** RFC 8689 §4.2.1: a name that nobody can have forged, and a certificate that proves it. */
  #required(question: TlsQuestion, { own, published, group }: Words): TlsPolicy | RuledOut {
    if (published !== undefined && 'refusal' in published) return published
    const { domain, host } = question
    const isNamed = domain === undefined || domain.startsWith('[')
    if (!isNamed && !host.isSecure && published?.isHostAuthentic !== true) return { refusal: FORGEABLE }
    const policy = published === undefined ? (own ?? this.#local) : this.#together(published)
    const isProven = policy.authenticate !== undefined && !policy.isAdvice && policy.mode === 'required'
    return this.#with(isProven ? policy : this.#strict(policy), group)
  }

  readonly #stricts = new WeakMap<TlsPolicy, TlsPolicy>()

  #strict(policy: TlsPolicy): TlsPolicy {
    let strict = this.#stricts.get(policy)
    if (strict === undefined) this.#stricts.set(policy, (strict = requiredPolicy(policy)))
    return strict
  }

  readonly #merged = new WeakMap<TlsPolicy, TlsPolicy>()

  /** What is published, and no less than the operator wants of everybody; with his certificates and limits. */
  #together(published: TlsPolicy): TlsPolicy {
    let merged = this.#merged.get(published)
    if (merged === undefined) this.#merged.set(published, (merged = stricter(published, this.#local)))
    return merged
  }

  #with(policy: TlsPolicy, group: MinimumGroup | undefined): TlsPolicy {
    if (group === undefined) return policy
    let known = this.#combined.get(policy)
    if (known === undefined) this.#combined.set(policy, (known = new Map()))
    let combined = known.get(group)
    if (combined === undefined) known.set(group, (combined = withGroup(policy, group)))
    return combined
  }
}

/** Everybody's word on one host. */
interface Words {
  readonly own: TlsPolicy | undefined
  readonly published: TlsAnswer | undefined
  readonly group: MinimumGroup | undefined
}

/** Where a group is demanded TLS is, too: in the clear there is none. */
function withGroup(policy: TlsPolicy, minimumGroup: MinimumGroup | undefined): TlsPolicy {
  if (minimumGroup === undefined) return policy
  if (policy.mode === 'none') throw new TypeError('smtp transport: minimumGroup is demanded where tls is "none"')
  return { ...policy, mode: policy.mode === 'implicit' ? 'implicit' : 'required', minimumGroup }
}

/** A published policy is never weaker than the operator's own for everybody. */
function stricter(published: TlsPolicy, local: TlsPolicy): TlsPolicy {
  const isBinding = local.mode === 'required' || local.mode === 'implicit'
  const isWeaker = published.mode === 'none' || published.mode === 'opportunistic'
  const minimumGroup = published.minimumGroup ?? local.minimumGroup
  return {
    ...published,
    ...(isBinding && isWeaker && { mode: local.mode }),
    ...(isBinding && local.verify === true && !(published.authenticate && !published.isAdvice) && { verify: true }),
    ...(minimumGroup !== undefined && { minimumGroup }),
    ...((local.options || published.options) && { options: { ...local.options, ...published.options } }),
  }
}

function routeTls(setting: Said['tls']): TlsPolicy | undefined {
  if (setting === undefined) return undefined
  const policy = ROUTE_TLS.get(setting)
  // A slip of the pen must not send mail in the clear.
  if (policy === undefined)
    throw new TypeError(
      `smtp transport: a route's settings.tls is "${setting}"; known are ${[...ROUTE_TLS.keys()].join(', ')}`,
    )
  return policy
}

function routeGroup(setting: Said['minimumGroup']): MinimumGroup | undefined {
  if (setting === undefined) return undefined
  const group = HYBRID_GROUPS.find((name) => name === setting)
  if (group === undefined)
    throw new TypeError(
      `smtp transport: a route's settings.minimumGroup is "${setting}"; known are ${HYBRID_GROUPS.join(', ')}`,
    )
  return group
}
