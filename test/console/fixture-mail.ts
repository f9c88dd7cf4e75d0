/** Made-up mail in the shapes of the API's schemas, for states that a real server is in too seldom: hours of history, a hundred plugins' failures, a queue of days. */
import type { ApiShape } from '@postroad/admin-api'

/** A small generator with a seed, so that a picture is the same each time. */
export function random(seed: number): () => number {
  let a = (seed * 2654435761) >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), a | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Hooks, their waves, and the plugins of each; `link-rule` is in shadow. */
export const ROAD: readonly (readonly [hook: string, waves: readonly (readonly string[])[]])[] = [
  ['connect', [['access'], ['dnsbl', 'rate-limit']]],
  ['helo', [['helo']]],
  ['mail', [['spf']]],
  ['rcpt', [['recipients'], ['greylist']]],
  ['route', [['routing']]],
  ['message', [['dkim', 'arc', 'rspamd', 'house-rule', 'link-rule'], ['dmarc']]],
  ['queue', [['queue']]],
]
const COLUMNS = ROAD.flatMap(([hook, waves]) => waves.flat().map((plugin) => ({ hook, plugin })))
const MS = [0.1, 3, 0.2, 2, 6, 0.3, 1.2, 0.1, 2.4, 0.3, 28, 0.2, 0.4, 1.1, 9]

// A letter a column: . nothing, p accept, digit points, d defer, r reject, q quarantine, f failed, s would refuse in shadow, - not reached.
const SHAPES: readonly (readonly [
  weight: number,
  cells: string,
  reply: string,
  outcome: ApiShape<'row'>['outcome'],
])[] = [
  [40, '.....p.p......p', '250 2.0.0 Ok, queued', 'accepted'],
  [8, '.1...p.p..2...p', '250 2.0.0 Ok, queued', 'accepted'],
  [5, 'p....p.p......p', '250 2.0.0 Ok, queued', 'accepted'],
  [13, '.....pd--------', '451 4.7.1 Greylisted, try again in 300 seconds', 'deferred'],
  [15, '.r.------------', '554 5.7.1 Client is listed in zen.dnsbl.example', 'refused'],
  [6, '.....r---------', '550 5.1.1 No such user here', 'refused'],
  [4, '...1.p.p.....r-', '550 5.7.1 DMARC policy of example.net is reject', 'refused'],
  [3, '.2.1.p.p..4.s.q', '250 2.0.0 Ok', 'quarantined'],
  [4, '..d------------', '421 4.7.0 Too many connections, try again later', 'deferred'],
  [3, '.....p.p...1s.p', '250 2.0.0 Ok, queued', 'accepted'],
  [1, '.....p.p..f...p', '250 2.0.0 Ok, queued', 'accepted'],
]
const WEIGHT = SHAPES.reduce((sum, [weight]) => sum + weight, 0)
const SENDERS = [
  'newsletter@lists.example.org',
  'no-reply@accounts.example.com',
  'bob@example.net',
  'tickets@rail.example',
  'bounce+q7-00918273645-alice=example.com@mailer.very-long-subdomain.of-a-marketing-platform.example',
  '用户@例子.example',
  'почта@пример.example',
  'carol@example.org',
  'root@host-17.example.net',
  '',
  'billing@example.com',
  'محمد@بريد.example',
  'support@example.org',
  'ci@build.example.com',
]
const RECIPIENTS = [
  'alice@example.com',
  'ops@example.com',
  'bob@example.com',
  'sales@example.com',
  'postmaster@example.com',
  'the-team-that-reads-everything+archive@example.com',
  'δοκιμή@example.com',
  'jobs@example.com',
]
const SUBJECTS = [
  'Your timetable for Monday',
  '今月のお知らせ：新しい時刻表',
  'Re: Build 4,182 failed on main',
  'فاتورة شهر نوفمبر',
  'Протокол собрания',
  'Invoice 2026-1193',
  'חשבונית חדשה מחכה לך',
  'Weekly numbers',
  '🚂 Last seats to the coast',
  'Password',
  'Re: [list] about the last release',
]
const CLIENTS = [
  '192.0.2.44',
  '192.0.2.45',
  '198.51.100.7',
  '2001:db8:0:17::25',
  '203.0.113.90',
  '2001:db8:85a3:8d3:1319:8a2e:370:7348',
  '192.0.2.201',
  '198.51.100.130',
]
const REASONS: Readonly<Record<string, string>> = {
  dnsbl: 'listed in zen.dnsbl.example',
  helo: 'no reverse name',
  rspamd: 'MANY_LINKS, FROM_MISMATCH',
  'house-rule': 'mentions a prize',
  'link-rule': '31 links',
  greylist: 'first seen',
  recipients: 'no such mailbox',
  dmarc: 'p=reject, neither aligned',
  'rate-limit': '612 of 600 a minute',
}

