/** The state machine in tables: an operator's words, clocks, fates, and what is remembered of an attempt. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome, TlsOutcome } from '@postroad/mail'
import { makeMessage } from '../../../test/contracts/queue/messages.ts'
import { birth } from './birth.ts'
import type { DeliveryState } from './model.ts'
import { DEFAULT_SCHEDULE } from './schedule.ts'
import {
  type Attempted,
  afterAttempt,
  cancel,
  lifeBegan,
  operated,
  type Report,
  wants,
  withdrawn,
  withPendingHold,
} from './state.ts'
import type { Operation } from './store.ts'

const HOUR = 3_600_000
const TLS: TlsOutcome = {
  version: 'TLSv1.3',
  cipher: 'TLS_AES_256_GCM_SHA384',
  group: 'X25519MLKEM768',
  policy: 'dane',
  verified: 'dane-ee',
}

/** The first delivery of a message, and its state. */
function begin(recipients: number, from = true) {
  const made = makeMessage({
    recipients: Array.from({ length: recipients }, (_, at) => [`r${at}`, 'example.com'] as const),
  })
  const message = from ? made : { ...made, from: undefined }
  const [delivery = assert.fail()] = message.deliveries
  return { message, delivery, state: birth.state(delivery, { kind: 'claimed', owner: 'me' }) }
}

type Started = ReturnType<typeof begin>

/** One attempt at all recipients, with whatever is special about it. */
function attempted(
  { message, delivery, state }: Started,
  said: readonly Partial<Outcome>[],
  more: Partial<Attempted> = {},
) {
  const now = message.queuedAt + HOUR
  const outcomes = delivery.recipients.map(
    (recipient, at): Outcome => ({ recipient, kind: 'deferred', reply: { code: 450, text: 'x' }, ...said[at] }),
  )
  return afterAttempt({
    message,
    delivery,
    state,
    outcomes,
    startedAt: now - 5,
    now,
    relays: true,
    schedule: DEFAULT_SCHEDULE,
    random: 0.5,
    ...more,
  })
}

const actions = (reports: readonly Report[]) => reports.map(({ action, recipient }) => `${action} ${recipient}`)

const REPLY = { code: 250, text: 'x' }
const scheduled = (at: number) => ({ kind: 'scheduled', at }) as const
const held = (since: number) => ({ kind: 'held', since, reason: 'operator' }) as const

test('an operator’s word changes what it can', () => {
  const base = begin(1).state
  const after = (status: DeliveryState['status'], operation: Operation, more: Partial<DeliveryState> = {}) => {
    const next = operated({ ...base, ...more, status }, operation, 7)
    return next && ('pendingHold' in next ? [next.status, next.pendingHold] : next.status)
  }
  const claimed = { kind: 'claimed', owner: 'me' } as const
  const waiting = { kind: 'waiting', since: 1 } as const
  const hold: Operation = { kind: 'hold', reason: 'operator' }
  assert.deepEqual(after(scheduled(1), hold), held(7))
  assert.deepEqual(after(waiting, hold), held(7))
  assert.equal(after(held(1), hold), undefined)
  assert.equal(after({ kind: 'done' }, hold), undefined)
  assert.deepEqual(after(claimed, hold), [claimed, true])
  assert.equal(after(claimed, hold, { pendingHold: true }), undefined)
  assert.deepEqual(after(claimed, { kind: 'release' }, { pendingHold: true }), claimed)
  assert.equal(after(claimed, { kind: 'release' }), undefined)
  assert.equal(after(claimed, { kind: 'retry' }, { pendingHold: true }), undefined)
  for (const kind of ['release', 'retry'] as const) {
    assert.deepEqual(after(held(1), { kind }), scheduled(7))
    assert.equal(after({ kind: 'done' }, { kind }), undefined)
  }
  for (const status of [scheduled(9), waiting]) {
    assert.deepEqual(after(status, { kind: 'retry' }), scheduled(7))
    assert.equal(after(status, { kind: 'release' }), undefined)
  }
})

test('a hold that was asked for while an attempt ran is stored with its end, unless all is done', () => {
  const base = begin(1).state
  const stored = (status: DeliveryState['status'], isAsked: true | undefined, now?: number) => {
    const { status: next, ...rest } = withPendingHold({ ...base, status, pendingHold: isAsked as never }, isAsked, now)
    assert.equal('pendingHold' in rest, false)
    return next
  }
  assert.deepEqual(stored(scheduled(5), true), held(5))
  assert.deepEqual(stored({ kind: 'waiting', since: 6 }, true), held(6))
  assert.deepEqual(stored({ kind: 'claimed', owner: 'me' }, true), held(0))
  assert.deepEqual(stored(scheduled(5), true, 8), held(8))
  assert.deepEqual(stored(scheduled(5), undefined), scheduled(5))
  assert.deepEqual(stored({ kind: 'done' }, true), { kind: 'done' })
})

