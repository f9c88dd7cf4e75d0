/** Random events against a store and the model at once: after each, both must say the same of every message. */
import assert from 'node:assert/strict'
import type { DeliveryState, Lease, Operation, QueuedMessage, QueueStore } from '@postroad/queue-engine'
import fc from 'fast-check'
import { memoryQueue } from '../memory-queue.ts'
import { at, done, makeMessage, octetsOf, type QueueUnderTest, sourceOf } from './queue-fixture.ts'

type Event =
  | { readonly kind: 'add'; readonly who: number; readonly deliveries: number }
  | { readonly kind: 'due'; readonly who: number; readonly limit: number; readonly gate: number }
  | { readonly kind: 'waiting'; readonly who: number; readonly destination: number }
  | { readonly kind: 'record'; readonly which: number; readonly done: boolean; readonly wait: number }
  | { readonly kind: 'release'; readonly which: number; readonly wait: number }
  | { readonly kind: 'operate'; readonly which: number; readonly operation: Operation }
  | { readonly kind: 'hasten'; readonly who: number; readonly within: number }
  | { readonly kind: 'pass'; readonly seconds: number }
  | { readonly kind: 'die'; readonly who: number }

const small = fc.nat(3)
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('add' as const), who: small, deliveries: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('due' as const),
      who: small,
      limit: fc.integer({ min: 1, max: 5 }),
      gate: fc.nat(3),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('waiting' as const), who: small, destination: fc.nat(2) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('record' as const),
      which: fc.nat(),
      done: fc.boolean(),
      wait: fc.nat(100),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const), which: fc.nat(), wait: fc.nat(100) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('operate' as const),
      which: fc.nat(),
      operation: fc.constantFrom<Operation>(
        { kind: 'hold', reason: 'x' },
        { kind: 'release' },
        { kind: 'retry' },
        { kind: 'delete' },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('hasten' as const), who: small, within: fc.nat(100) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), seconds: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const), who: small }) },
)

/** Runs the comparison; throws with the shortest sequence that differs. */
export async function differential(open: () => Promise<QueueUnderTest>, rounds: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 40 }), async (events) => {
      const queue = await open()
      try {
        await play(queue, events)
      } finally {
        await queue.dispose()
      }
    }),
    { numRuns: rounds },
  )
}

/** A store and its double. */
interface Pair {
  readonly real: QueueStore
  readonly model: QueueStore
}

interface PairedLease {
  readonly pair: Pair
  readonly real: Lease
  readonly model: Lease
}

class Play {
  readonly #queue: QueueUnderTest
  readonly #memory = memoryQueue()
  readonly #messages: QueuedMessage[] = []
  #pairs: Pair[] = []
  #leases: PairedLease[] = []
  #now = at(0)

  constructor(queue: QueueUnderTest) {
    this.#queue = queue
  }

  async step(step: Event): Promise<void> {
    if (step.kind === 'add') await this.#add(await this.#pair(step.who), step.deliveries)
    else if (step.kind === 'due') await this.#due(await this.#pair(step.who), step)
    else if (step.kind === 'waiting')
      await this.#waiting(await this.#pair(step.who), `smtp:lane-${step.destination}.example.com`)
    else if (step.kind === 'record') await this.#record(step)
    else if (step.kind === 'release') await this.#release(step)
    else if (step.kind === 'operate') await this.#operate(step)
    else if (step.kind === 'hasten') await this.#hasten(await this.#pair(step.who), step.within)
    else if (step.kind === 'die') await this.#die(step.who)
    else this.#now += step.seconds * 1_000
    await this.#compare()
  }

