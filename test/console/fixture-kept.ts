/** A quarantine that was made up: phishing, right to left, far too long. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import type { Base } from './fixture-answers.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** What is set aside. */
export function kept(now: number): ApiShape<'kept'>[] {
  const list = [
    [
      'Your mailbox is almost full — act today',
      'support@example.org',
      'alice@example.com',
      1,
      9.5,
      'phishing words, link to another host',
    ],
    [
      'فاتورة شهر نوفمبر – يرجى الدفع قبل الأحد',
      'محمد@بريد.example',
      'billing@example.com',
      2,
      6.5,
      'dnsbl, no reverse name',
    ],
    [
      '今月のお知らせ：新しい時刻表と、駅の工事について',
      'newsletter@lists.example.org',
      'alice@example.com',
      4,
      6,
      'house-rule: 31 links',
    ],
    ['חשבונית חדשה מחכה לך', 'billing@example.net', 'ops@example.com', 5, 7.5, 'DMARC: none of both aligned'],
    [
      'Протокол собрания 27 ноября',
      'почта@пример.example',
      'the-team-that-reads-everything+archive@example.com',
      7,
      6.5,
      'rspamd: FROM_MISMATCH',
    ],
    [
      'Re: Re: Fwd: Re: [example-announce] A subject that goes on and on because somebody answered the digest',
      'bounce+q7-00918273645-alice=example.com@mailer.very-long-subdomain.of-a-marketing-platform.example',
      'jobs@example.com',
      40,
      6,
      'points',
    ],
    [undefined, '', 'postmaster@example.com', 60, 8, 'no subject, attachment with two endings'],
  ] as const
  return list.map(([subject, from, to, hours, points, reason], n) => ({
    id: `k${n}`,
    transaction: `01m80kept${n}.1`,
    at: now - hours * HOUR,
    until: now + 29 * DAY,
    from,
    to: [to],
    ...(subject !== undefined && { subject }),
    reason,
    points,
    size: 9_000,
    remote: '2001:db8:85a3:8d3:1319:8a2e:370:7348',
    helo: 'host-17.example.net',
  }))
}

/** One of them to read. */
export function text(base: Base, one: ApiShape<'kept'>): ApiAnswer<'quarantineText'> {
  const words = (value: string): ApiShape<'stretch'> => ({ kind: 'text', text: value })
  const isPhish = one.points > 9
  const body: ApiShape<'stretch'>[] = isPhish
    ? [
        words(
          'Dear user alice@example.com,\n\nyour mailbox has reached 98 % of its quota. Messages will be deleted within 24 hours unless you confirm your account:\n\n',
        ),
        {
          kind: 'link',
          shown: 'https://webmail.example.com/confirm',
          target: 'login.host-17.example.net/c?u=YWxpY2U',
          deceives: true,
        },
        words('\n\nYour password is needed once. Open the enclosed form invoice'),
        { kind: 'invisible', codepoint: 0x202e },
        words('fdp.exe\n\nThe Support Team'),
        { kind: 'invisible', codepoint: 0x200b },
      ]
    : [
        words('アリス様\n\nいつもご利用ありがとうございます。来週の月曜日から新しい時刻表になります。\n\n'),
        {
          kind: 'link',
          shown: 'https://lists.example.org/timetable',
          target: 'lists.example.org/timetable',
          deceives: false,
        },
      ]
  return {
    ...base,
    ...one,
    fields: [
      { name: 'From', value: [words(one.from)] },
      { name: 'Date', value: [words('Sun, 29 Nov 2026 14:31:02 +0000')] },
    ],
    source: 'html',
    body,
    truncated: false,
    omitted: { images: 3, scripts: 1, forms: 0, frames: 0, other: 0 },
    proof: { spf: 'neutral', dkim: 'none', dmarc: 'none' },
    attachments: isPhish
      ? [
          {
            name: [words('invoice'), { kind: 'invisible', codepoint: 0x202e }, words('fdp.exe')],
            declared: 'application/pdf',
            found: 'application/x-msdownload',
            octets: 212_000,
            warnings: ['a program under a false name'],
          },
        ]
      : [],
  }
}
