import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { FIXED_BACKOFF } from '../engine/site.ts'
import { DEFAULT_SCHEDULE } from '../schedule.ts'
import { deliveryOptions } from './delivery-options.ts'
import { DestinationRules, type MailHosts } from './destination-rules.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const schema = z.strictObject(deliveryOptions)

const rulesOf = (options: z.input<typeof schema>, mailHosts?: MailHosts) =>
  new DestinationRules(schema.parse(options), mailHosts)

/** What is allowed where no mail host has a say. */
function limitsOf(rules: DestinationRules, destination: string) {
  const site = rules.siteOf(destination, { via: destination.split(':')[0] ?? '' })
  assert.ok(!(site instanceof Promise))
  return site.limits
}

const HOSTS: Readonly<Record<string, readonly string[]>> = {
  'a.test': ['a-test.mail.outlook.example'],
  'b.test': ['b-test.mail.outlook.example'],
  'c.test': ['mx1.shared.example', 'mx2.shared.example'],
  'd.test': ['mx1.shared.example', 'mx2.shared.example'],
  'e.test': ['mx1.shared.example'],
}

test('without a word there are 20 transactions at once, and the default schedule', () => {
  const rules = rulesOf({})
  assert.deepEqual(limitsOf(rules, 'smtp:example.com'), { concurrency: 20 })
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
    lanes.map((destination) => limitsOf(rules, destination).concurrency),
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
  assert.deepEqual(limitsOf(rules, 'smtp:slow.test'), { concurrency: 20, perSecond: 2 })
  assert.deepEqual(limitsOf(rules, 'smtp:a.slow.test'), { concurrency: 20, perSecond: 2 })
  assert.deepEqual(limitsOf(rules, 'smtp:example.com'), { concurrency: 3 })
  const times = (destination: string) => [
    rules.scheduleOf(destination).lifeMs / HOUR,
    rules.scheduleOf(destination).warnAfterMs / HOUR,
  ]
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

/** Sites of domains, with the domains that were looked up. */
async function sitesOf(lanes: z.input<typeof schema>['lanes'], domains: readonly string[]) {
  const asked: string[] = []
  const rules = rulesOf({ lanes }, async (domain) => {
    asked.push(domain)
    const hosts = HOSTS[domain]
    if (!hosts) throw new Error('SERVFAIL')
    return hosts
  })
  const found = await Promise.all(domains.map((domain) => rules.siteOf(`smtp:${domain}`, { via: 'smtp' })))
  return { sites: found.map(({ name, limits }) => `${name} ${limits.concurrency}`), asked, rules, found }
}

test('domains whose best mail hosts match share the limits of the entry, all together', async () => {
  const { sites } = await sitesOf([{ mx: '*.Mail.outlook.example', concurrency: 10 }], ['a.test', 'b.test', 'c.test'])
  assert.deepEqual(sites, [
    'mx:*.mail.outlook.example 10',
    'mx:*.mail.outlook.example 10',
    'mx:mx1.shared.example,mx2.shared.example 20',
  ])
})

test('without a word domains with the same best mail hosts are counted together, and nothing of it is written down', async () => {
  const { sites, found } = await sitesOf([], ['c.test', 'd.test', 'e.test'])
  assert.deepEqual(sites, [
    'mx:mx1.shared.example,mx2.shared.example 20',
    'mx:mx1.shared.example,mx2.shared.example 20',
    'mx:mx1.shared.example 20',
  ])
  assert.deepEqual(found.map(({ isWritten }) => isWritten), [false, false, false]) // biome-ignore format: a table
})

test('where DNS does not answer a domain is counted by itself', async () => {
  assert.deepEqual((await sitesOf([{ mx: '*.outlook.example', concurrency: 3 }], ['unknown.test'])).sites, [
    'smtp:unknown.test 20',
  ])
  assert.deepEqual((await sitesOf([{ match: '*', concurrency: 3 }], ['unknown.test'])).sites, ['smtp:unknown.test 3'])
})

test('the first entry that matches counts: by name before by mail host asks nobody, behind it only where the host does not match', async () => {
  const first = await sitesOf([{ match: 'a.test', concurrency: 2 }, { mx: '*.outlook.example', concurrency: 7 }], ['a.test', 'b.test']) // biome-ignore format: a table
  assert.deepEqual([first.sites, first.asked], [['smtp:a.test 2', 'mx:*.outlook.example 7'], ['b.test']])
  const last = await sitesOf([{ mx: '*.mail.outlook.example', concurrency: 7 }, { match: '*.test', concurrency: 2 }], ['a.test', 'c.test']) // biome-ignore format: a table
  assert.deepEqual(last.sites, ['mx:*.mail.outlook.example 7', 'smtp:c.test 2'])
})

test('an entry for all, or for the transport, is for every site; a group is one site with the limits of its first entry', async () => {
  const all = await sitesOf([{ match: 'smtp', concurrency: 4 }], ['c.test', 'd.test'])
  assert.deepEqual(all.sites, Array(2).fill('mx:mx1.shared.example,mx2.shared.example 4'))
  const group = await sitesOf(
    [
      { match: 'e.test', group: 'g', concurrency: 6 },
      { match: '*.e.test', group: 'g' },
      { mx: '*.outlook.example', group: 'g', concurrency: 9 },
    ],
    ['e.test', 'x.e.test', 'a.test'],
  )
  assert.deepEqual(group.sites, Array(3).fill('group:g 6'))
  assert.deepEqual(group.asked, ['a.test'])
})

test('a fixed next hop and other transports ask no DNS, and are tried again soon after a restart', async () => {
  const { rules, asked } = await sitesOf([{ mx: '*', concurrency: 2 }], [])
  for (const [destination, route] of [
    ['smtp:relay.test:26', { via: 'smtp', host: 'relay.test' }],
    ['maildir', { via: 'maildir' }],
    ['lmtp:a.test', { via: 'lmtp', host: 'a.test' }],
  ] as const)
    assert.deepEqual(rules.siteOf(destination, route), {
      name: destination,
      limits: { concurrency: 20 },
      isWritten: false,
      backoff: FIXED_BACKOFF,
    })
  assert.deepEqual(asked, [])
})

test('an entry is by name or by mail host, and a schedule is by name', () => {
  const entries = [{}, { match: 'a', mx: 'b' }, { mx: 'b', life: 1 }, { mx: 'b', retryByClass: {} }]
  for (const entry of entries) assert.equal(schema.safeParse({ lanes: [entry] }).success, false, JSON.stringify(entry))
})