  async #pair(who: number): Promise<Pair> {
    this.#pairs[who] ??= { real: await this.#queue.store(), model: this.#memory.open() }
    return this.#pairs[who]
  }

  async #add(pair: Pair, deliveries: number): Promise<void> {
    const message = makeMessage({ deliveries })
    this.#messages.push(message)
    const [real, model] = await Promise.all(
      [pair.real, pair.model].map((store) => store.add(message, sourceOf(octetsOf(message.size)))),
    )
    this.#remember(pair, real, model)
  }

  async #due(pair: Pair, { limit, gate }: { readonly limit: number; readonly gate: number }): Promise<void> {
    const later = this.#now + 30_000
    const verdict = (destination: string) =>
      destination.includes(`lane-${gate}`) ? (gate % 2 === 0 ? 'wait' : later) : 'take'
    // Two deliveries of one moment may come in any order: ask for all, or for none.
    const all = limit > 2 ? 1_000 : 0
    const [real, model] = await Promise.all(
      [pair.real, pair.model].map((store) =>
        all === 0 ? undefined : store.claimDue({ now: this.#now, limit: all, gate: verdict }),
      ),
    )
    assert.equal(real?.moved, model?.moved, 'entries that were due')
    this.#remember(pair, real?.leases, model?.leases)
  }

  async #waiting(pair: Pair, destination: string): Promise<void> {
    const [real, model] = await Promise.all(
      [pair.real, pair.model].map((store) => store.claimWaiting(destination, 1_000)),
    )
    this.#remember(pair, real, model)
  }

  async #record({
    which,
    done: isDone,
    wait,
  }: {
    readonly which: number
    readonly done: boolean
    readonly wait: number
  }): Promise<void> {
    const lease = this.#leases[which % Math.max(1, this.#leases.length)]
    if (!lease) return
    const state = (each: Lease): DeliveryState =>
      isDone
        ? done(each)
        : {
            ...each.state,
            attempts: each.state.attempts + 1,
            status: { kind: 'scheduled', at: this.#now + wait * 1_000 },
          }
    // Now and then another delivery of the message ends in the same step, whether or not its lease is still good.
    const { message, index } = lease.real
    const other = wait % 2 === 0 ? undefined : this.#leases.find((each) => each.pair === lease.pair && each.real.message.id === message.id && each.real.index !== index) // biome-ignore format: long
    const recorded = (which: 'real' | 'model') => {
      const also = other ? [{ lease: other[which], state: state(other[which]) }] : []
      return lease.pair[which].record({ lease: lease[which], state: state(lease[which]), also, now: this.#now })
    }
    const [real, model] = [await recorded('real'), await recorded('model')]
    assert.equal(real, model, 'result of an end')
  }

  async #release({ which, wait }: { readonly which: number; readonly wait: number }): Promise<void> {
    const lease = this.#leases[which % Math.max(1, this.#leases.length)]
    if (!lease) return
    const status = { kind: 'scheduled', at: this.#now + wait * 1_000 } as const
    await lease.pair.real.release([lease.real], status)
    await lease.pair.model.release([lease.model], status)
  }

  async #operate({ which, operation }: { readonly which: number; readonly operation: Operation }): Promise<void> {
    const message = this.#messages[which % Math.max(1, this.#messages.length)]
    if (!message) return
    const pair = await this.#pair(0)
    const [real, model] = await Promise.all(
      [pair.real, pair.model].map((store) => store.operate(message.id, operation, this.#now)),
    )
    assert.equal(real, model, `deliveries changed by ${operation.kind}`)
  }

  async #hasten(pair: Pair, within: number): Promise<void> {
    const times = { now: this.#now, latest: this.#now + within * 1_000 }
    const [real, model] = await Promise.all([pair.real, pair.model].map((store) => store.hasten(times)))
    assert.equal(real, model, 'deliveries that were scheduled for too late')
  }

  async #die(who: number): Promise<void> {
    const pair = this.#pairs[who]
    if (!pair) return
    await this.#queue.kill(pair.real)
    this.#memory.kill(pair.model)
    delete this.#pairs[who]
    const survivor = await this.#pair((who + 1) % 4)
    const [real, model] = await Promise.all([survivor.real, survivor.model].map((store) => store.beat(this.#now)))
    assert.equal(real, model, 'leases taken over')
  }

  #remember(pair: Pair, real: readonly Lease[] = [], model: readonly Lease[] = []): void {
    const key = ({ message, index }: Lease): string => `${message.id} ${index}`
    assert.deepEqual(real.map(key).sort(), model.map(key).sort(), 'leases')
    const byKey = new Map(model.map((lease) => [key(lease), lease]))
    for (const lease of real) this.#leases.push({ pair, real: lease, model: byKey.get(key(lease)) as Lease }) // the keys are equal
  }

  async #compare(): Promise<void> {
    const pair = this.#pairs.find(Boolean)
    if (pair) await this.#compareWith(pair)
  }

  async #compareWith(pair: Pair): Promise<void> {
    for (const { id } of this.#messages) {
      const [real, model] = await Promise.all([pair.real.get(id), pair.model.get(id)])
      assert.deepEqual(real?.states.map(shape), model?.states.map(shape), `states of ${id}`)
    }
    const [counted, expected] = await Promise.all([pair.real.stats(), pair.model.stats()])
    assert.deepEqual({ ...counted, freeBytes: 0 }, { ...expected, freeBytes: 0 }, 'counts')
  }
}

/** Owners have different names here and there. */
function shape({ status, attempts, recipients, pendingHold }: DeliveryState): object {
  return {
    status: status.kind === 'claimed' ? 'claimed' : status,
    attempts,
    fates: recipients.map(({ fate }) => fate),
    pendingHold,
  }
}

async function play(queue: QueueUnderTest, events: readonly Event[]): Promise<void> {
  const play = new Play(queue)
  for (const event of events) await play.step(event)
}
