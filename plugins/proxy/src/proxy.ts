/**
 * Takes responsibility for a message by passing it on while the client waits: 250 is said when the next hop has said it, an
 * unknown user is refused at RCPT with the next hop's own answer, and when it cannot be reached the client keeps the mail.
 */
import {
  ConnectError,
  describeTarget,
  fixedTarget,
  Pool,
  type RelayOptions,
  required,
  type Target,
} from '@postroad/delivery'
import { type Outcome, reversePathOf, type TlsPolicy } from '@postroad/mail'
import {
  type Address,
  type Defer,
  definePlugin,
  type NexthopContext,
  type QueueContext,
  type Receipt,
  type Recipient,
  type Reject,
  type Route,
  waysOf,
} from '@postroad/plugin'
import { type Options, options as schema } from './options.ts'
import { type Hop, hopKey, PassingTable } from './passing.ts'
import { printable, toRefusal, UNAVAILABLE } from './refusal.ts'

declare module '@postroad/mail/settings' {
  interface TransportSettings {
    /** How the next hop is reached is said once, in the options. */
    proxy: {}
  }
}

/** RFC 5321 §4.5.3.2.6: the answer to the final dot may take ten minutes; giving up before makes duplicates. */
const QUEUE_TIMEOUT = 11 * 60_000

/**
 * Passes mail on over SMTP or LMTP, inline.
 *
 * @example
 * mx.use(routing({ domains: { 'example.com': { via: 'proxy' } } }))
 *   .use(proxy({ to: { path: '/run/dovecot/lmtp' }, protocol: 'lmtp' }))
 */
export const proxy = definePlugin({
  name: 'proxy',
  options: schema,
  setup: ({ options, hostname }) => {
    const passer = new Passer(options, hostname)
    return {
      nexthop: {
        points: false,
        timeout: (options.timeouts.rcpt ?? 300_000) + options.waitMs,
        handler: (context) => (options.verify === 'rcpt' ? passer.ask(context) : undefined),
      },
      queue: {
        supports: options.features,
        carries: (via) => via === options.via,
        timeout: QUEUE_TIMEOUT,
        handler: (context) =>
          context.deliveries.every(({ route }) => route.via === options.via) ? passer.pass(context) : undefined,
      },
      refused: ({ hook, session }) => {
        if (AFTER_ENVELOPE.has(hook)) passer.passing.release(session.id)
      },
      closed: ({ session }) => passer.passing.release(session.id),
      close: () => passer.close(),
    }
  },
})

/** Hooks whose refusal ends the transaction, RFC 5321 §4.1.1.4. */
const AFTER_ENVELOPE: ReadonlySet<string> = new Set(['data', 'message', 'rewrite', 'quarantine', 'queue'])

/** What one next hop is to get of a message. */
interface Share extends Hop {
  readonly recipients: {
    readonly recipient: Recipient
    readonly address: Address
    readonly parameters: Recipient['parameters']
  }[]
}

class Passer {
  readonly #options: Options
  readonly #pool: Pool
  readonly passing: PassingTable
  readonly #targets = new WeakMap<Route, Target>()

