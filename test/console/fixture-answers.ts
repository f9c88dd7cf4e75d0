/** Answers of the API for the fixture server: numbers, plugins, queue and quarantine. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { ROAD, random } from './fixture-mail.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** What every answer has. */
export interface Base {
  readonly generation: number
  readonly workers: { readonly asked: number; readonly answered: number }
}

/** The columns. */
export function explain(base: Base): ApiAnswer<'explain'> {
  const hooks = Object.fromEntries(
    ROAD.map(([hook, waves]) => [
      hook,
      waves.map((wave) =>
        wave.map((plugin) => ({
          plugin,
          ownName: plugin,
          mode: plugin === 'link-rule' ? ('shadow' as const) : ('enforce' as const),
          onError: 'defer',
          timeout: 2_000,
          provides: [],
          conditional: false,
        })),
      ),
    ]),
  )
  return {
    ...base,
    scopes: [
      {
        name: 'mx',
        listeners: [{ name: 'mx', place: '0.0.0.0:25', protocol: 'smtp' }],
        keywords: ['PIPELINING'],
        hooks,
        warnings: [],
      },
    ],
  }
}

function day(steps: number, seed: number): number[] {
  const r = random(seed)
  return Array.from(
    { length: steps },
    (_, n) => (0.35 + 0.65 * Math.max(0, Math.sin((((n / steps) * 24 - 14) / 24) * Math.PI * 2))) * (0.8 + r() * 0.4),
  )
}

/** Numbers over time. */
export function series(base: Base, now: number, span: number): ApiAnswer<'series'> {
  const steps = 48
  const most: Readonly<Record<string, number>> = {
    accepted: 2_300,
    quarantined: 55,
    deferred: 1_400,
    refused: 2_200,
    work: 4,
  }
  return {
    ...base,
    from: now - span,
    stepMs: span / steps,
    series: Object.entries(most).map(([name, top], n) => ({
      name,
      values: day(steps, n + 5).map((value, k) =>
        name === 'work' ? 3 + value : Math.round(value * top * (name === 'refused' && k > 30 && k < 34 ? 2.1 : 1)),
      ),
    })),
  }
}

/** Numbers of a span. */
export function summary(base: Base, now: number, span: number): ApiAnswer<'summary'> {
  const totals = {
    accepted: 71_842,
    quarantined: 1_207,
    discarded: 0,
    deferred: 41_930,
    refused: 69_232,
    left: 812,
    octets: 9e9,
  }
  return {
    ...base,
    from: now - span,
    to: now,
    totals,
    sentence: [
      { kind: 'text', text: 'All is well. 184,211 messages in 24 h; 60 % were turned away, most by ' },
      { kind: 'plugin', name: 'dnsbl' },
      { kind: 'text', text: '.' },
    ],
    turnedAway: (
      [
        ['dnsbl', 'refused', 41_872],
        ['greylist', 'deferred', 33_410],
        ['recipients', 'refused', 13_120],
        ['rate-limit', 'deferred', 8_520],
        ['dmarc', 'refused', 7_318],
        ['routing', 'refused', 5_004],
      ] as const
    ).map(([plugin, outcome, count]) => ({ plugin, outcome, count })),
    latency: (
      [
        ['rspamd', 24, 1_900],
        ['spf', 5.2, 180],
        ['dkim', 2.1, 96],
        ['dnsbl', 3, 88],
        ['queue', 8.8, 31],
        ['greylist', 1.1, 4.2],
        ['house-rule', 0.2, 0.7],
      ] as const
    ).map(([plugin, p50, p99]) => ({ plugin, runs: 9_000, p50, p99 })),
    queue: { ages: [612, 401, 1_718, 214, 116], bounds: BOUNDS, oldestAt: now - 51 * HOUR },
    tls: [
      { version: 'TLSv1.3', group: 'X25519MLKEM768', count: 584 },
      { version: 'TLSv1.3', group: 'X25519', count: 331 },
      { version: 'TLSv1.2', group: 'X25519', count: 59 },
      { version: 'none', count: 26 },
    ],
    work: { cpuMs: 3.4, writes: 2.1, syncs: 0.31 },
    workBefore: { cpuMs: 3.7, writes: 2.1, syncs: 0.39 },
  }
}

/** Who has a say. */
export function plugins(base: Base, now: number, span: number): ApiAnswer<'plugins'> {
  const names = ROAD.flatMap(([hook, waves]) => waves.flat().map((name) => ({ hook, name })))
  const away: Readonly<Record<string, [string, number]>> = {
    dnsbl: ['reject', 0.227],
    greylist: ['defer', 0.181],
    recipients: ['reject', 0.071],
    'rate-limit': ['defer', 0.046],
    dmarc: ['reject', 0.04],
  }
  return {
    ...base,
    from: now - span,
    to: now,
    stepMs: span / 48,
    plugins: names.map(({ hook, name }, k) => {
      const [kind, share] = away[name] ?? ['reject', 0]
      const isShadow = name === 'link-rule'
      const flow = day(48, k + 40)
      return {
        name,
        ownName: name,
        scopes: ['mx'],
        hooks: [hook],
        mode: isShadow ? ('shadow' as const) : ('enforce' as const),
        ...(isShadow && { shadowSince: now - 3 * DAY, wouldHave: 37 }),
        onError: { [hook]: name === 'rspamd' ? 'accept' : 'defer' },
        runs: 9_000,
        opinions: {
          kinds: ['silent', kind],
          steps: flow.map((value, n) => [
            Math.round(value * 60),
            isShadow ? (n % 7 === 0 ? 9 : 0) : Math.round(value * share * 160),
          ]),
        },
        turnedAway: Math.round(share * 9_000),
        turnedAwayShare: share,
        p50: [0.05, 3, 0.1, 2.1, 5.2][k] ?? 1 + k,
        p99: name === 'rspamd' ? 1_900 : ([0.2, 88, 0.6, 74, 180][k] ?? 10 + k * 3),
        failures: name === 'rspamd' ? [{ kind: 'late', count: 2, text: 'no answer in 2,000 ms' }] : [],
      }
    }),
  }
}

