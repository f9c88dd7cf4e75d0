import { pluginContract, testPlugin } from '@postroad/testing'
import { headers } from './index.ts'

/** The clock of the tests is at the beginning of 2026. */
const fields = {
  From: 'Alice <alice@example.com>',
  To: 'bob@mx.test',
  Subject: 'Lunch',
  Date: 'Thu, 01 Jan 2026 00:00:00 +0000',
  'Message-ID': '<1@example.com>',
}
type Fields = Readonly<Record<string, string | undefined>>
const mail = (changed: Fields): string =>
  `${Object.entries({ ...fields, ...changed } satisfies Fields)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
    .join('\n')}\n\nhi\n`

const cases: readonly (readonly [name: string, changed: Fields, points: number])[] = [
  ['an honest message', {}, 0],
  ['no Date', { Date: undefined }, 1],
  ['a Date that is none', { Date: 'soon' }, 1],
  ['a Date far ahead', { Date: 'Thu, 08 Jan 2099 00:00:00 +0000' }, 2],
  ['a Date long ago', { Date: 'Thu, 08 Jan 1998 00:00:00 +0000' }, 1],
  ['no Message-ID', { 'Message-ID': undefined }, 0.5],
  ['a Message-ID without an at sign', { 'Message-ID': '<x>' }, 1],
  ['no From', { From: undefined }, 2],
  ['no To', { To: undefined }, 0.3],
  ['no Subject', { Subject: undefined }, 0.3],
  ['a name that is an address of another site', { From: '"service@paypal.com" <x@evil.test>' }, 2],
  ['one of the same site', { From: '"alice@mail.example.com" <alice@example.com>' }, 0],
  ['one of a list', { From: '"a@b.com" <list@example.com>', 'List-Id': '<l.example.com>' }, 0],
  ['a name with a letter that looks like another', { From: 'P\u0430yPal <x@evil.test>' }, 3],
  ['a name with what cannot be seen', { From: '=?utf-8?Q?Pay=E2=80=8BPal?= <x@evil.test>' }, 3],
  ['a name in Cyrillic', { From: '=?utf-8?B?0JDQvdC90LA=?= <x@example.com>' }, 0],
  ['a domain that looks like another', { From: 'x@xn--80ak6aa92e.com' }, 3],
  ['replies to a free mailbox', { 'Reply-To': 'x@gmail.com' }, 1],
  ['replies to a free mailbox from another', { From: 'x@gmx.de', 'Reply-To': 'x@gmail.com' }, 0],
  ['a reply to nothing', { Subject: 'Re: Lunch' }, 0.5],
  ['a reply', { Subject: 'Re: Lunch', 'In-Reply-To': '<2@mx.test>' }, 0],
  ['a Content-Type without MIME-Version', { 'Content-Type': 'text/plain' }, 0.5],
  ['UTF-8 that is not encoded', { Subject: 'Bücher' }, 0],
  ['a hop of ours', { Received: 'from a by mx.test; Thu, 01 Jan 2026 00:00:00 +0000' }, 1],
]

testPlugin(headers, [
  ...cases.map(([name, changed, points]) => ({
    name: `${name} is worth ${points} points`,
    data: mail(changed),
    expect: { accepted: true as const, points },
  })),
  {
    name: 'octets that are not UTF-8 are worth 1 point',
    data: Buffer.from(mail({ Subject: 'B\xfccher' }), 'latin1'),
    expect: {
      accepted: true,
      points: 1,
      facts: { headers: [{ signal: 'rawOctets', weight: 1, evidence: ['Subject'] }] },
    },
  },
  {
    name: 'refused when the operator says so',
    options: { weights: { future: 'reject' } },
    data: mail({ Date: 'Thu, 08 Jan 2099 00:00:00 +0000' }),
    expect: { refused: '5.7.1', at: 'message' },
  },
  {
    name: 'nothing when the operator says so',
    options: { weights: { noDate: 'none' } },
    data: mail({ Date: undefined }),
    expect: { points: 0, facts: { headers: [] } },
  },
  ...(
    [
      ['one-click', '<https://l.test/u>, <mailto:l@l.test>', 'List-Unsubscribe=One-Click'],
      ['one-click', '<mailto:l@l.test>,\r\n <https://l.test/u>', 'list-unsubscribe=one-click'],
      ['mailto', '<https://l.test/u>, <mailto:l@l.test>', undefined],
      ['mailto', '<mailto:l@l.test>', 'List-Unsubscribe=One-Click'],
      ['none', '<http://l.test/u>', 'List-Unsubscribe=One-Click'],
      ['none', 'mailto:l@l.test', undefined],
      ['none', undefined, 'List-Unsubscribe=One-Click'],
    ] as const
  ).map(([exit, uris, post]) => ({
    name: `one leaves by ${exit}: ${uris} ${post}`,
    data: mail({ 'List-Unsubscribe': uris, 'List-Unsubscribe-Post': post }),
    expect: { facts: { 'list.unsubscribe': exit } },
  })),
])
pluginContract(headers)
