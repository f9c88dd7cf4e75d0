/** What the README promises, as a table of sessions. */
import assert from 'node:assert/strict'
import { definePlugin, Limiter, reject } from '@postroad/plugin'
import { memoryLimiter, testPlugin } from '@postroad/testing'
import { rateLimit } from './index.ts'

const HOUR = 3_600_000

/** Refuses some recipients, so that there are errors to count. */
const noNobody = definePlugin({
  name: 'no-nobody',
  hooks: {
    rcpt: ({ recipient }) => (recipient.local === 'nobody' ? reject('No such user', { status: '5.1.1' }) : undefined),
  },
})

const broken: Limiter = { ...memoryLimiter(), take: () => Promise.reject(new Error('the limiter is out of order')) }

testPlugin(rateLimit, [
  {
    name: 'a connection too many is closed with 421 X.7.28',
    options: { limits: [{ of: 'connections', limit: '1/h' }] },
    earlier: [{ from: '192.0.2.1' }],
    from: '192.0.2.1',
    expect: { refused: '4.7.28', at: 'connect', code: 421, text: /Too many connections, try again in 60 min/ },
  },
  {
    name: 'a slot at once is given back when the client leaves',
    options: { limits: [{ of: 'connections', limit: '1 at once' }] },
    earlier: [{ from: '192.0.2.1' }],
    mail: 'a@client.test',
    expect: 'accepted',
  },
  {
    name: 'a message too many is deferred at DATA',
    options: { limits: [{ of: 'messages', limit: '1/h' }] },
    earlier: [{ data: 'Subject: 1\n\n1\n' }],
    data: 'Subject: 2\n\n2\n',
    expect: {
      refused: '4.7.28',
      at: 'data',
      code: 451,
      check: ({ server }) => assert.equal(server.delivered.length, 1),
    },
  },
  {
    name: 'a bucket refills evenly: half the time is half the amount',
    options: { limits: [{ of: 'messages', limit: '2/h' }] },
    earlier: [{ data: 'Subject: 1\n\n1\n' }, { data: 'Subject: 2\n\n2\n' }],
    wait: HOUR / 2,
    data: 'Subject: 3\n\n3\n',
    expect: 'accepted',
  },
  {
    name: 'recipients over the burst are refused for good when the operator says so, those refused for another reason are not counted',
    options: { limits: [{ of: 'recipients', limit: '100/h', burst: 1, action: 'reject' }] },
    with: [noNobody()],
    rcpt: ['nobody@mx.test', 'first@mx.test', 'second@mx.test'],
    expect: {
      refused: '5.7.28',
      text: /Too many recipients/,
      check: ({ said }) =>
        assert.deepEqual(
          said.filter(({ at }) => at === 'rcpt').map(({ reply }) => reply.status),
          ['5.1.1', '2.1.5', '5.7.28'],
        ),
    },
  },
  {
    name: 'a message of more octets than the limit ever allows is told to be smaller',
    options: { limits: [{ of: 'octets', limit: '1 KB/h' }] },
    data: `Subject: large\n\n${'x'.repeat(70)}\n`.repeat(30),
    expect: { refused: '4.7.28', delivered: false, text: /smaller portions/ },
  },
  {
    name: 'who caused too many errors is disconnected when coming again',
    options: { limits: [{ of: 'errors', limit: '2/h', action: 'disconnect' }] },
    with: [noNobody()],
    earlier: [{ rcpt: ['nobody@mx.test', 'nobody@mx.test'] }],
    mail: 'a@client.test',
    expect: { refused: '4.7.28', at: 'connect', code: 421 },
  },
  {
    name: 'networks that are exempt are not counted',
    options: {
      limits: [{ of: 'messages', limit: '1/h' }],
      exempt: ['192.0.2.0/24'],
    },
    earlier: [{ data: 'Subject: 1\n\n1\n' }],
    data: 'Subject: 2\n\n2\n',
    expect: 'accepted',
  },
  {
    name: 'a limit that only marks sets the fact and the header field',
    options: { limits: [{ name: 'mails', of: 'messages', limit: '1/h', action: 'none' }], header: 'X-Exceeded' },
    earlier: [{ data: 'Subject: 1\n\n1\n' }],
    data: 'Subject: 2\n\n2\n',
    expect: {
      accepted: true,
      facts: { 'exceeded-limits': ['mails'] },
      headers: { 'X-Exceeded': 'mails', Subject: '2' },
    },
  },
  {
    name: 'a limiter that fails is worth what the operator says',
    options: { limits: [{ of: 'messages', limit: '1/h' }] },
    services: [[Limiter, broken]],
    use: { onError: 'pass' },
    data: 'Subject: 1\n\n1\n',
    expect: { accepted: true, delivered: true, failure: /rate-limit\.data failed: the limiter is out of order/ },
  },
])
