/** Counts connections, messages, recipients, octets and errors, by whatever is known of who causes them. */
import { type Directory, lookupDesk, openDirectory } from '@postroad/directory'
import { networks } from '@postroad/options'
import {
  Clock,
  type CommandIo,
  type CommandOpinion,
  defineFact,
  definePlugin,
  Limiter,
  type Session,
} from '@postroad/plugin'
import { Gauge, type GaugeKey, type GaugeSlot } from './gauge.ts'
import type { Subject } from './key.ts'
import { type LimitOptions, options } from './options.ts'

/** Names of the limits the transaction exceeded so far. Set at `data` for those who act on it later. */
export const exceededLimits = defineFact<readonly string[]>('exceeded-limits')

/** What a session holds until it ends. */
interface Takings {
  /** Of the connection. */
  readonly connection: GaugeSlot[]
  /** Of the present message. */
  message: GaugeSlot[]
  /** Names of limits that were exceeded, by transaction. */
  exceeded: { readonly envelope: string; readonly names: Set<string> } | undefined
}

/**
 * Token buckets and concurrency by any key, several at once. Buckets survive a restart; how exact they are between processes is
 * the limiter's word.
 *
 * @example app.use(rateLimit({ limits: [{ of: 'recipients', by: 'identity', limit: '500/d' }, { of: 'connections', limit: '20 at once' }] }))
 */
export const rateLimit = definePlugin({
  name: 'rate-limit',
  options,
  needs: { limiter: Limiter, clock: Clock },
  async setup(setup) {
    const { options, limiter, log } = setup
    const directories: Directory[] = []
    const gauges: Gauge[] = []
    for (const [index, limit] of options.limits.entries()) {
      const name = options.limits.length > 1 ? `${setup.name}-${limit.name ?? index}` : setup.name
      const directory = limit.from && (await openDirectory(limit.from, { ...setup, name }))
      if (directory) directories.push(directory)
      gauges.push(new Gauge(limit, limiter, directory))
    }
    checkLimits(gauges)
    const isExempt = networks(options.exempt)
    const by = (of: LimitOptions['of']) => gauges.filter((gauge) => gauge.options.of === of)
    const [connections, messages, recipients, octets, errors] = [
      by('connections'),
      by('messages'),
      by('recipients'),
      by('octets'),
      by('errors'),
    ]
    const takings = new Map<string, Takings>()
    const meter = new Meter(takings, isExempt, (error) =>
      log.warn({ error }, 'what was taken could not be given back, it is free again with time'),
    )
    const marks = messages.length + recipients.length > 0
    return {
      ...(directories.length > 0 && {
        start() {
          for (const directory of directories) directory.start()
        },
        desks: [lookupDesk(directories)],
        async close() {
          for (const directory of directories) await directory.close()
        },
      }),
      ...(connections.length + errors.length > 0 && {
        connect: async ({ session, signal }) => {
          const subject = { session, helo: undefined }
          return (
            (await meter.look(errors, subject, signal)) ??
            meter.count(connections, subject, { cost: 1, signal, keep: 'connection' })
          )
        },
      }),
      ...(errors.length > 0 && {
        mail: ({ session, helo, envelope, signal }) =>
          meter.look(errors, { session, helo, from: envelope.from ?? null }, signal),
      }),
      ...(errors.length + messages.length > 0 && {
        async refused({ session, envelope, recipient }) {
          // A refusal before DATA finds no slot of a message; one after it ends the message.
          await meter.endMessage(session)
          const subject: Subject = {
            session,
            helo: session.helo,
            ...(envelope && { from: envelope.from ?? null }),
            ...(recipient && { recipient }),
          }
          await meter.count(errors, subject, { cost: 1 })
        },
      }),
      // After `route`: a recipient that is refused for another reason costs nothing here.
      ...(recipients.length > 0 && {
        nexthop: ({ session, helo, envelope, recipient, signal }) =>
          meter.count(
            recipients,
            { session, helo, from: envelope.from ?? null, recipient },
            { cost: 1, signal, envelope: envelope.id },
          ),
      }),
      ...(marks && {
        data: {
          provides: [exceededLimits],
          async handler({ session, helo, envelope, signal, set }) {
            const ended = meter.endMessage(session)
            if (ended) await ended
            const opinion = await meter.count(
              messages,
              { session, helo, from: envelope.from ?? null },
              { cost: 1, signal, envelope: envelope.id, keep: 'message' },
            )
            set(exceededLimits, meter.exceeded(session, envelope.id))
            return opinion
          },
        },
      }),
      ...(octets.length > 0 && {
        message: ({ session, helo, envelope, message, signal }) =>
          meter.count(
            octets,
            { session, helo, from: envelope.from ?? null },
            { cost: message.size, signal, envelope: envelope.id },
          ),
      }),
      ...(options.header !== undefined && {
        rewrite({ session, envelope, message }) {
          const names = meter.exceeded(session, envelope.id)
          return names.length === 0 || options.header === undefined
            ? undefined
            : message.withHeader(options.header, names.join(', '))
        },
      }),
      accepted: ({ session }) => meter.endMessage(session),
      judged: ({ session }) => meter.endMessage(session),
      closed: ({ session }) => meter.end(session),
      commands: commands(gauges),
    }
  },
})

