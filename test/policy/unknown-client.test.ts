/** A client whom the host in front of us cannot, or would not, name: no plugin trusts it, none lets it through, and none falls over it. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { access } from '@postroad/access'
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import { zoneDns } from '@postroad/dns'
import { dnsbl } from '@postroad/dnsbl'
import { greylist } from '@postroad/greylist'
import { helo } from '@postroad/helo'
import { accept, Dns, defineFact, definePlugin, reject, suspect } from '@postroad/plugin'
import { rateLimit } from '@postroad/rate-limit'
import { recipients } from '@postroad/recipients'
import { routing } from '@postroad/routing'
import { spf } from '@postroad/spf'
import { type FluentSession, mail, sessionWith, type Used } from '@postroad/testing'
import { startServer } from './server.ts'

const ALL = ['0.0.0.0/0', '::/0']
const zone = {
  'good.example': { TXT: ['v=spf1 +all'], A: ['192.0.2.1'] },
  'strict.example': { TXT: ['v=spf1 -all'] },
  '_dmarc.strict.example': { TXT: ['v=DMARC1; p=reject'] },
}
const unknown = (...plugins: Used[]): FluentSession =>
  sessionWith({ services: [[Dns, zoneDns(zone)]] }, ...plugins).from('unknown')
const refusing = definePlugin({
  name: 'refusing',
  hooks: { connect: { after: ['access'], handler: () => reject('No') } },
})
const routed = (relay: readonly string[]) =>
  routing({ domains: { 'mx.test': { via: 'maildir' } }, relay: { networks: [...relay], via: 'smtp' } })

test('access: a rule of trust never means it, not even for all networks', async () => {
  await unknown(access({ allow: { clients: ALL } }), refusing())
    .connect()
    .expectRefusal('5.7.1')
})

test('access: a rule that keeps all networks out means it, one for some of them does not', async () => {
  for (const network of ALL)
    await unknown(access({ deny: { clients: [network] } }))
      .connect()
      .expectRefusal('5.7.1')
  await unknown(access({ deny: { clients: ['0.0.0.0/1', '128.0.0.0/1', '::/1'] } }))
    .connect()
    .expectAccepted()
})

test('routing: nobody relays whom nobody can name, and what is ours is taken', async () => {
  await unknown(routed(ALL))
    .rcpt('a@mx.test')
    .expectAccepted()
    .rcpt('a@elsewhere.example')
    .expectRoute({ via: 'test-sink' })
  const conditional = routing({ routes: [{ match: { network: ALL }, via: 'smtp' }] })
  await unknown(conditional).rcpt('a@elsewhere.example').expectRoute({ via: 'test-sink' })
})

test('rate-limit: all of them are counted as one, by address and by network', async () => {
  for (const by of ['address', 'network'] as const) {
    const limits = rateLimit({ limits: [{ of: 'messages', by, limit: '1/h' }], exempt: ALL })
    await unknown(limits).rcpt('a@mx.test').data().expectAccepted().rcpt('a@mx.test').data().expectRefusal('4.7.28')
  }
})

test('spf: there is nothing to check, and no error that would come again and again', async () => {
  await unknown(spf({ fail: 'reject', temperror: 'defer', none: 'none' }))
    .mail('a@good.example')
    .expectAccepted()
    .rcpt('b@mx.test')
    .expectAccepted()
})

test('dmarc: a domain whose policy needs a proof is not believed without one', async () => {
  const message = mail({ from: 'Boss <boss@strict.example>' })
  await unknown(spf(), dkim(), dmarc())
    .mail('boss@strict.example')
    .rcpt('b@mx.test')
    .data(message)
    .expectRefusal('5.7.26')
})

test('dnsbl: lists of addresses are not asked, and others are', async () => {
  const dns = zoneDns(zone)
  const list = { action: 'reject', selfTest: false } as const
  const lists = dnsbl({
    lists: [
      { ...list, zone: 'bl.test' },
      { ...list, zone: 'dbl.test', of: 'sender' },
    ],
    exempt: ALL,
  })
  await sessionWith({ services: [[Dns, dns]] }, lists)
    .from('unknown')
    .mail('a@good.example')
    .expectAccepted()
    .rcpt('b@mx.test')
    .expectAccepted()
  assert.ok(dns.questions.some((question) => JSON.stringify(question).includes('dbl.test')))
  assert.ok(!dns.questions.some((question) => JSON.stringify(question).includes('unknown')))
})

test('helo: it has no name in the DNS, and a literal is not its address', async () => {
  await unknown(helo({ reverse: { none: 'reject' }, exempt: ALL }))
    .connect()
    .expectRefusal('5.7.25')
  await unknown(helo({ name: { wrongLiteral: 'reject' } }))
    .connect()
    .expectAccepted()
    .helo('[192.0.2.1]')
    .expectRefusal('5.7.1')
})

test('greylist: it has to come again, and never earns trust for the next one', async () => {
  await unknown(greylist({ delay: 1000, promote: 1, trusted: ALL }))
    .mail('a@good.example')
    .rcpt('b@mx.test')
    .expectRefusal('4.7.1')
    .after(2000)
    .rcpt('b@mx.test')
    .expectAccepted()
    .data()
    .expectAccepted()
    .mail('c@good.example')
    .rcpt('b@mx.test')
    .expectRefusal('4.7.1')
})

test('recipients: it is answered as any other', async () => {
  await unknown(recipients({ domains: ['mx.test'], users: ['a@mx.test'] }))
    .rcpt('no@mx.test')
    .expectRefusal('5.1.1')
    .rcpt('a@mx.test')
    .expectAccepted()
})

const noted = defineFact<string, 'session'>('noted', 'session')

/** Leaves something in every place where a session keeps what it learned, and says what of that it finds. */
function witness(found: unknown[]) {
  return definePlugin({
    name: 'witness',
    hooks: {
      connect: {
        provides: [noted],
        handler({ session, set }) {
          if (session.remote.address !== '127.0.0.1') return
          set(noted, 'the proxy')
          return suspect(7, 'the proxy')
        },
      },
      helo: ({ session }) => (session.remote.address === '127.0.0.1' ? suspect(3, 'the proxy') : undefined),
      auth: { mechanisms: ['PLAIN'], handler: () => ({ name: 'proxy' }) },
      mail({ session, helo, find }) {
        const { id, identity, remote, local, tls } = session
        found.push({ id, identity, remote: { ...remote }, local: local.address, tls, helo, fact: find(noted) })
        return accept()
      },
      message: ({ points }) => void found.push(points),
    },
  })()
}

