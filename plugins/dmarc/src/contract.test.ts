import { type Dkim, dkimFact, type Spf, spfFact } from '@postroad/authres'
import { zoneDns } from '@postroad/dns'
import { Dns, definePlugin, type Service } from '@postroad/plugin'
import { pluginContract, testPlugin } from '@postroad/testing'
import { dmarc } from './dmarc.ts'

const services: readonly (readonly [Service<unknown>, unknown])[] = [
  [
    Dns,
    zoneDns({
      '_dmarc.a.example': { TXT: ['v=DMARC1; p=reject'] },
      '_dmarc.q.example': { TXT: ['v=DMARC1; p=quarantine'] },
      '_dmarc.down.example': 'SERVFAIL',
    }),
  ],
]

const spf: Spf = {
  mailFrom: {
    identity: 'mailfrom',
    result: 'pass',
    domain: 'sender.example',
    comment: undefined,
    explanation: undefined,
  },
  helo: undefined,
}
const none: Dkim = { signatures: [], ignored: 0 }

/** Finds out what spf and dkim would. */
const checks = definePlugin({
  name: 'checks',
  hooks: {
    mail: { provides: [spfFact], handler: ({ set }) => set(spfFact, spf) },
    message: { provides: [dkimFact], handler: ({ set }) => set(dkimFact, none) },
  },
})

testPlugin(
  dmarc,
  [
    { name: 'RFC 9989 §5.3: p=reject refuses what is not aligned', data: { From: 'x@a.example' }, expect: '5.7.26' },
    { name: 'p=quarantine sets it aside', data: { From: 'x@q.example' }, expect: { quarantined: /p=quarantine/ } },
    { name: 'no policy says nothing', data: { From: 'x@sender.example' }, expect: 'accepted' },
    { name: 'DNS that fails defers', data: { From: 'x@down.example' }, expect: '4.4.3' },
    { name: 'several authors are refused', data: { From: 'x@a.example, y@b.example' }, expect: '5.6.0' },
    {
      name: 'a trusted forwarder passes',
      data: { From: 'x@a.example' },
      options: { trust: ['sender.example'] },
      expect: 'accepted',
    },
  ],
  { services, with: [checks()] },
)

pluginContract(dmarc, { services, with: [checks()], session: { data: { From: 'x@b.example' } } })