/** @throws {TypeError} when two limits have one name, or one cannot count what it is to count */
function checkLimits(gauges: readonly Gauge[]): void {
  const names = new Set<string>()
  for (const { name, options, isRate } of gauges) {
    if (names.has(name))
      throw new TypeError(`rate-limit: two limits have the name "${name}": give one of them another "name"`)
    names.add(name)
    if (!isRate && options.of !== 'connections' && options.of !== 'messages')
      throw new TypeError(`rate-limit: ${name}: "at once" is for connections and messages`)
    const needsRecipient = options.by.some((part) => part === 'recipient' || part === 'recipientDomain')
    if (needsRecipient && options.of !== 'recipients')
      throw new TypeError(`rate-limit: ${name}: only recipients can be counted by recipient`)
  }
}

interface Counting {
  readonly cost: number
  readonly signal?: AbortSignal
  /** Whose names are marked. */
  readonly envelope?: string
  /** Until when slots are kept. */
  readonly keep?: 'connection' | 'message'
}

class Meter {
  readonly #takings: Map<string, Takings>
  readonly #isExempt: (address: string) => boolean
  readonly #onError: (error: unknown) => void

  constructor(
    takings: Map<string, Takings>,
    isExempt: (address: string) => boolean,
    onError: (error: unknown) => void,
  ) {
    this.#takings = takings
    this.#isExempt = isExempt
    this.#onError = onError
  }

  /** Looks at buckets and takes nothing. */
  async look(gauges: readonly Gauge[], subject: Subject, signal: AbortSignal): Promise<CommandOpinion | undefined> {
    for (const [gauge, key] of this.#concerned(gauges, subject)) {
      const seen = await gauge.peek(key, signal)
      if (seen && !seen.ok) return gauge.opinion(seen.retryAfterMs)
    }
    return undefined
  }

  /** Takes from all in order. When one refuses, those before it get theirs back: none is charged for what another refused. */
  async count(gauges: readonly Gauge[], subject: Subject, counting: Counting): Promise<CommandOpinion | undefined> {
    const concerned = this.#concerned(gauges, subject)
    if (concerned.length === 0) return undefined
    const taken: GaugeSlot[] = []
    try {
      return await this.#takeAll(concerned, taken, { subject, counting })
    } catch (error) {
      await this.#release(taken)
      throw error
    }
  }