test('XCLIENT: nothing that was learned of the host in front of us holds for its clients', async () => {
  const found: unknown[] = []
  await using server = await startServer([witness(found), routed(['127.0.0.0/8', ...ALL])], {
    xclient: ['127.0.0.1'],
    authWithoutTls: true,
  })
  const replies = await dialogue(server.port, [
    'EHLO proxy.example',
    'AUTH PLAIN AGEAYg==',
    'MAIL FROM:<a@good.example>',
    'RCPT TO:<b@elsewhere.example>',
    'RSET',
    'XCLIENT ADDR=[UNAVAILABLE] NAME=[UNAVAILABLE]',
    'EHLO client.example',
    'MAIL FROM:<a@good.example>',
    'RCPT TO:<b@elsewhere.example>',
    'RCPT TO:<b@mx.test>',
    'DATA',
    'Subject: x\r\n\r\n.',
    'QUIT',
  ])
  assert.deepEqual(replies, [
    '220',
    '250',
    '235',
    '250',
    '250',
    '250',
    '220',
    '250',
    '250',
    '550',
    '250',
    '354',
    '250',
    '221',
  ])
  const [before, after, points] = found as [Record<string, unknown>, Record<string, unknown>, number]
  assert.equal(points, 0)
  assert.notEqual(after['id'], before['id'])
  const { address } = before['remote'] as { address: string }
  assert.deepEqual([before['identity'], address, before['fact']], [{ name: 'proxy' }, '127.0.0.1', 'the proxy'])
  assert.deepEqual(after, {
    id: after['id'],
    identity: undefined,
    remote: { address: 'unknown', port: 0 },
    local: '127.0.0.1',
    tls: undefined,
    helo: { name: 'client.example', extended: true },
    fact: undefined,
  })
})

for (const [name, header] of [
  ['UNKNOWN', 'PROXY UNKNOWN\r\n'],
  ['LOCAL', '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0'],
] as const)
  test(`PROXY ${name}: nobody relays because the proxy may`, async () => {
    await using server = await startServer([routed(['127.0.0.0/8', ...ALL])], { proxies: ['127.0.0.1'] })
    const lines = [
      `${header}EHLO client.example`,
      'MAIL FROM:<a@good.example>',
      'RCPT TO:<b@elsewhere.example>',
      'RCPT TO:<b@mx.test>',
      'QUIT',
    ]
    assert.deepEqual(await dialogue(server.port, lines), ['220', '250', '250', '550', '250', '221'])
  })

/** Sends it all, and gives the codes of all replies. */
async function dialogue(port: number, lines: readonly string[]): Promise<string[]> {
  const socket = connect(port, '127.0.0.1')
  socket.write(Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1'))
  let text = ''
  for await (const chunk of socket) text += chunk
  return [...text.matchAll(/^(\d{3}) /gm)].map(([, code = '']) => code)
}