test('who deletes a message cancels what is pending in it', () => {
  const { state } = attempted(begin(2), [{ kind: 'delivered' }])
  const { recipients } = withdrawn(state, 9)
  assert.equal(recipients[0], state.recipients[0])
  assert.deepEqual(recipients[1], { fate: 'cancelled', reply: { code: 250, text: 'Deleted by the operator' }, at: 9 })
})

test('who gives up says so of whoever wanted to hear of failures', () => {
  const started = begin(3)
  const recipients = started.delivery.recipients.map((each, at) =>
    at === 1 ? { ...each, parameters: { notify: ['NEVER'] as const } } : each,
  )
  const delivery = { ...started.delivery, recipients }
  const { state } = attempted({ ...started, delivery }, [{ kind: 'delivered' }])
  const given = cancel(started.message, delivery, { state, reply: REPLY, now: 9 })
  assert.deepEqual(
    given.state.recipients.map(({ fate, at }) => [fate, at === 9]),
    [
      ['relayed', false],
      ['cancelled', true],
      ['cancelled', true],
    ],
  )
  assert.deepEqual(given.reports, [
    { action: 'failed', recipient: 2, state: { fate: 'cancelled', reply: REPLY, class: 'policy', at: 9 } },
  ])
  assert.equal(given.state.status.kind, 'done')
  assert.deepEqual(given.events, [
    {
      name: 'bounced',
      recipients: [1, 2],
      reply: REPLY,
      class: 'policy',
      remote: undefined,
      tls: undefined,
      uncertain: false,
    },
  ])
  assert.deepEqual(
    cancel({ ...started.message, from: undefined }, delivery, { state, reply: REPLY, now: 9 }).reports,
    [],
  )
})

test('a life counts from when the message was queued, by the clock that is right', () => {
  const began = (queuedAt: number, countedFrom: number | undefined, now: number, today?: number) =>
    lifeBegan({ queuedAt }, { countedFrom }, { now, today })
  assert.equal(began(100, undefined, 500), 100)
  assert.equal(began(100, undefined, 100), 100)
  assert.equal(began(100, 300, 500), 300, 'counted from later')
  assert.equal(began(100, 600, 500), 100, 'of a clock that was ahead')
  assert.equal(began(100, undefined, 500, 400), 400, 'queued today')
  assert.equal(began(100, 300, 500, 200), 300)
  assert.equal(began(100, 500, 500), 500)
  assert.equal(began(900, undefined, 500), 500, 'from the future')
  assert.equal(began(900, 450, 500), 450)
  assert.equal(began(900, 700, 500), 500)
})

test('what a sender wants to hear of, RFC 3461 §4.1', () => {
  const wanted = (notify: readonly ('NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY')[] | undefined) => {
    const { delivery } = begin(1)
    const recipients = delivery.recipients.map((each) => ({ ...each, parameters: notify ? { notify } : {} }))
    return (['SUCCESS', 'FAILURE', 'DELAY'] as const).filter((what) => wants({ ...delivery, recipients }, 0, what))
  }
  assert.deepEqual(wanted(undefined), ['FAILURE', 'DELAY'])
  assert.deepEqual(wanted(['NEVER']), [])
  assert.deepEqual(wanted(['SUCCESS', 'DELAY']), ['SUCCESS', 'DELAY'])
})

test('what the attempt was like is remembered, alike for several as one', () => {
  const { state, events } = attempted(begin(3), [
    { kind: 'delivered', reply: REPLY, remote: 'mx', tls: TLS },
    { kind: 'delivered', reply: REPLY, remote: 'mx', tls: TLS },
    { kind: 'failed', reply: { code: 550, text: 'no' }, uncertain: true },
  ])
  const at = begin(3).message.queuedAt + HOUR
  const tls = 'TLSv1.3 TLS_AES_256_GCM_SHA384 X25519MLKEM768 policy=dane verified=dane-ee'
  assert.deepEqual(state.history, [
    {
      at: at - 5,
      tookMs: 5,
      outcomes: [
        { kind: 'delivered', recipients: 2, reply: REPLY, remote: 'mx', tls },
        { kind: 'failed', recipients: 1, reply: { code: 550, text: 'no' }, uncertain: true },
      ],
    },
  ])
  assert.deepEqual(
    events.map(({ name, recipients, uncertain, remote, tls, class: kind }) => [
      name,
      recipients,
      uncertain,
      remote,
      tls,
      kind === undefined,
    ]),
    [
      ['delivered', [0, 1], false, 'mx', TLS, true],
      ['bounced', [2], true, undefined, undefined, false],
    ],
  )
  assert.deepEqual(state.recipients[0], { fate: 'relayed', reply: REPLY, remote: 'mx', at })
})

