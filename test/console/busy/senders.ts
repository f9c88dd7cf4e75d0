/** Who sends mail to the busy server, and what: newsletters and friends, forgers, robots that guess, and what comes from all the scripts of the world. */
import type { SendMailOptions } from 'nodemailer'

/** A client, and one kind of mail that it sends. */
export interface Sender {
  /** How often, beside the others. */
  readonly weight: number
  readonly remotes: readonly string[]
  readonly helo: string
  readonly from: readonly string[]
  readonly to: readonly string[]
  readonly subjects: readonly string[]
  /** Whether it signs with DKIM, as the domain of its first address. */
  readonly signs?: boolean
  readonly tls?: 'quantum' | 'x25519' | 'old' | 'none'
  /** Whether it comes back after it was refused for now. */
  readonly retries?: boolean
  readonly mail?: Partial<SendMailOptions>
}

const STAFF = ['alice@example.org', 'bob@example.org', 'carol@example.org', 'sales@example.org', 'jobs@example.org']
const BRANCHES = ['anna@branch.example', 'office@harbour.example', 'lager@bücher.example']
const LONG = 'bounce+q7-00918273645-alice=example.org@mailer.very-long-subdomain.of-a-marketing-platform.example'
const LINKS = Array.from({ length: 31 }, (_, n) => `https://shop.example/offer/${n}`).join('\n')

/** Everybody. */
export const SENDERS: readonly Sender[] = [
  { weight: 16, remotes: ['192.0.2.44', '192.0.2.45'], helo: 'mail.rail.example', from: ['tickets@rail.example'], to: STAFF, signs: true, tls: 'quantum', retries: true, subjects: ['Your timetable for Monday', 'Ticket 4182-77, coach 12', '🚂 Last seats to the coast'] }, // biome-ignore format: a table
  { weight: 14, remotes: ['198.51.100.7'], helo: 'out.news.example', from: ['newsletter@news.example', LONG], to: STAFF, signs: true, tls: 'quantum', retries: true, subjects: ['Weekly numbers', '今月のお知らせ：新しい時刻表', 'The week in seven charts'] }, // biome-ignore format: a table
  { weight: 12, remotes: ['2001:db8:0:17::25'], helo: 'mx.friends.example', from: ['dora@friends.example', 'emil@friends.example'], to: STAFF, tls: 'quantum', retries: true, subjects: ['Re: Lunch on Friday?', 'Fwd: photos', 'Протокол собрания', 'no hurry'] }, // biome-ignore format: a table
  { weight: 9, remotes: ['192.0.2.201'], helo: 'relay.supplier.example', from: ['billing@supplier.example'], to: ['sales@example.org', ...BRANCHES], signs: true, tls: 'x25519', retries: true, subjects: ['Invoice 2026-1193', 'Order 5521 is on its way', 'فاتورة شهر نوفمبر'], mail: { attachments: [{ filename: 'invoice.pdf', content: '%PDF-1.4\n%%EOF\n', contentType: 'application/pdf' }] } }, // biome-ignore format: a table
  { weight: 7, remotes: ['198.51.100.130'], helo: 'ci.build.example', from: ['ci@build.example'], to: ['bob@example.org', 'office@harbour.example'], tls: 'x25519', retries: true, subjects: ['Build 4,182 failed on main', 'Build 4,183 is green'] }, // biome-ignore format: a table
  { weight: 4, remotes: ['198.51.100.60'], helo: 'old.archive.example', from: ['archive@archive.example'], to: ['carol@example.org', ...BRANCHES], tls: 'old', retries: true, subjects: ['חשבונית חדשה מחכה לך', 'Scans of the week'] }, // biome-ignore format: a table
  { weight: 3, remotes: ['203.0.113.20'], helo: 'mail.unicode.example', from: ['用户@例子.example', 'почта@пример.example'], to: ['δοκιμή@example.org', 'alice@example.org'], tls: 'quantum', retries: true, subjects: ['用户手册', 'Расписание на понедельник'] }, // biome-ignore format: a table
  { weight: 3, remotes: ['192.0.2.90'], helo: 'lists.club.example', from: [''], to: ['alice@example.org'], tls: 'x25519', retries: true, subjects: ['Delivery Status Notification (Delay)'] }, // biome-ignore format: a table
  { weight: 5, remotes: ['192.0.2.150'], helo: 'shop.example', from: ['offers@shop.example'], to: STAFF, signs: true, tls: 'quantum', retries: true, subjects: ['31 offers for you', 'Only today: 31 offers'], mail: { text: LINKS } }, // biome-ignore format: a table
  { weight: 17, remotes: ['203.0.113.66', '203.0.113.67', '203.0.113.90'], helo: 'localhost.localdomain', from: ['winner@lottery.example', 'no-reply@parcel-track.example'], to: STAFF, tls: 'none', subjects: ['You have won'] }, // biome-ignore format: a table
  { weight: 9, remotes: ['203.0.113.131', '203.0.113.140'], helo: 'host-131.pool.example', from: ['admin@pool.example'], to: ['aaron@example.org', 'abbie@example.org', 'abel@example.org', 'a-really-long-local-part-that-nobody-would-choose-unless-it-was-generated@example.org'], tls: 'none', subjects: ['hi'] }, // biome-ignore format: a table
  { weight: 8, remotes: ['203.0.113.200', '203.0.113.201', '203.0.113.210', '203.0.113.220'], helo: 'pc-200.dsl.example', from: ['john@dsl.example', 'kate@dsl.example', 'liam@dsl.example', 'mia@dsl.example'], to: STAFF, tls: 'none', subjects: ['Hello'] }, // biome-ignore format: a table
  { weight: 5, remotes: ['198.51.100.99'], helo: 'web7.hosting.example', from: ['security@bank.example'], to: STAFF, tls: 'quantum', retries: true, subjects: ['Your account is locked'], mail: { text: 'Confirm at http://bank.example.evil.example/login' } }, // biome-ignore format: a table
  { weight: 4, remotes: ['198.51.100.101'], helo: 'mail.prizes.example', from: ['prize@prizes.example'], to: STAFF, tls: 'x25519', retries: true, subjects: ['A prize is waiting for you', 'Re: your prize, last reminder', 'invoice\u202efdp.exe prize', `Prize ${'x'.repeat(300)}`], mail: { html: '<p>Claim <b>your prize</b> at <a href="http://evil.example/claim">https://post.example/</a></p>', text: 'Claim your prize at http://evil.example/claim' } }, // biome-ignore format: a table
]