/** Transaction number `n`, ended at `at`. */
export function transaction(
  n: number,
  at: number,
): { readonly row: ApiShape<'row'>; readonly record: ApiShape<'record'> } {
  const r = random(n + 7)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(r() * list.length)] as T // in range
  let weight = r() * WEIGHT
  const [, cells, reply, outcome] = SHAPES.find(([one]) => (weight -= one) < 0) ?? SHAPES[0]!
  const id = `01m80k${(n * 7919 + 40001).toString(32).padStart(5, '0')}${Math.floor(r() * 2 ** 40)
    .toString(32)
    .padStart(8, '0')
    .slice(0, 8)}.1`
  const opinions: ApiShape<'opinion'>[] = []
  const plugins: Record<string, number> = {}
  let stop: ApiShape<'row'>['stop']
  let points = 0
  COLUMNS.forEach(({ hook, plugin }, k) => {
    const letter = cells[k]!
    if (letter === '-') return
    plugins[plugin] = Math.round((MS[k] ?? 1) * (0.4 + r() * 1.7) * 100) / 100 + (letter === 'f' ? 2_000 : 0)
    const reason = REASONS[plugin]
    const said = { plugin, hook, ...(reason !== undefined && { reason }) }
    if (letter === 'p') opinions.push({ plugin, hook, kind: 'accept' })
    else if (letter === 'r' || letter === 'd') {
      opinions.push({ ...said, kind: letter === 'r' ? 'reject' : 'defer', text: reply.slice(10) })
      stop = { plugin, hook, ...(hook === 'connect' && { told: 'rcpt' }) }
    } else if (letter === 'q') opinions.push({ plugin, hook: 'message', kind: 'quarantine' })
    else if (letter === 's') opinions.push({ ...said, kind: 'reject', shadow: true })
    else if (letter === 'f') opinions.push({ plugin, hook, kind: 'late', text: 'no answer in 2,000 ms' })
    else if (/\d/.test(letter)) {
      const one = Number(letter) + (r() < 0.4 ? 0.5 : 0)
      points += one
      opinions.push({ ...said, kind: 'suspicion', points: one })
    }
  })
  const from = pick(SENDERS)
  const to = [pick(RECIPIENTS)]
  const isEarly = cells[2] === 'd'
  const isWhole = !cells.includes('-')
  const subject = pick(SUBJECTS)
  const remote = pick(CLIENTS)
  const ms = Math.round(Object.values(plugins).reduce((a, b) => a + b, 0) + 4 + r() * 60)
  const size = isWhole ? Math.floor(1_000 + r() * 90_000) : 0
  const tls = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', group: r() < 0.6 ? 'X25519MLKEM768' : 'X25519' }
  const row: ApiShape<'row'> = {
    id,
    at,
    ms,
    listener: 'mx',
    remote,
    helo: 'mail.example.org',
    ...(!isEarly && { from }),
    to: isEarly ? [] : to,
    recipients: isEarly ? 0 : 1 + (r() < 0.06 ? Math.floor(r() * 40) : 0),
    ...(isWhole && { subject, messageId: `<${id}@lists.example.org>` }),
    size,
    points,
    outcome,
    reply,
    ...(stop !== undefined && { stop }),
    shadow: cells.includes('s'),
    failed: cells.includes('f'),
  }
  const record: ApiShape<'record'> = {
    event: 'transaction',
    time: new Date(at).toISOString(),
    id,
    listener: 'mx',
    remote,
    port: 50_122,
    helo: 'mail.example.org',
    tls,
    ...(!isEarly && { from, to }),
    ...(isWhole && { subject, messageId: `<${id}@lists.example.org>` }),
    size,
    points,
    facts: {
      spf: { result: 'pass', domain: from.split('@')[1] ?? '' },
      dkim: [{ result: 'pass', domain: 'lists.example.org', selector: '2026q4' }],
      dmarc: { result: cells[13] === 'r' ? 'fail' : 'pass', policy: 'reject' },
    },
    opinions,
    plugins,
    ...(isWhole && { queue: 'queue', receipt: id.slice(0, 20) }),
    ms,
    reply,
  }
  return { row, record }
}

/** Runs of a record, as a panel needs them. */
export function runsOf(record: ApiShape<'record'>) {
  return ROAD.flatMap(([hook, waves]) =>
    waves.flatMap((wave) =>
      wave
        .filter((plugin) => record.plugins?.[plugin] !== undefined)
        .map((plugin) => ({
          hook,
          plugin,
          ms: record.plugins?.[plugin] ?? 0,
          opinions: (record.opinions ?? []).filter((one) => one.plugin === plugin && one.hook === hook),
        })),
    ),
  )
}

/** A sentence about a row, as the server would make it. */
export function sentenceOf(row: ApiShape<'row'>): ApiShape<'sentence'> {
  const [code = '', status = '', ...text] = row.reply.split(' ')
  if (row.stop?.plugin === undefined)
    return [
      {
        kind: 'text',
        text:
          row.outcome === 'quarantined'
            ? `Quarantined with ${row.points} points.`
            : `Accepted and queued, with ${row.points} points.`,
      },
    ]
  return [
    {
      kind: 'text',
      text: `${row.outcome === 'deferred' ? 'Refused for now' : 'Refused'} at ${(row.stop.told ?? row.stop.hook).toUpperCase()} by `,
    },
    { kind: 'plugin', name: row.stop.plugin },
    { kind: 'text', text: ' with ' },
    { kind: 'code', text: `${code} ${status}` },
    { kind: 'text', text: `: ${text.join(' ')}.` },
  ]
}