test('replies that differ in anything a reader sees are told apart', () => {
  const plain = { code: 450, status: '4.2.0', text: 'x' }
  for (const other of [
    { ...plain, code: 451 },
    { ...plain, status: '4.2.1' },
    { ...plain, text: 'y' },
  ]) {
    const { state, events } = attempted(begin(2), [{ reply: plain }, { reply: other }])
    assert.deepEqual([events.length, state.history[0]?.outcomes.length], [2, 2])
  }
  const { events } = attempted(begin(2), [
    { reply: plain, remote: 'a' },
    { reply: plain, remote: 'b' },
  ])
  assert.equal(events.length, 2)
})

test('delivered for good, or handed on: as the transport says, and the next hop', () => {
  const fate = (relays: boolean, dsnRelayed: boolean | undefined) =>
    attempted(begin(1), [{ kind: 'delivered', ...(dsnRelayed !== undefined && { dsnRelayed }) }], { relays }).state
      .recipients[0]?.fate
  assert.deepEqual(
    [fate(true, undefined), fate(true, false), fate(true, true), fate(false, undefined)],
    ['relayed', 'relayed', 'delivered', 'delivered'],
  )
})

test('the next attempt comes with the soonest recipient, and when the destination opens at the latest', () => {
  const started = begin(2)
  const now = started.message.queuedAt + HOUR
  const at = (said: readonly Partial<Outcome>[], more: Partial<Attempted> = {}) => {
    const { status } = attempted(started, said, more).state
    return 'at' in status ? status.at - now : status.kind
  }
  const plain = at([])
  assert.equal(plain, 120_000)
  assert.equal(at([], { opensAt: now + 1_000 }), 1_000)
  assert.equal(at([], { opensAt: now + 9 * HOUR }), plain)
  assert.equal(at([{ kind: 'delivered' }, {}]), plain)
  assert.equal(at([{ kind: 'delivered' }, { kind: 'failed' }]), 'done')
})

test('a life ends to the millisecond, a delay is told to the millisecond, and not where the operator wants none', () => {
  const started = begin(1)
  const { lifeMs, warnAfterMs } = DEFAULT_SCHEDULE
  const after = (ms: number, schedule = DEFAULT_SCHEDULE) => {
    const { state, reports } = attempted(started, [], { now: started.message.queuedAt + ms, schedule })
    return [state.recipients[0]?.fate, state.warned, ...actions(reports)]
  }
  assert.deepEqual(after(lifeMs), ['expired', false, 'failed 0'])
  assert.deepEqual(after(lifeMs - 1), ['pending', true, 'delayed 0'])
  assert.deepEqual(after(warnAfterMs), ['pending', true, 'delayed 0'])
  assert.deepEqual(after(warnAfterMs - 1), ['pending', false])
  assert.deepEqual(after(lifeMs - 1, { ...DEFAULT_SCHEDULE, warnAfterMs: 0 }), ['pending', false])
  const [report] = attempted(started, [], { now: started.message.queuedAt + warnAfterMs }).reports
  assert.equal(report?.until, started.message.queuedAt + lifeMs)
})

test('nobody is told of what came of a notification', () => {
  for (const kind of ['failed', 'deferred'] as const)
    assert.deepEqual(
      attempted(begin(1, false), [{ kind }], { now: begin(1).message.queuedAt + 200 * HOUR }).reports,
      [],
    )
})

test('a clock that was wrong is written down with the state', () => {
  const started = begin(1)
  const { queuedAt } = started.message
  assert.equal('countedFrom' in attempted(started, []).state, false)
  assert.equal(attempted(started, [], { now: queuedAt - 10 }).state.countedFrom, queuedAt - 10)
  assert.equal(attempted(started, [], { today: queuedAt + 10 }).state.countedFrom, queuedAt + 10)
})

test('sixteen attempts are remembered, and of more the first four and the latest twelve', () => {
  let started = begin(1)
  const lengths: number[] = []
  for (let count = 0; count < 18; count++) {
    started = { ...started, state: attempted(started, [], { startedAt: count }).state }
    lengths.push(started.state.history.length)
  }
  assert.deepEqual(lengths.slice(-3), [16, 16, 16])
  assert.deepEqual(
    started.state.history.map(({ at }) => at),
    [0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
  )
})
