import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { DEFAULT_SCHEDULE } from '../schedule.ts'
import { deliveryOptions } from './delivery-options.ts'
import { parseDuration } from './duration.ts'
import { LaneRules } from './lane-rules.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const schema = z.strictObject(deliveryOptions)

const rulesOf = (options: z.input<typeof schema>) => new LaneRules(schema.parse(options))

test('without a word there are 20 transactions at once, and the default schedule', () => {
  const rules = rulesOf({})
  assert.deepEqual(rules.limitsOf('smtp:example.com'), { concurrency: 20 })
  assert.deepEqual(rules.scheduleOf('smtp:example.com'), DEFAULT_SCHEDULE)
})

test('an entry means a domain, what is below it, a host of a route, a transport, or all', () => {
  const rules = rulesOf({
    lanes: [
      { match: 'example.com', concurrency: 1 },
      { match: '*.example.com', concurrency: 2 },
      { match: 'relay.test', concurrency: 3 },
      { match: 'maildir', concurrency: 4 },
      { match: '*', concurrency: 5 },
    ],
  })
  const lanes = ['smtp:example.com', 'smtp:a.example.com', 'smtp:relay.test:2525', 'maildir', 'smtp:other.test', 'lmtp']
  assert.deepEqual(
    lanes.map((lane) => rules.limitsOf(lane).concurrency),
    [1, 2, 3, 4, 5, 5],
  )
})

test('limits and schedule come each from the first entry that matches and says something of it', () => {
  const rules = rulesOf({
    life: '4d',
    lanes: [
      { match: 'slow.test', life: '1d' },
      { match: '*.test', perSecond: 2 },
      { match: '*.slow.test', concurrency: 7 },
      { match: '*', warnAfter: 0, concurrency: 3 },
    ],
  })
  assert.deepEqual(rules.limitsOf('smtp:slow.test'), { concurrency: 20, perSecond: 2 })
  assert.deepEqual(rules.limitsOf('smtp:a.slow.test'), { concurrency: 20, perSecond: 2 })
  assert.deepEqual(rules.limitsOf('smtp:example.com'), { concurrency: 3 })
  const times = (lane: string) => [rules.scheduleOf(lane).lifeMs / HOUR, rules.scheduleOf(lane).warnAfterMs / HOUR]
  assert.deepEqual([times('smtp:slow.test'), times('smtp:example.com')], [[24, 4], [96, 0]]) // biome-ignore format: a table
})

test('waits of a destination replace those of classes too, unless it says others', () => {
  const rules = rulesOf({
    retryByClass: { quota: ['3h'] },
    lanes: [
      { match: 'plain.test', retry: ['1m', 120_000] },
      { match: 'both.test', retry: ['1m'], retryByClass: { greylist: ['30s'] } },
      { match: 'class.test', retryByClass: { greylist: ['30s'] } },
    ],
  })
  const { waits, classWaits } = rules.scheduleOf('smtp:plain.test')
  assert.deepEqual([waits, classWaits], [[MINUTE, 2 * MINUTE], {}])
  assert.deepEqual(rules.scheduleOf('smtp:both.test').classWaits, { greylist: [30_000] })
  assert.deepEqual(rules.scheduleOf('smtp:class.test').classWaits, {
    ...DEFAULT_SCHEDULE.classWaits,
    quota: [3 * HOUR],
    greylist: [30_000],
  })
  assert.deepEqual(rules.scheduleOf('smtp:class.test').waits, DEFAULT_SCHEDULE.waits)
})

test('durations have units, and are milliseconds without', () => {
  assert.deepEqual(['250ms', '90s', '15m', '4h', '5d', '1w', '-1s', ''].map(parseDuration), [
    250,
    90_000,
    900_000,
    14_400_000,
    432_000_000,
    Number.NaN,
    Number.NaN,
    Number.NaN,
  ])
})