  async #takeAll(
    concerned: Concerned,
    taken: GaugeSlot[],
    { subject, counting }: Act,
  ): Promise<CommandOpinion | undefined> {
    let first: CommandOpinion | undefined
    const slots: GaugeSlot[] = []
    for (const [gauge, key] of concerned) {
      const outcome = await gauge.take(key, counting.cost, counting.signal)
      if ('release' in outcome) {
        taken.push(outcome)
        if (!gauge.isRate) slots.push(outcome)
        continue
      }
      const opinion = this.#exceed(gauge, outcome.retryAfterMs, { subject, counting })
      if (gauge.isDecisive) {
        await this.#release(taken)
        return opinion
      }
      first ??= opinion
    }
    // The client may have left meanwhile: its slots were given back without these.
    if (counting.signal?.aborted) await this.#release(slots)
    else if (slots.length > 0) this.#of(subject.session)[counting.keep ?? 'message'].push(...slots)
    return first
  }

  exceeded(session: Pick<Session, 'id'>, envelope: string): readonly string[] {
    const marked = this.#takings.get(session.id)?.exceeded
    return marked?.envelope === envelope ? [...marked.names] : []
  }

  /** A promise only when there is something to give back. */
  endMessage(session: Pick<Session, 'id'>): Promise<void> | undefined {
    const takings = this.#takings.get(session.id)
    if (!takings || takings.message.length === 0) return undefined
    const slots = takings.message
    takings.message = []
    return this.#release(slots)
  }

  end(session: Pick<Session, 'id'>): Promise<void> | undefined {
    const takings = this.#takings.get(session.id)
    this.#takings.delete(session.id)
    return takings && this.#release([...takings.connection, ...takings.message])
  }

  #concerned(gauges: readonly Gauge[], subject: Subject): Concerned {
    const concerned: [Gauge, GaugeKey][] = []
    if (gauges.length === 0 || this.#isExempt(subject.session.remote.address)) return concerned
    for (const gauge of gauges) {
      const key = gauge.key(subject)
      if (key !== undefined) concerned.push([gauge, key])
    }
    return concerned
  }

  #exceed(gauge: Gauge, retryAfterMs: number, { subject, counting }: Act): CommandOpinion | undefined {
    if (counting.envelope !== undefined) {
      const takings = this.#of(subject.session)
      if (takings.exceeded?.envelope !== counting.envelope)
        takings.exceeded = { envelope: counting.envelope, names: new Set() }
      takings.exceeded.names.add(gauge.name)
    }
    return gauge.opinion(retryAfterMs)
  }

  #of(session: Session): Takings {
    const takings = this.#takings.get(session.id) ?? { connection: [], message: [], exceeded: undefined }
    this.#takings.set(session.id, takings)
    return takings
  }

  async #release(slots: readonly GaugeSlot[]): Promise<void> {
    for (const slot of slots) await slot.release().catch(this.#onError)
  }
}

/** Limits that concern a subject, and its key in each. */
type Concerned = readonly (readonly [Gauge, GaugeKey])[]

interface Act {
  readonly subject: Subject
  readonly counting: Counting
}

function commands(gauges: readonly Gauge[]) {
  const find = (name: string | undefined) => gauges.find((gauge) => gauge.name === name)
  return {
    list: {
      summary: 'Lists the limits',
      onlyLooks: true,
      async run(_: readonly string[], io: CommandIo) {
        for (const { name, options, action } of gauges) {
          const { limit, of, by } = options
          const amount = 'atOnce' in limit ? `${limit.atOnce} at once` : `${limit.amount} per ${limit.perMs} ms`
          io.row({
            name,
            of,
            by: by.map((part) => (typeof part === 'function' ? 'function' : part)).join(' '),
            limit: amount,
            action,
          })
        }
      },
    },
    show: {
      summary: 'Says what is left of a limit for a key',
      usage: '<limit> <value>…',
      async run([name, ...values]: readonly string[], io: CommandIo) {
        const gauge = find(name)
        if (!gauge) return 64
        const left = await gauge.show(values)
        io.row({
          name,
          key: values.join(' '),
          ok: left?.ok,
          remaining: left?.remaining,
          retryAfterMs: left?.retryAfterMs,
        })
      },
    },
    reset: {
      summary: 'Makes a limit full again for a key',
      usage: '<limit> <value>…',
      async run([name, ...values]: readonly string[], io: CommandIo) {
        const gauge = find(name)
        if (!gauge) return 64
        await gauge.reset(values)
        io.row({ name, key: values.join(' '), reset: true })
      },
    },
  }
}
