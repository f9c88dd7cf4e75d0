import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from '@postroad/mail'
import fc from 'fast-check'
import { makeMessage } from '../../../test/contracts/queue/messages.ts'
import { birth } from './birth.ts'
import type { DeliveryState, QueuedDelivery, QueuedMessage } from './model.ts'
import { DEFAULT_SCHEDULE } from './schedule.ts'
import { afterAttempt, cancel, isPending, type Report, reported } from './state.ts'

const HOUR = 3_600_000
type Kind = Outcome['kind']

/** The first delivery of a message and its state. */
function begin(
  recipients: number,
  from = true,
): { message: QueuedMessage; delivery: QueuedDelivery; state: DeliveryState } {
  const made = makeMessage({
    recipients: Array.from({ length: recipients }, (_, at) => [`r${at}`, 'example.com'] as const),
  })
  const message = from ? made : { ...made, from: undefined }
  const [delivery] = message.deliveries
  assert.ok(delivery)
  return { message, delivery, state: birth.state(delivery, { kind: 'claimed', owner: 'me' }) }
}

type Started = ReturnType<typeof begin>

function step(
  { message, delivery, state }: Started,
  kinds: readonly (Kind | undefined)[],
  options: { after?: number; untried?: boolean; relays?: boolean; dsnRelayed?: boolean } = {},
) {
  const now = message.queuedAt + (options.after ?? 0)
  const outcomes = delivery.recipients.map((recipient, at): Outcome | undefined => {
    const kind = kinds[at]
    if (kind === undefined || !isPending(state.recipients[at])) return undefined
    const code = { delivered: 250, deferred: 450, failed: 550 }[kind]
    return {
      recipient,
      kind,
      reply: { code, text: 'x' },
      ...(options.dsnRelayed === undefined ? {} : { dsnRelayed: options.dsnRelayed }),
    }
  })
  return afterAttempt({
    message,
    delivery,
    state,
    outcomes,
    startedAt: now - 5,
    now,
    relays: options.relays ?? true,
    untried: options.untried ?? false,
    schedule: DEFAULT_SCHEDULE,
    random: 0.5,
  })
}

const actions = (reports: readonly Report[]) => reports.map(({ action, recipient }) => `${action} ${recipient}`)

test('each recipient has a fate of its own, and the delivery goes on for those that are pending', () => {
  const started = begin(3)
  const { state, reports } = step(started, ['delivered', 'deferred', 'failed'])
  assert.deepEqual(
    state.recipients.map(({ fate }) => fate),
    ['relayed', 'pending', 'failed'],
  )
  assert.equal(state.status.kind, 'scheduled')
  assert.deepEqual(actions(reports), ['failed 2'])
  const end = step({ ...started, state }, [undefined, 'delivered', undefined])
  assert.deepEqual([end.state.status.kind, end.state.attempts, end.reports], ['done', 2, []])
})

test('a next hop that says when to come again is not asked before, nor much later', () => {
  const { message, delivery, state } = begin(1)
  const at = (retryAfterMs?: number) => {
    const [recipient] = delivery.recipients
    assert.ok(recipient)
    const wish = retryAfterMs === undefined ? {} : { retryAfterMs }
    const outcome: Outcome = { recipient, kind: 'deferred', reply: { code: 450, text: 'x' }, ...wish }
    const now = message.queuedAt
    const common = { message, delivery, state, startedAt: now, now, relays: true, untried: false, random: 0.5 }
    const { status } = afterAttempt({ ...common, outcomes: [outcome], schedule: DEFAULT_SCHEDULE }).state
    return status.kind === 'scheduled' && status.at - now
  }
  // A greylist is asked again after two minutes; a wish is made up to a fifth longer, by chance.
  assert.deepEqual([at(), at(60_000), at(HOUR)], [120_000, 120_000, HOUR + 360_000])
})

test('a delay is reported once, after four hours', () => {
  const started = begin(1)
  const early = step(started, ['deferred'], { after: 3 * HOUR })
  const late = step({ ...started, state: early.state }, ['deferred'], { after: 5 * HOUR })
  const later = step({ ...started, state: late.state }, ['deferred'], { after: 9 * HOUR })
  assert.deepEqual(
    [early, late, later].map(({ reports }) => actions(reports)),
    [[], ['delayed 0'], []],
  )
})

test('what is deferred at the end of its life has expired, and is reported as failed', () => {
  const { state, reports, events } = step(begin(1), ['deferred'], { after: 121 * HOUR })
  assert.deepEqual(
    [state.recipients[0]?.fate, state.status.kind, actions(reports), events[0]?.name],
    ['expired', 'done', ['failed 0'], 'bounced'],
  )
})

test('RFC 3461 §4.1: NOTIFY=NEVER is silence, and SUCCESS alone says nothing of failure', () => {
  const asked = (notify: readonly ('NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY')[]): Started => {
    const { message, delivery, state } = begin(1)
    return {
      message,
      delivery: { ...delivery, recipients: delivery.recipients.map((each) => ({ ...each, parameters: { notify } })) },
      state,
    }
  }
  const late = { after: 5 * HOUR }
  const said = (notify: Parameters<typeof asked>[0]) =>
    [step(asked(notify), ['delivered']), step(asked(notify), ['deferred'], late), step(asked(notify), ['failed'])].map(
      ({ reports }) => actions(reports).join(),
    )
  assert.deepEqual(said(['NEVER']), ['', '', ''])
  assert.deepEqual(said(['SUCCESS']), ['relayed 0', '', ''])
  assert.deepEqual(said(['FAILURE']), ['', '', 'failed 0'])
  assert.deepEqual(said(['DELAY']), ['', 'delayed 0', ''])
  assert.deepEqual(actions(step(asked(['SUCCESS']), ['delivered'], { dsnRelayed: true }).reports), [])
  assert.deepEqual(actions(step(asked(['SUCCESS']), ['delivered'], { relays: false }).reports), ['delivered 0'])
})

