import { zoneDns } from '@postroad/dns'
import { Dns, type Service } from '@postroad/plugin'
import { pluginContract, testPlugin } from '@postroad/testing'
import { spf } from './spf.ts'

const dns = zoneDns({
  'a.example': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] },
  'down.example': 'SERVFAIL',
  'client.test': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] },
})
const services: readonly (readonly [Service<unknown>, unknown])[] = [[Dns, dns]]

testPlugin(
  spf,
  [
    { name: 'a client that may use the domain passes', mail: 'joe@a.example', expect: 'accepted' },
    {
      name: 'RFC 7208 §8.4: one that may not is worth points by default',
      helo: 'elsewhere.test',
      mail: 'joe@a.example',
      from: '203.0.113.9',
      expect: { accepted: true, points: 4 },
    },
    {
      name: 'RFC 7372 §3.2: and a refusal if the operator says so',
      mail: 'joe@a.example',
      from: '203.0.113.9',
      options: { fail: 'reject' },
      expect: '5.7.23',
    },
    { name: 'DNS that fails says nothing by default', mail: 'joe@down.example', expect: 'accepted' },
    {
      name: 'RFC 7208 §8.6: and defers if the operator says so',
      mail: 'joe@down.example',
      options: { temperror: 'defer' },
      expect: '4.7.24',
    },
    {
      name: 'RFC 7208 §2.4: the null reverse-path is checked by HELO',
      mail: '<>',
      helo: 'a.example',
      from: '203.0.113.9',
      options: { heloFail: 'reject' },
      expect: '5.7.23',
    },
  ],
  { services },
)

pluginContract(spf, { services, session: { from: '203.0.113.9' } })
