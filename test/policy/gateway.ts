/** All policy plugins in front of a mailbox server, as a mail gateway has them; and mail of all kinds for it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { access } from '@postroad/access'
import { type Zone, zoneDns } from '@postroad/dns'
import { dnsbl } from '@postroad/dnsbl'
import { greylist } from '@postroad/greylist'
import { helo } from '@postroad/helo'
import { Dns, definePlugin, type Plugin, Spool } from '@postroad/plugin'
import { quarantine } from '@postroad/quarantine'
import { rateLimit } from '@postroad/rate-limit'
import { recipients } from '@postroad/recipients'
import { routing } from '@postroad/routing'
import { mail, type TestServerOptions, type Used } from '@postroad/testing'

export const USERS = ['alice', 'bob', 'carol', 'hurry']
/** Clients are 203.0.113.0 to .39; these have a name, and these are listed. */
const NAMED = 20
const LISTED = 30

/** A rule of one's own, on trial: its opinions are in the log and count for nothing. */
const onTrial = definePlugin({
  name: 'on-trial',
  hooks: { message: () => ({ kind: 'reject', text: 'No', status: '5.7.1', code: 550, disconnect: false }) },
})

/** The gateway: everything that plugins can do, over one another. */
export function gateway(): readonly Used[] {
  const rules: readonly Plugin[] = [
    access({ deny: { clients: ['203.0.113.39'], senders: ['denied.test'] }, allow: { recipients: ['abuse@'] } }),
    helo(),
    dnsbl({
      lists: [
        { zone: 'bl.test', action: 4 },
        { zone: 'wl.test', action: -2, selfTest: false },
      ],
      cap: 6,
    }),
    recipients({ domains: ['mx.test'], users: USERS.map((user) => `${user}@mx.test`) }),
    rateLimit({
      limits: [
        { of: 'messages', by: 'from', limit: '500/h' },
        { of: 'octets', by: 'network', limit: '1 GB/h' },
        { of: 'connections', limit: '1000 at once' },
      ],
    }),
    greylist({ spared: ['hurry@'], promote: 3 }),
    routing({
      routes: [
        { match: { header: { Subject: '*lottery*' } }, refuse: 'We did not buy a ticket' },
        { match: { points: { over: 5 } }, tag: { header: 'X-Spam-Flag', value: 'YES' } },
        { match: { points: { over: 5.5 }, recipient: 'carol@mx.test' }, refuse: 'Refused by the recipient’s policy' },
      ],
      domains: { 'mx.test': { via: 'proxy' } },
    }),
    quarantine(),
  ]
  return [...rules, [onTrial(), { mode: 'shadow' }]]
}

export const THRESHOLDS = { quarantine: 6, reject: 15 }

/** DNS as the clients have it. */
export function services(spool: Spool): NonNullable<TestServerOptions['services']> {
  const zone: Record<string, Zone[string]> = {
    '2.0.0.127.bl.test': { A: ['127.0.0.2'] },
    'sender.test': { A: ['203.0.113.1'] },
  }
  for (let host = 0; host < 40; host++) {
    if (host < NAMED)
      Object.assign(zone, {
        [`203.0.113.${host}`]: { PTR: [`mail${host}.sender.test`] },
        [`mail${host}.sender.test`]: { A: [`203.0.113.${host}`] },
      })
    if (host >= LISTED) zone[`${host}.113.0.203.bl.test`] = { A: ['127.0.0.2'] }
  }
  return [
    [Dns, zoneDns(zone)],
    [Spool, spool],
  ]
}

/** One message on its way. */
export interface Letter {
  readonly index: number
  readonly client: string
  readonly helo: string
  readonly from: string
  readonly to: readonly string[]
  readonly bytes: Uint8Array
}

/** Always the same mail for a number: good, odd, bad, huge. The index is in its last line. */
export function letter(index: number): Letter {
  const random = mulberry(index + 1)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T // within bounds
  const host = Math.floor(random() * 40)
  const client = `203.0.113.${host}`
  const suite = suiteMessages()
  const kind = random()
  const body = kind < 0.2 && suite.length > 0 ? pick(suite) : made(random, pick)
  return {
    index,
    client,
    helo: pick([`mail${host}.sender.test`, `[${client}]`, 'localhost', 'nonsense!', 'mail1.sender.test', 'mx.test']),
    from: pick([
      'news@sender.test',
      `bounce-${index}@list.test`,
      'x@denied.test',
      '<>',
      '"odd one"@sender.test',
      'a+b@sender.test',
    ]),
    to: [
      pick(['alice', 'bob', 'carol', 'hurry', 'nobody', 'abuse', 'bob+detail']),
      pick(['alice', 'hurry', 'nobody']),
    ].map((local) => `${local}@mx.test`),
    bytes: Buffer.concat([Buffer.from(`X-Letter: ${index}\r\n`), body]),
  }
}

function made(random: () => number, pick: <T>(list: readonly T[]) => T): Uint8Array {
  const subject = pick([
    'Minutes',
    'You won the lottery',
    '=?utf-8?B?w7xiZXI=?=',
    '',
    'Re: '.repeat(200),
    'x'.repeat(5_000),
    '\u0000\u0007',
  ])
  const size = pick([0, 1, 80, 4_000, 70_000, 300_000])
  const text = pick([`${'lorem ipsum '.repeat(6)}\n`, '.\n..\n...\n', `${'x'.repeat(900)}\n`, '\u00fc\u{1F600}\n'])
  const fields =
    random() < 0.05 ? {} : { From: 'a@sender.test', To: 'b@mx.test', Subject: subject, 'X-Spam-Flag': 'NO' }
  return mail(fields, text.repeat(Math.ceil(size / text.length)))
}

let kept: readonly Uint8Array[] | undefined

/** Real messages of the suite, where it is there. */
function suiteMessages(): readonly Uint8Array[] {
  const folder = join(
    process.env['POSTROAD_SUITES'] ?? fileURLToPath(new URL('../../../shared/suites', import.meta.url)),
    'mime',
    'messages',
  )
  kept ??= existsSync(folder)
    ? readdirSync(folder)
        .sort()
        .map((name) =>
          Buffer.from(readFileSync(join(folder, name), 'latin1').replaceAll(/\r\n|\r|\n/g, '\r\n'), 'latin1'),
        )
    : []
  return kept
}

/** A small generator with a seed: the same mail on every machine. */
function mulberry(seed: number): () => number {
  let state = seed * 0x9e3779b9
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