/** Records that those domains publish. */
export function zoneOf(publicKey: string) {
  const signed = [...new Set(SENDERS.filter(({ signs }) => signs).map(({ from }) => domainOf(from[0] ?? '')))]
  const names = SENDERS.flatMap(({ remotes, helo }) => remotes.map((remote) => [remote, helo] as const))
  return {
    ...Object.fromEntries(signed.map((name) => [`s1._domainkey.${name}`, { TXT: [`v=DKIM1; k=rsa; p=${publicKey}`], delay: 4 }])), // biome-ignore format: one line
    ...Object.fromEntries(names.filter(([, helo]) => !/localhost|pool|dsl/.test(helo)).flatMap(([remote, helo]) => [[remote, { PTR: [helo], delay: 3 }], [helo, addressesOf(helo)]])), // biome-ignore format: one line
    'rail.example': { TXT: ['v=spf1 ip4:192.0.2.0/24 -all'], delay: 6 },
    '_dmarc.rail.example': { TXT: ['v=DMARC1; p=reject'], delay: 5 },
    'news.example': { TXT: ['v=spf1 ip4:198.51.100.0/24 -all'], delay: 9 },
    'bank.example': { TXT: ['v=spf1 ip4:192.0.2.77 -all'], delay: 7 },
    '_dmarc.bank.example': { TXT: ['v=DMARC1; p=reject'], delay: 5 },
    'friends.example': { TXT: ['v=spf1 ip6:2001:db8:0:17::/64 ~all'], delay: 14 },
    ...Object.fromEntries(['66', '67', '90'].map((n) => [`${n}.113.0.203.zen.dnsbl.example`, { A: ['127.0.0.2'], TXT: ['https://dnsbl.example/?ip'], delay: 3 }])), // biome-ignore format: one line
    '2.0.0.127.zen.dnsbl.example': { A: ['127.0.0.2'] },
    'zen.dnsbl.example': { TXT: ['a list'], delay: 4 },
  }
}

function addressesOf(helo: string): { readonly A?: string[]; readonly AAAA?: string[]; readonly delay: number } {
  const remotes = SENDERS.filter((one) => one.helo === helo).flatMap((one) => one.remotes)
  const [v4, v6] = [remotes.filter((one) => !one.includes(':')), remotes.filter((one) => one.includes(':'))]
  return { ...(v4.length > 0 && { A: v4 }), ...(v6.length > 0 && { AAAA: v6 }), delay: 3 }
}

/** Of an address. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1)
}