  constructor(options: Options, hostname: string) {
    this.#options = options
    const { maxConnections, maxTransactions, maxAgeMs, idleMs, waitMs, chunking, timeouts } = options
    this.#pool = new Pool({
      hostname,
      maxConnections,
      maxTransactions,
      maxAgeMs,
      idleMs,
      waitMs,
      chunking,
      timeouts: defined(timeouts),
    })
    this.passing = new PassingTable(this.#pool, options.holdMs)
  }

  /** RCPT: what the next hops of it say; it is refused when one of them refuses it. */
  async ask(context: NexthopContext): Promise<Reject | Defer | undefined> {
    for (const way of waysOf(context.route)) {
      const refusal =
        way.via === this.#options.via
          ? await this.#askAt(this.#hop(way, context.envelope), { way, context })
          : undefined
      if (refusal) return refusal
    }
    return undefined
  }

  async #askAt(
    hop: Hop,
    { way, context }: { readonly way: Route; readonly context: NexthopContext },
  ): Promise<Reject | Defer | undefined> {
    const { recipient, parameters, session, envelope } = context
    const relay = this.passing.relay(session.id, envelope.id, hop)
    try {
      // An alias is refused when any of its members is: with a 250, a bounce would be ours to send.
      for (const address of way.to ?? [recipient]) {
        const reply = await relay.rcpt({ address, parameters }, () => context.signal)
        if (reply.code >= 300) return toRefusal(reply)
      }
      return undefined
    } catch (error) {
      return this.#unavailable(context, hop.target, error)
    }
  }

  /** The message: what the next hops say to it. */
  async pass(context: QueueContext): Promise<Receipt | Reject | Defer> {
    const shares = this.#shares(context)
    const results = await Promise.all(shares.map((share) => this.#share(context, share)))
    this.passing.release(context.session.id)
    return answerOf(context, results.flat())
  }

  async close(): Promise<void> {
    this.passing.close()
    await this.#pool.close()
  }

  #shares({ deliveries, envelope }: QueueContext): Share[] {
    const shares = new Map<string, Share>()
    for (const { route, recipients } of deliveries) {
      const hop = this.#hop(route, envelope)
      const key = hopKey(hop)
      let share = shares.get(key)
      if (share === undefined) shares.set(key, (share = { ...hop, recipients: [] }))
      for (const recipient of recipients) {
        for (const address of route.to ?? [recipient.address])
          share.recipients.push({ recipient, address, parameters: recipient.parameters })
      }
    }
    return [...shares.values()]
  }

  async #share(context: QueueContext, { target, options, recipients }: Share): Promise<Answer[]> {
    const { envelope, message, session, signal, log } = context
    const relay = this.passing.relay(session.id, envelope.id, { target, options })
    const job = {
      ...options,
      route: { via: this.#options.via },
      recipients,
      message,
      signal,
      log,
    }
    try {
      const outcomes = await relay.send(job)
      const unsure = outcomes.filter((outcome) => outcome.uncertain).length
      if (unsure > 0)
        log.warn(
          { target: describeTarget(target), recipients: unsure },
          'the answer to the final dot never came: there may be a duplicate',
        )
      return outcomes.map((outcome) => ({ recipient: recipientOf(outcome, recipients), outcome }))
    } catch (error) {
      const refusal = this.#unavailable(context, target, error)
      return recipients.map(({ recipient }) => ({ recipient, refusal }))
    }
  }

  #hop(route: Route, { from, parameters }: RelayOptions): Hop {
    const { target, job } = required(this.#target(route), { from: reversePathOf(route, from), parameters })
    return { target, options: job }
  }

  #target(route: Route): Target {
    let target = this.#targets.get(route)
    if (target === undefined) this.#targets.set(route, (target = this.#makeTarget(route)))
    return target
  }

  #makeTarget(route: Route): Target {
    const { to, protocol, tls, auth } = this.#options
    const { mode, verify, servername, ca, minimumGroup } = tls
    const policy: TlsPolicy = {
      mode,
      verify,
      ...(servername !== undefined && { servername }),
      ...(minimumGroup !== undefined && { minimumGroup }),
      ...(ca !== undefined && { options: { ca } }),
    }
    return fixedTarget({ ...(to && defined(to)), protocol, tls: policy, ...(auth && { auth: defined(auth) }) }, route)
  }

  #unavailable({ log }: Pick<QueueContext, 'log'>, target: Target, error: unknown): Defer {
    if (!(error instanceof ConnectError)) throw error
    log.warn(
      { target: describeTarget(target), stage: error.stage, reply: error.reply },
      'the next hop is not available',
    )
    return UNAVAILABLE
  }
}

/** What became of one recipient, or of one member of an alias. */
interface Answer {
  readonly recipient: Recipient
  readonly outcome?: Outcome
  readonly refusal?: Reject | Defer
}

function recipientOf({ recipient }: Outcome, recipients: Share['recipients']): Recipient {
  const found = recipients.find((each) => each === recipient)
  if (found === undefined) throw new TypeError('proxy: an outcome for nobody')
  return found.recipient
}

/** The receipt when anybody was served; else the refusal. */
function answerOf({ deliveries }: QueueContext, answers: readonly Answer[]): Receipt | Reject | Defer {
  const refusals = new Map<Recipient, Reject | Defer>()
  let said: string | undefined
  for (const { recipient, outcome, refusal } of answers) {
    const no = refusal ?? (outcome && outcome.kind !== 'delivered' ? toRefusal(outcome.reply) : undefined)
    if (no === undefined) said ??= printable(outcome?.reply.text ?? '')
    // The worst of an alias's members speaks for it.
    else if (refusals.get(recipient)?.kind !== 'reject') refusals.set(recipient, no)
  }
  const all = deliveries.flatMap(({ recipients }) => recipients)
  const isAnyTaken = all.some((recipient) => !refusals.has(recipient))
  if (isAnyTaken)
    return {
      id: said || 'the next hop',
      ...(refusals.size > 0 && { refused: [...refusals].map(([recipient, refusal]) => ({ recipient, refusal })) }),
    }
  // Worth another attempt for some: those who are refused for good will hear it then.
  const list = [...refusals.values()]
  return list.find(({ kind }) => kind === 'defer') ?? list[0] ?? UNAVAILABLE
}

/** Without the keys whose value is undefined. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  // `as`: exactly the keys that could be undefined are gone.
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}
