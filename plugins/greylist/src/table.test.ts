import { type Spf, spfFact } from '@postroad/authres'
import { definePlugin, Store, suspect } from '@postroad/plugin'
import { testPlugin } from '@postroad/testing'
import { greylist } from './index.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** Stands in for `spf`: everything passes. */
const passing = definePlugin({
  name: 'spf',
  hooks: {
    mail: {
      provides: [spfFact],
      handler({ envelope, set }) {
        const domain = envelope.from?.domain ?? ''
        const mailFrom = {
          identity: 'mailfrom',
          result: 'pass',
          domain,
          comment: undefined,
          explanation: undefined,
        } as const
        set(spfFact, { mailFrom, helo: undefined } satisfies Spf)
      },
    },
  },
})

/** Finds every message a little suspicious. */
const doubting = definePlugin({ name: 'doubting', hooks: { mail: () => suspect(2, 'who knows') } })

const broken = new Proxy({}, { get: () => () => Promise.reject(new Error('the store is down')) })
const data = 'Subject: x\n\nx\n'
const rcpt = 'bob@mx.test'

testPlugin(
  greylist,
  [
    {
      name: 'RFC 6647 §2.4: a stranger has to wait',
      expect: { refused: '4.7.1', at: 'rcpt', text: /try again in 5 min/ },
    },
    {
      name: 'and waits still when it comes back too early',
      earlier: [{ rcpt }],
      wait: 4 * MINUTE,
      expect: { refused: '4.7.1', text: /try again in 60 s/ },
    },
    {
      name: 'RFC 6647 §2.4: who comes back after the delay may pass, from a neighbour and with another number in the path too',
      earlier: [{ mail: 'list-1@b.example', rcpt, from: '192.0.2.1' }],
      wait: 5 * MINUTE,
      mail: 'list-22+x@b.example',
      from: '192.0.2.200',
      expect: 'accepted',
    },
    {
      name: 'who comes back after the window is a stranger again',
      earlier: [{ rcpt }],
      wait: 2 * DAY + MINUTE,
      expect: '4.7.1',
    },
    {
      name: 'another recipient has a wait of its own',
      earlier: [{ rcpt: 'eve@mx.test' }],
      wait: 5 * MINUTE,
      expect: '4.7.1',
    },
    {
      name: 'a network that had its number of good messages is known as a whole',
      options: { promote: 1, spared: ['alice@mx.test'] },
      earlier: [{ rcpt: 'alice@mx.test', data }],
      mail: 'new@b.example',
      expect: 'accepted',
    },
    {
      name: 'a message with points is no reason for trust',
      options: { promote: 1, spared: ['alice@mx.test'] },
      with: [doubting()],
      earlier: [{ rcpt: 'alice@mx.test', data }],
      expect: '4.7.1',
    },
    {
      name: 'a trusted domain is left alone when SPF passes for it',
      options: { trustedDomains: ['*.big.example'] },
      with: [passing()],
      mail: 'a@mail.big.example',
      expect: 'accepted',
    },
    {
      name: 'at message, only what has its points has to wait',
      options: { at: 'message', points: 2 },
      with: [doubting()],
      data,
      expect: { refused: '4.7.1', at: 'message', delivered: false },
    },
    {
      name: 'a store that fails is one more delay',
      services: [[Store, broken]],
      expect: { refused: true, at: 'rcpt', code: 451, failure: /the store is down/ },
    },
  ],
  { rcpt },
)
