import { zoneDns } from '@postroad/dns'
import { Dns } from '@postroad/plugin'
import { pluginContract, testPlugin } from '@postroad/testing'
import { urls } from './index.ts'

const zone = zoneDns({
  'bad.example.multi.surbl.org': { A: ['127.0.0.72'] },
  '7.113.0.203.multi.surbl.org': { A: ['127.0.0.64'] },
  'blocked.example.multi.surbl.org': { A: ['127.0.0.1'] },
  'bad.example.multi.uribl.com': { A: ['127.0.0.2'] },
  'bad.example.dbl.spamhaus.org': { A: ['127.0.1.4'] },
  'over.example.dbl.spamhaus.org': { A: ['127.255.255.254'] },
  'wrong.example.dbl.spamhaus.org': { A: ['127.0.1.255'] },
  'bad.example.own.test': { A: ['127.0.0.5'] },
  'lies.example.own.test': { A: ['203.0.113.1'] },
  'google.com.own.test': { A: ['127.0.0.2'] },
})
const surbl = { lists: [{ zone: 'multi.surbl.org' }] }
const dbl = { lists: [{ zone: 'dbl.spamhaus.org' }] }
const own = { lists: [{ zone: 'own.test' }] }

const plain = (text: string): string => `From: a@b.test\nContent-Type: text/plain; charset=utf-8\n\n${text}\n`
const html = (text: string): string => `From: a@b.test\nContent-Type: text/html; charset=utf-8\n\n${text}\n`

/** [name, options, message, points] */
const cases: readonly (readonly [name: string, options: object, data: string, points: number])[] = [
  ['honest links', {}, html('<a href="https://www.example.com/a?b=c">x</a> https://example.org'), 0],
  ['no links', {}, plain('hi'), 0],
  ['an address', {}, plain('http://203.0.113.7/x'), 1.5],
  ['an address of IPv6', {}, plain('http://[2001:db8::1]/x'), 1.5],
  ['an address as a number', {}, html('<a href="http://3405803783/">x</a>'), 4],
  ['an address in hexadecimal', {}, html('<a href="http://0xCB.0.0x71.7/">x</a>'), 4],
  ['a host before an at sign', {}, html('<a href="https://www.bank.example@evil.example/">x</a>'), 3],
  ['letters that look like others', {}, html('<a href="https://www.\u0430\u0440\u0440\u04cf\u0435.com/">x</a>'), 4],
  ['letters of two scripts', {}, html('<a href="https://p\u0430ypal.com/">x</a>'), 4],
  ['a name in another script', {}, html('<a href="https://b\u00fccher.example/">x</a>'), 0],
  ['a shortener', {}, plain('https://bit.ly/abc'), 0.5],
  ['a link in a link', {}, html('<a href="https://r.example/?u=https%3A%2F%2Fevil.example%2F">x</a>'), 0.5],
  [
    'a link in a link of the same site',
    {},
    html('<a href="https://a.r.example/?u=https%3A%2F%2Fb.r.example%2F">x</a>'),
    0,
  ],
  ['a port', {}, plain('https://www.example.com:8443/'), 0.5],
  ['many labels', {}, plain('https://www.paypal.com.a.b.evil.example/'), 1],
  ['writing that is turned around', {}, html('<a href="https://evil.example/\u202Efdp.exe">x</a>'), 4],
  [
    'more links than are looked at',
    {},
    html(Array.from({ length: 600 }, (_, n) => `<a href=/${n}>x</a><a href=//a${n}.example>`).join('')),
    1,
  ],
  ['SURBL with two bits', surbl, plain('http://www.bad.example/'), 8],
  ['SURBL with an address', surbl, plain('http://203.0.113.7/'), 4.5],
  ['SURBL that does not want to be asked', surbl, plain('http://blocked.example/'), 0],
  ['DBL', dbl, plain('http://a.b.bad.example/'), 5],
  ['DBL over its limit', dbl, plain('http://over.example/'), 0],
  ['DBL that was asked wrongly', dbl, plain('http://wrong.example/'), 0],
  ['a list of our own', own, plain('http://bad.example/'), 3],
  ['what is no answer of a list', own, plain('http://lies.example/'), 0],
  ['a large site', own, plain('http://www.google.com/'), 0],
  ['a site that is skipped', { ...own, skip: ['bad.example'] }, plain('http://bad.example/'), 0],
  ['what a redirector leads to', own, html('<a href="https://r.example/?u=https://bad.example/">x</a>'), 3.5],
  [
    'a code with a worth of its own',
    { lists: [{ zone: 'own.test', codes: { '127.0.0.5': 1 } }] },
    plain('http://bad.example/'),
    1,
  ],
  [
    'all lists, capped',
    { lists: [...surbl.lists, { zone: 'multi.uribl.com' }, ...dbl.lists], cap: 6 },
    plain('http://bad.example/'),
    6,
  ],
]

testPlugin(
  urls,
  [
    ...cases.map(([name, options, data, points]) => ({
      name: `${name} is worth ${points} points`,
      options,
      data,
      expect: { accepted: true as const, points },
    })),
    {
      name: 'the fact says where, and what was not asked',
      options: { ...own, lookups: 1 },
      data: plain('http://203.0.113.7/ http://bad.example/ http://other.example/'),
      expect: {
        facts: {
          urls: {
            links: 3,
            signals: [{ signal: 'address', weight: 1.5, evidence: ['http://203.0.113.7/'] }],
            listed: [{ zone: 'own.test', what: 'bad.example', codes: ['127.0.0.5'], worth: [3] }],
            notAsked: 1,
          },
        },
      },
    },
    {
      name: 'refused when the operator says so',
      options: { lists: [{ zone: 'own.test', action: 'reject' }] },
      data: plain('http://bad.example/'),
      expect: { refused: '5.7.1', at: 'message', text: /link/ },
    },
    {
      name: 'nothing when the operator says so',
      options: { weights: { address: 'none' } },
      data: plain('http://203.0.113.7/'),
      expect: { points: 0 },
    },
  ],
  { services: [[Dns, zone]] },
)
pluginContract(urls, { options: own, services: [[Dns, zoneDns({})]] })