test('an attempt that made no connection is not counted, and not in the history', () => {
  const { state } = step(begin(1), ['deferred'], { untried: true })
  assert.deepEqual([state.attempts, state.history.length, state.status.kind], [0, 0, 'scheduled'])
})

test('history keeps the first and the latest attempts', () => {
  let started = begin(1)
  for (let attempt = 0; attempt < 40; attempt++)
    started = { ...started, state: step(started, ['deferred'], { after: attempt }).state }
  assert.deepEqual(
    [
      started.state.attempts,
      started.state.history.length,
      started.state.history[0]?.at,
      started.state.history.at(-1)?.at,
    ].map((value, at) => (at < 2 ? value : (value ?? 0) - started.message.queuedAt)),
    [40, 16, -5, 34],
  )
})

test('a failure that ends a delivery waits for those of other deliveries, and is then told once', () => {
  const { message, delivery, state } = begin(3)
  const started = { message: { ...message, deliveries: [delivery, delivery] }, delivery, state }
  const first = step(started, ['failed', 'deferred', 'delivered'])
  assert.deepEqual(
    [actions(first.reports), first.state.pendingReport, first.state.status.kind],
    [['failed 0'], undefined, 'scheduled'],
  )
  const last = step({ ...started, state: first.state }, [undefined, 'failed', undefined])
  assert.deepEqual(
    [actions(last.reports), last.state.pendingReport, last.state.status],
    [[], [1], { kind: 'scheduled', at: message.queuedAt + 20_000 }],
  )
  const end = reported(last.state)
  assert.deepEqual(
    [actions(end.reports), end.state.pendingReport, end.state.status.kind],
    [['failed 1'], undefined, 'done'],
  )
  const given = cancel(started.message, delivery, {
    state: last.state,
    reply: { code: 550, text: '' },
    now: message.queuedAt,
  })
  assert.deepEqual(
    [actions(given.reports), given.state],
    [['failed 1'], end.state],
    'a pending report is made, whoever ends it',
  )
})

test('the operator gives up on what is pending only', () => {
  const started = begin(2)
  const { state } = step(started, ['delivered', 'deferred'])
  const end = cancel(started.message, started.delivery, {
    state,
    reply: { code: 550, text: 'enough' },
    now: started.message.queuedAt,
  })
  assert.deepEqual(
    [end.state.recipients.map(({ fate }) => fate), end.state.status.kind, actions(end.reports)],
    [['relayed', 'cancelled'], 'done', ['failed 1']],
  )
})

test('whatever happens: what is final stays so, statuses fit recipients, everybody is told at most once of each thing, and all ends', () => {
  const event = fc.record({
    kinds: fc.array(fc.constantFrom<Kind | undefined>('delivered', 'deferred', 'failed', undefined), { maxLength: 4 }),
    wait: fc.nat(10 * HOUR),
    untried: fc.boolean(),
  })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      fc.boolean(),
      fc.array(event, { maxLength: 30 }),
      (recipients, from, isOneOfTwo, events) => {
        let started = begin(recipients, from)
        if (isOneOfTwo)
          started = { ...started, message: { ...started.message, deliveries: [started.delivery, started.delivery] } }
        let after = 0
        const heard = new Set<string>()
        // The last two are at the end of the message's life, where nothing is deferred any more.
        const all: readonly Kind[] = ['deferred', 'deferred', 'deferred', 'deferred']
        for (const { kinds, wait, untried } of [...events, { kinds: all, wait: 200 * HOUR, untried: false }]) {
          if (started.state.status.kind === 'done' || started.state.pendingReport) break
          after += wait
          const { state, reports } = step(started, kinds, { after, untried })
          for (const [at, before] of started.state.recipients.entries())
            if (!isPending(before)) assert.deepEqual(state.recipients[at], before)
          assert.equal(
            state.status.kind === 'done' || state.pendingReport !== undefined,
            !state.recipients.some(isPending),
          )
          assert.ok(state.attempts >= started.state.attempts)
          if (!from) assert.deepEqual(reports, [])
          for (const each of actions(reports)) {
            assert.ok(!heard.has(each), `told twice: ${each}`)
            heard.add(each)
          }
          started = { ...started, state }
        }
        const end = started.state.pendingReport ? reported(started.state) : { state: started.state, reports: [] }
        assert.equal(end.state.status.kind, 'done')
        for (const each of actions(end.reports)) {
          assert.ok(!heard.has(each), `told twice: ${each}`)
          heard.add(each)
        }
        for (const [at, { fate }] of started.state.recipients.entries())
          assert.equal(heard.has(`failed ${at}`), from && (fate === 'failed' || fate === 'expired'))
      },
    ),
  )
})