/** What link-rule would have done. */
export function shadow(base: Base, now: number, disputed: readonly ApiShape<'row'>[]): ApiAnswer<'shadow'> {
  const r = random(21)
  const would = Array.from({ length: 80 }, () => (r() < 0.36 ? 1 + Math.floor(r() * 1.6) : 0))
  return {
    ...base,
    plugin: 'link-rule',
    from: now - 3 * DAY,
    seen: 18_400,
    would: { reject: 37 },
    ofThese: { accepted: 2, quarantined: 6, turnedAwayByOthers: 29 },
    steps: { from: now - 3 * DAY, stepMs: HOUR, would, agreed: would.map((count) => (r() < 0.7 ? count : 0)) },
    disputed: [...disputed],
  }
}

const BOUNDS = [300_000, HOUR, 6 * HOUR, DAY]

/** The queue by destination. */
export function sites(base: Base, now: number): ApiAnswer<'sites'> {
  const list: readonly (readonly [
    site: string,
    domains: string[],
    ages: number[],
    size: number,
    reply: ApiShape<'site'>['lastReply'] | undefined,
    next: number | undefined,
    open: number,
  ])[] = [
    [
      'mx:mail.example.net',
      ['example.net', 'example.test', ...Array.from({ length: 10 }, (_, n) => `d${n}.example`)],
      [12, 96, 1_604, 40, 0],
      38.1e6,
      {
        code: 421,
        status: '4.7.0',
        text: 'Too many connections from your host, slow down',
        at: now - 4 * HOUR,
        host: 'mail.example.net',
      },
      now + 240_000,
      2,
    ],
    [
      'mx:mx1.example.org',
      ['example.org', 'lists.example.org'],
      [301, 112, 14, 0, 0],
      8.8e6,
      { code: 250, status: '2.0.0', text: 'Message accepted for delivery', at: now - 3_000 },
      now,
      8,
    ],
    [
      'mx:mx.rail.example',
      ['rail.example'],
      [31, 44, 52, 120, 61],
      12.6e6,
      { code: 452, status: '4.2.2', text: 'Mailbox of tickets@rail.example is full', at: now - 600_000 },
      now + 41 * 60_000,
      0,
    ],
    [
      'mx:mail.very-long-subdomain.of-a-marketing-platform.example',
      ['of-a-marketing-platform.example'],
      [210, 88, 0, 0, 0],
      19.3e6,
      { code: 250, status: '2.0.0', text: 'Ok', at: now - 1_000 },
      now,
      20,
    ],
    ['mx:mx.example.test', ['example.test'], [49, 47, 16, 19, 0], 5e6, undefined, undefined, 0],
    [
      'smtp:[2001:db8:0:17::25]',
      ['branch.example'],
      [0, 0, 12, 30, 50],
      2.2e6,
      { code: 0, text: 'connection timed out after 30 s', at: now - HOUR },
      now + 2 * HOUR,
      0,
    ],
    [
      'mx:почта.пример.example',
      ['пример.example'],
      [9, 14, 20, 5, 5],
      1.4e6,
      { code: 450, status: '4.7.1', text: 'Превышен лимит, повторите позже', at: now - 60_000 },
      now + 720_000,
      0,
    ],
  ]
  return {
    ...base,
    queue: 'queue',
    bounds: BOUNDS,
    ages: [...BOUNDS, 0].map((_, at) => list.reduce((sum, [, , ages]) => sum + (ages[at] ?? 0), 0)),
    messages: 3_061,
    corrupt: 0,
    freeOctets: 41.2e9,
    complete: true,
    sites: list.map(([site, domains, ages, octets, lastReply, nextAt, open], n) => {
      const messages = ages.reduce((a, b) => a + b, 0)
      return {
        site,
        domains,
        domainCount: domains.length,
        messages,
        recipients: messages,
        held: n === 2 ? 80 : 0,
        ages,
        octets,
        oldestAt: now - 22 * HOUR,
        ...(lastReply && { lastReply }),
        ...(nextAt && { nextAt }),
        connections: {
          open,
          most: 20,
          because: n === 0 ? ['after the last 421 connections grow by one with every 50 messages it takes'] : [],
        },
        ...(n === 0 && { estimate: { perMinute: 7, emptyAt: now + 4 * HOUR } }),
        ...(n === 4 && { suspended: { target: site, since: now - 2 * HOUR, reason: 'under repair', by: 'ops' } }),
      }
    }),
  }
}

/** Messages of the queue. */
export function queued(now: number): ApiShape<'queuedRow'>[] {
  const list = [
    ['billing@example.com', 'a-rather-long-mailbox-name.of-somebody@example.net', 7, 22],
    ['newsletter@lists.example.org', 'bob@example.net', 6, 21],
    ['', 'carol@example.net', 6, 19],
    ['ci@build.example.com', 'δοκιμή@example.net', 6, 18],
  ] as const
  return list.map(([from, to, attempts, hours], n) => ({
    id: `01m80q${n}`,
    queuedAt: now - hours * HOUR,
    from,
    to: [to],
    recipients: 1,
    size: 4_000,
    sites: ['mx:mail.example.net'],
    states: ['scheduled'],
    attempts,
    nextAt: now + 240_000,
    reply: '421 4.7.0 Too many connections',
  }))
}
