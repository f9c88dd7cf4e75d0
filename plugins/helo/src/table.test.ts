import { zoneDns } from '@postroad/dns'
import { allowedClient, Dns, definePlugin } from '@postroad/plugin'
import { testPlugin } from '@postroad/testing'
import { helo } from './index.ts'

const zone = zoneDns({
  '192.0.2.1': { PTR: ['client.test'] },
  'client.test': { A: ['192.0.2.1'] },
  '203.0.113.2': { PTR: ['liar.example'] },
  'liar.example': { A: ['198.51.100.1'] },
  '203.0.113.3': { PTR: ['3-113-0-203.dsl.example'] },
  '3-113-0-203.dsl.example': { A: ['203.0.113.3'] },
  '203.0.113.4': 'SERVFAIL',
  'broken.example': 'SERVFAIL',
})

/** Stands in for `access`: every client is on its allow list. */
const allowing = definePlugin({
  name: 'access',
  hooks: {
    connect: {
      provides: [allowedClient],
      handler: ({ set }) => set(allowedClient, { pattern: 'x', reason: undefined }),
    },
  },
})

const mail = 'a@client.test'

testPlugin(
  helo,
  [
    {
      name: 'RFC 5321 §4.1.4: a name that leads to another address is no fault',
      helo: 'liar.example',
      mail,
      expect: { accepted: true, points: 0 },
    },
    {
      name: 'RFC 8601 §3: an address whose names do not lead back is worth 1.5 points',
      from: '203.0.113.2',
      mail,
      expect: { accepted: true, points: 1.5 },
    },
    {
      name: 'one that has no name is worth 1.5 points',
      from: '203.0.113.99',
      mail,
      expect: { accepted: true, points: 1.5 },
    },
    {
      name: 'one whose name is made of it is worth 1 point',
      from: '203.0.113.3',
      mail,
      expect: { accepted: true, points: 1 },
    },
    {
      name: 'RFC 7372 §3.3: reverse DNS is refused with a status of its own if the operator says so',
      from: '203.0.113.99',
      options: { reverse: { none: 'reject' } },
      rcpt: 'b@mx.test',
      expect: { refused: '5.7.25', at: 'connect' },
    },
    {
      name: 'a client that says our own name is refused at HELO',
      helo: 'MX.test',
      expect: { refused: '5.7.1', at: 'helo' },
    },
    {
      name: 'RFC 5321 §4.1.3: an address without brackets is no literal, and worth 2 points',
      helo: '192.0.2.1',
      mail,
      expect: { accepted: true, points: 2 },
    },
    {
      name: 'the literal of another address is worth 3 points',
      helo: '[203.0.113.9]',
      mail,
      expect: { accepted: true, points: 3 },
    },
    {
      name: 'what DNS cannot say is worth nothing, whatever the operator says of what it can',
      from: '203.0.113.4',
      helo: 'broken.example',
      options: { reverse: { none: 'reject', fail: 'reject' }, name: { unknown: 'reject' } },
      rcpt: 'b@mx.test',
      expect: { accepted: true, points: 0 },
    },
    {
      name: 'a client on the allow list of access is left alone at HELO and MAIL',
      with: [allowing()],
      helo: 'mx.test',
      mail,
      expect: { accepted: true, points: 0 },
    },
  ],
  { services: [[Dns, zone]] },
)
