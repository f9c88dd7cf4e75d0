import { zoneDns } from '@postroad/dns'
import { allowedClient, Dns, definePlugin } from '@postroad/plugin'
import { testPlugin } from '@postroad/testing'
import { dnsbl } from './index.ts'

const zone = zoneDns({
  '2.0.0.127.bl.example': { A: ['127.0.0.2'] },
  '7.113.0.203.bl.example': { A: ['127.0.0.2', '127.0.0.11'], TXT: ['ticket 4711'] },
  '2.0.0.127.wl.example': { A: ['127.0.0.2'] },
  '7.113.0.203.wl.example': { A: ['127.0.10.3'] },
  '2.0.0.127.world.example': { A: ['127.0.0.2'] },
  '1.0.0.127.world.example': { A: ['127.0.0.2'] },
  '7.113.0.203.world.example': { A: ['127.0.0.2'] },
  '7.113.0.203.angry.example': { A: ['127.255.255.254'] },
  'test.dom.example': { A: ['127.0.1.2'] },
  'spam.test.dom.example': { A: ['127.0.1.2'] },
  'dead.example': 'SERVFAIL',
  '7.113.0.203.dead.example': 'SERVFAIL',
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

const bl = { zone: 'bl.example', action: 'reject' } as const

testPlugin(
  dnsbl,
  [
    {
      name: 'RFC 5782 §2.1: a listed address is refused if the operator says so, with the list’s reason',
      options: { lists: [{ ...bl, text: '{what} {zone} {reason}' }] },
      expect: { refused: '5.7.1', at: 'connect', text: /\[203\.0\.113\.7\] bl\.example ticket 4711/ },
    },
    {
      name: 'one that is not listed is nobody’s business',
      options: { lists: [bl] },
      from: '203.0.113.8',
      expect: { accepted: true, points: 0, facts: { 'dns-listed': [] } },
    },
    {
      name: 'being listed is worth 3 points by default, and less where an allow list has it too; both are written as a fact',
      options: { lists: [{ zone: 'bl.example' }, { zone: 'wl.example', codes: { '127.0.0.0/8': -2 } }] },
      expect: {
        accepted: true,
        points: 1,
        facts: {
          'dns-listed': [
            { zone: 'bl.example', codes: ['127.0.0.2', '127.0.0.11'] },
            { zone: 'wl.example', codes: ['127.0.10.3'] },
          ],
        },
      },
    },
    {
      name: 'each returned code has its own worth, and one that is not named has none',
      options: { lists: [{ zone: 'bl.example', codes: { '127.0.0.10/31': 2.5, '127.0.0.4/30': 'reject' } }] },
      expect: { accepted: true, points: 2.5 },
    },
    {
      name: 'all lists together give no more points than the cap',
      options: { lists: [{ zone: 'bl.example' }, { zone: 'wl.example', action: 4 }], cap: 4 },
      expect: { accepted: true, points: 4 },
    },
    {
      name: 'RFC 5782 §2.2: the domain of the reverse-path is looked up at MAIL',
      options: { lists: [{ zone: 'dom.example', of: 'sender', action: 'reject' }] },
      mail: 'joe@spam.test',
      expect: { refused: '5.7.1', at: 'mail', text: /spam\.test is listed by dom\.example/ },
    },
    {
      name: 'RFC 5782 §5: a list that lists the whole world is left out',
      options: { lists: [{ ...bl, zone: 'world.example' }] },
      expect: 'accepted',
    },
    {
      name: 'and stays left out after the pause, as long as its test fails',
      options: { lists: [{ ...bl, zone: 'world.example' }] },
      earlier: [{ from: '203.0.113.8' }],
      wait: 61_000,
      expect: 'accepted',
    },
    {
      name: 'the same list decides where it is not tested',
      options: { lists: [{ ...bl, zone: 'world.example', selfTest: false }] },
      expect: '5.7.1',
    },
    {
      name: 'a list that fails, and one that will not answer this resolver, have no entries',
      options: {
        lists: [
          { ...bl, zone: 'dead.example' },
          { ...bl, zone: 'angry.example', selfTest: false },
        ],
      },
      expect: { accepted: true, points: 0 },
    },
    {
      name: 'a client on the allow list of access is not looked up',
      options: { lists: [bl] },
      with: [allowing()],
      expect: 'accepted',
    },
  ],
  { services: [[Dns, zone]], from: '203.0.113.7' },
)
