/** What the README promises, as a table of sessions. */
import assert from 'node:assert/strict'
import { testPlugin } from '@postroad/testing'
import { routing } from './index.ts'

const options: NonNullable<Parameters<typeof routing>[0]> = {
  routes: [
    { match: 'spamtrap@*', discard: true },
    { match: { recipient: 'staff@example.com', identity: false }, refuse: 'Members only' },
    {
      match: { recipient: 'bob@example.com', header: { Subject: '*offer*' } },
      refuse: { text: 'No offers', status: '5.7.1' },
    },
    {
      match: { recipient: 'alice@example.com', header: { Subject: '*offer*' } },
      tag: { header: 'X-Offer', subject: '[AD] ' },
    },
    { match: 'held@example.com', hold: 'the operator looks at it' },
  ],
  addresses: {
    'sales@example.com': ['alice@example.com', 'bob@example.com'],
    'loop@example.com': 'pool@example.com',
    'pool@example.com': 'loop@example.com',
  },
  domains: { 'example.com': { via: 'maildir', users: ['alice', 'bob', 'staff', 'held'] } },
  relay: { networks: ['198.51.100.0/24'], via: 'smtp', host: 'out.example.net' },
}

testPlugin(
  routing,
  [
    {
      name: 'a user of our domain goes its way, with a detail, too',
      rcpt: 'alice+news@example.com',
      expect: { accepted: true, route: { via: 'maildir' } },
    },
    {
      name: 'RFC 3463 §3.2: one that does not exist is refused at RCPT',
      rcpt: 'nobody@example.com',
      expect: { refused: '5.1.1', code: 550 },
    },
    {
      name: 'an alias goes to all of its addresses',
      rcpt: 'sales@example.com',
      expect: {
        accepted: true,
        route: { via: 'maildir' },
        check: ({ server }) =>
          assert.deepEqual(server.routes.at(-1)?.to?.map(String), ['alice@example.com', 'bob@example.com']),
      },
    },
    { name: 'aliases that go round are refused', rcpt: 'loop@example.com', expect: '5.4.6' },
    { name: 'a rule refuses by text', rcpt: 'staff@example.com', expect: { refused: '5.7.1', text: /Members only/ } },
    {
      name: 'clients of the relay’s networks may send to anywhere',
      from: '198.51.100.7',
      rcpt: 'joe@elsewhere.test',
      expect: { accepted: true, route: { via: 'smtp', host: 'out.example.net' } },
    },
    {
      name: 'to others nothing is said, so that the next plugin answers, or nobody: 550 5.7.1',
      rcpt: 'joe@elsewhere.test',
      expect: { route: { via: 'test-sink' }, check: ({ answers }) => assert.deepEqual(answers, []) },
    },
    {
      name: 'rules on the message mark it for one recipient and refuse it for another: each has a reply of its own',
      protocol: 'lmtp',
      rcpt: ['alice@example.com', 'bob@example.com'],
      data: { From: 'a@client.test', Subject: 'An offer' },
      expect: { codes: [250, 550], headers: { 'X-Offer': 'yes', Subject: '[AD] An offer' } },
    },
    {
      name: 'what a rule holds is quarantined for its reason',
      rcpt: 'held@example.com',
      data: { From: 'a@client.test', Subject: 'Minutes' },
      expect: { accepted: true, quarantined: /^the operator looks at it$/, delivered: false },
    },
    {
      name: 'a table that cannot be asked is never "no such user"',
      options: { tables: [{ lookup: () => Promise.reject(new Error('the database is gone')) }] },
      rcpt: 'alice@example.com',
      expect: { refused: '4.3.0', code: 451, failure: /the database is gone/ },
    },
  ],
  { options },
)
