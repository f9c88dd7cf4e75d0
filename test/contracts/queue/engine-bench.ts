/** An engine with everything faked but itself: time, chance of the transport, and the store unless a test brings its own. */

import type { Job, Outcome, Reply } from '@postroad/mail'
import type { DeliveryHooks, DeliveryOpinion } from '@postroad/plugin'
import { QueueEngine } from '../../../packages/queue/src/engine/engine.ts'
import type { EngineClock, EngineOptions } from '../../../packages/queue/src/engine/options.ts'
import { DEFAULT_BACKOFF, type SiteLimits, type SiteRule } from '../../../packages/queue/src/engine/site.ts'
import type { QueuedMessage } from '../../../packages/queue/src/model.ts'
import { DEFAULT_SCHEDULE } from '../../../packages/queue/src/schedule.ts'
import type { QueueStore } from '../../../packages/queue/src/store.ts'
import { makeMessage, octetsOf, sourceOf } from '../../../packages/testing/src/contract/queue-fixture.ts'
import { memoryStore } from '../../../packages/testing/src/memory-queue.ts'

/** Time that stands still until it is told. */
export class FakeTime implements EngineClock {
  /** Not the time of the wall: whoever takes one for the other fails. */
  #now = 5_000
  #wall = 1_790_000_000_000 - 5_000
  #timers: { readonly at: number; readonly run: () => void }[] = []

  now(): number {
    return this.#wall + this.#now
  }

  monotonic(): number {
    return this.#now
  }

  /** The process stands still meanwhile. */
  skip(ms: number): void {
    this.#now += ms
  }

  /** Somebody sets the clock. */
  step(ms: number): void {
    this.#wall += ms
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer)
    }
  }

  /** Lets time pass, timer by timer, and everything they begin come to rest. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await rest()
      const next = this.#timers.toSorted((a, b) => a.at - b.at)[0]
      if (!next || next.at > end) break
      this.#timers = this.#timers.filter((each) => each !== next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
    }
    this.#now = end
    await rest()
  }
}

/** Until nothing that is ready to run is left: a few turns of the event loop. */
export async function rest(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise(setImmediate)
}

/** What a faked next hop answers to a job: a reply for all, or one for each. */
export type Answer = (
  job: Job,
  attempt: number,
) => Reply | readonly Partial<Outcome>[] | Promise<Reply | readonly Partial<Outcome>[]>

/** An engine under test. */
export interface Bench {
  readonly engine: QueueEngine
  readonly store: QueueStore
  readonly time: FakeTime
  /** Every job a transport got. */
  readonly jobs: Job[]
  /** What the hooks were told: `deferred a@example.com 450`. */
  readonly told: string[]
  send(message?: QueuedMessage): Promise<QueuedMessage>
}

export const OK: Reply = { code: 250, status: '2.0.0', text: 'OK' }

/** Makes an engine; `answer` plays all next hops. */
export function makeBench(
  answer: Answer,
  options: Partial<EngineOptions> & { readonly opinion?: DeliveryOpinion | readonly DeliveryOpinion[] } = {},
): Bench {
  const time = new FakeTime()
  const store = options.store ?? memoryStore()
  const jobs: Job[] = []
  const told: string[] = []
  const transport = {
    async deliver(job: Job): Promise<readonly Outcome[]> {
      jobs.push(job)
      const said = await answer(job, jobs.length)
      const all = 'code' in said ? job.recipients.map(() => ({ reply: said })) : said
      return all.map((each, at) => complete(each, job, at))
    },
  }
  const hooks: DeliveryHooks = {
    asks: options.opinion !== undefined,
    tls: () => undefined,
    ask: async () => (options.opinion === undefined ? [] : [options.opinion].flat()),
    tell: (name, { recipients, reply }) =>
      void told.push(`${name} ${recipients.map(({ address }) => address).join(' ')} ${reply.code}`),
    route: async () => undefined,
  }
  const engine = new QueueEngine({
    transports: (route) => (route.via === 'nobody' ? undefined : { transport, relays: route.via === 'smtp' }),
    hooks,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    hostname: 'mx.example.net',
    scheduleOf: () => DEFAULT_SCHEDULE,
    siteOf: (destination) => siteRule(destination),
    backoff: DEFAULT_BACKOFF,
    routeReport: async () => ({ via: 'smtp' }),
    returnLimit: 50_000,
    maxActive: 100,
    backlogShare: 0.5,
    memoryLimit: 1_000_000,
    destinationLimit: 100,
    attemptMs: 60_000,
    lookMs: 1_000,
    clock: time,
    ...options,
    store,
  })
  const send = async (message = makeMessage()): Promise<QueuedMessage> => {
    const now = { ...message, queuedAt: time.now() }
    await engine.accept(now, sourceOf(octetsOf(message.size)))
    await rest()
    return now
  }
  return { engine, store, time, jobs, told, send }
}

/** Where a destination is counted, when nobody says more. */
export function siteRule(name: string, limits: SiteLimits = { concurrency: 20 }): SiteRule {
  return { name, limits }
}

/** A store of which some methods are others. */
export function overriding(store: QueueStore, methods: Partial<QueueStore>): QueueStore {
  return new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(methods, key) ?? Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function complete(each: Partial<Outcome>, job: Job, at: number): Outcome {
  const { reply = OK, ...rest } = each
  const recipient = job.recipients[at]
  if (!recipient) throw new RangeError('more outcomes than recipients')
  const kind = reply.code < 300 ? 'delivered' : reply.code < 500 ? 'deferred' : 'failed'
  return { recipient, kind, reply, ...rest }
}
