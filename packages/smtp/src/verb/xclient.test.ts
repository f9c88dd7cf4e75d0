import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AUTHORITY, CERTIFICATE, CLIENT } from '../certificate.test.ts'
import { type Client, start } from '../fixture.test.ts'

const LOOPBACK = ['127.0.0.0/8']
const UNKNOWN = { address: 'unknown', port: 0 }

test('XCLIENT: a trusted host speaks for another client, and the session begins anew', async () => {
  await using fixture = await start({ xclient: [...LOOPBACK, '2001:db8::1'] })
  const client = await fixture.client()
  await client.reply()
  assert.match(await client.say('EHLO filter.example'), /\|250-XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT\|/)
  assert.match(await client.say('XCLIENT ADDR=IPV6:2001:DB8::1 PORT=4 NAME=[UNAVAILABLE] HELO=evil+2Eexample'), /^220 /)
  assert.match(await client.say('MAIL FROM:<a@example.com>'), /^503 5\.5\.1 /)
  assert.match(await client.say('EHLO client.example'), /^250-/)
  assert.equal(await client.say('MAIL FROM:<a@example.com>'), '250 2.1.0 Ok')
  assert.match(await client.say('XCLIENT ADDR=192.0.2.1'), /^503 5\.5\.1 /)
  assert.deepEqual(fixture.records[0]?.calls, ['connect', 'EHLO filter.example', 'close quit'])
  assert.deepEqual(fixture.records[1]?.wire.remote, { address: '2001:db8::1', port: 4 })
})

for (const attributes of [
  'ADDR=1.2',
  'ADDR=192.0.2.1 ADDR=192.0.2.1',
  'FOO=1',
  'LOGIN=',
  'LOGIN=a+0D+0Ab',
  'HELO=a+0D+0Ab',
  'PORT=65536',
  'ADDR',
  '',
])
  test(`XCLIENT ${attributes} is refused as a whole`, async () => {
    await using fixture = await start({ xclient: LOOPBACK, xforward: LOOPBACK })
    const client = await fixture.client()
    await client.reply()
    assert.match(await client.say(`XCLIENT ${attributes}`), /^501 5\.5\.4 /)
    assert.equal(fixture.records[0]?.wire.remote.address, '127.0.0.1')
  })

test('XCLIENT and XFORWARD are neither offered to strangers nor done for them', async () => {
  await using fixture = await start({ xclient: ['192.0.2.0/24'] })
  const client = await fixture.client()
  await client.reply()
  assert.doesNotMatch(await client.say('EHLO x'), /XCLIENT|XFORWARD/)
  assert.match(await client.say('XCLIENT ADDR=192.0.2.1'), /^550 5\.7\.0 /)
  assert.match(await client.say('XFORWARD ADDR=192.0.2.1'), /^550 5\.7\.0 /)
})

for (const [attributes, remote] of [
  ['ADDR=[UNAVAILABLE]', UNKNOWN],
  ['ADDR=[TEMPUNAVAIL]', UNKNOWN],
  ['ADDR=[unavailable] PORT=[UNAVAILABLE] NAME=[UNAVAILABLE]', UNKNOWN],
  ['NAME=client.example', UNKNOWN],
  ['HELO=client.example PROTO=ESMTP', UNKNOWN],
  ['PORT=4', { address: 'unknown', port: 4 }],
  ['ADDR=192.0.2.1', { address: '192.0.2.1', port: 0 }],
  ['ADDR=192.0.2.1 PORT=[UNAVAILABLE]', { address: '192.0.2.1', port: 0 }],
] as const)
  test(`XCLIENT ${attributes}: what is not said of the client is never what is known of the host in front of us`, async () => {
    await using fixture = await start({ xclient: LOOPBACK })
    const client = await fixture.client()
    await client.reply()
    const here = fixture.records[0]?.wire.local
    assert.match(await client.say(`XCLIENT ${attributes}`), /^220 /)
    assert.deepEqual(fixture.records[1]?.wire.remote, remote)
    assert.deepEqual(fixture.records[1]?.wire.local, here)
  })

test('XCLIENT: what is not said is not known from the XCLIENT before either', async () => {
  await using fixture = await start({ xclient: [...LOOPBACK, '10.0.0.1'] })
  const client = await fixture.client()
  await client.reply()
  const { address, port } = fixture.records[0]?.wire.local ?? UNKNOWN
  await client.say('XCLIENT ADDR=10.0.0.1 PORT=1 DESTADDR=10.0.0.2 DESTPORT=2')
  assert.deepEqual(fixture.records[1]?.wire.local, { address: '10.0.0.2', port: 2 })
  await client.say('XCLIENT ADDR=10.0.0.1 DESTPORT=3')
  assert.deepEqual(fixture.records[2]?.wire.remote, { address: '10.0.0.1', port: 0 })
  assert.deepEqual(fixture.records[2]?.wire.local, { address, port: 3 })
  await client.say('XCLIENT ADDR=10.0.0.1 DESTADDR=[UNAVAILABLE] DESTPORT=[UNAVAILABLE]')
  assert.deepEqual(fixture.records[3]?.wire.local, UNKNOWN)
  await client.say('XCLIENT NAME=client.example')
  assert.deepEqual(fixture.records[4]?.wire.remote, UNKNOWN)
  assert.deepEqual(fixture.records[4]?.wire.local, { address, port })
})

for (const attributes of ['ADDR=192.0.2.1', 'ADDR=[UNAVAILABLE]', 'NAME=client.example'])
  test(`XCLIENT ${attributes}: who is named by it may not say whom else to take it for`, async () => {
    await using fixture = await start({ xclient: LOOPBACK, xclientLogin: 'trust', xforward: LOOPBACK })
    const client = await fixture.client()
    await client.reply()
    await client.say(`XCLIENT ${attributes}`)
    const { remote } = fixture.records[1]?.wire ?? assert.fail()
    assert.doesNotMatch(await client.say('EHLO client.example'), /XCLIENT|XFORWARD/)
    assert.match(await client.say('XCLIENT ADDR=127.0.0.1 LOGIN=alice'), /^550 5\.7\.0 /)
    assert.match(await client.say('XFORWARD ADDR=127.0.0.1'), /^550 5\.7\.0 /)
    assert.equal(fixture.records.length, 2)
    assert.deepEqual(fixture.records[1]?.wire.remote, remote)
  })

test('XCLIENT: where AUTH is required the next client has to show who it is', async () => {
  await using fixture = await start({ xclient: LOOPBACK, auth: 'required', authWithoutTls: true })
  const client = await fixture.client()
  await login(client)
  assert.equal(await client.say('MAIL FROM:<a@example.com>'), '250 2.1.0 Ok')
  await client.say('RSET')
  await client.say('XCLIENT ADDR=192.0.2.1')
  await client.say('EHLO client.example')
  assert.match(await client.say('MAIL FROM:<a@example.com>'), /^530 5\.7\.0 Authentication/)
  assert.equal(await client.say('AUTH PLAIN AGEAc2VjcmV0'), '235 2.7.0 Welcome')
})

test('XCLIENT: the certificate of the host in front of us is not that of its clients', async () => {
  const offer = {
    mechanisms: ['EXTERNAL', 'SCRAM-SHA-256'],
    eightBitMime: true,
    binaryMime: false,
    smtputf8: false,
    dsn: false,
  } as const
  await using fixture = await start(
    { xclient: LOOPBACK, tls: 'optional', certificate: { ...CERTIFICATE, ca: AUTHORITY } },
    { offer: () => ({ ...offer, requireTls: true }) },
  )
  for (const when of ['before', 'after'] as const) {
    const client = await fixture.client()
    await client.reply()
    await client.say('EHLO proxy.example')
    if (when === 'after') {
      await client.say('XCLIENT ADDR=192.0.2.1')
      await client.say('EHLO proxy.example')
    }
    await client.say('STARTTLS')
    await client.upgrade({ key: CLIENT.key, cert: CLIENT.cert })
    if (when === 'before') {
      assert.match(await client.say('EHLO proxy.example'), /AUTH EXTERNAL SCRAM-SHA-256-PLUS SCRAM-SHA-256\|/)
      await client.say('XCLIENT ADDR=192.0.2.1')
    }
    // The channel is not the client's either.
    assert.match(await client.say('EHLO client.example'), /AUTH SCRAM-SHA-256\|/, when)
    assert.match(await client.say('AUTH EXTERNAL ='), /^504 /)
    const { tls } = fixture.records.at(-1)?.wire ?? {}
    assert.deepEqual([tls?.version, tls?.client, tls?.servername], ['TLSv1.3', undefined, undefined])
    client.destroy()
  }
})

test('XCLIENT: in every field the connection is as one that has just begun', async () => {
  await using fixture = await start({ xclient: LOOPBACK, xforward: LOOPBACK, authWithoutTls: true })
  const fresh = await fixture.client()
  await fresh.reply()
  const client = await fixture.client()
  await login(client)
  await client.say('XFORWARD NAME=spike.example')
  await client.talk('MAIL FROM:<>\r\nRCPT TO:<no@example.org>\r\nRSET\r\n', 3)
  await client.say('XFORWARD NAME=spike.example')
  const wire = fixture.records[1]?.wire ?? assert.fail()
  assert.ok(wire.forwarded)
  await client.say('XCLIENT ADDR=192.0.2.1 PORT=7')
  // What is of the connection, and not of who speaks.
  const lasting = new Set([
    'ticket',
    'remote',
    'remotePort',
    'local',
    'here',
    'isForwarded',
    'transactions',
    'sinceMail',
    'previous',
    'next',
  ])
  const fields = (of: object) =>
    Object.entries(of).filter(
      ([name, value]) => !name.startsWith('_') && !lasting.has(name) && !(value instanceof Object),
    )
  assert.deepEqual(fields(wire), fields(fixture.records[0]?.wire ?? assert.fail()))
  assert.deepEqual(fixture.records[1]?.calls.at(-1), 'close quit')
  assert.deepEqual(fixture.records[2]?.calls, ['connect'])
})

test('XCLIENT with LOGIN: by default it is read, and nobody is authenticated by it', async () => {
  await using fixture = await start({ xclient: LOOPBACK, auth: 'required', authWithoutTls: true })
  const client = await fixture.client()
  await client.reply()
  assert.match(await client.say('EHLO proxy.example'), /XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT\|/)
  assert.match(await client.say('XCLIENT ADDR=192.0.2.1 LOGIN=alice NAME=[UNAVAILABLE]'), /^220 /)
  assert.equal(fixture.records[1]?.wire.remote.address, '192.0.2.1')
  await client.say('EHLO client.example')
  assert.match(await client.say('MAIL FROM:<a@example.com>'), /^530 5\.7\.0 Authentication/)
  assert.deepEqual(fixture.records[1]?.calls.slice(0, 2), ['connect', 'EHLO client.example'])
})

test('XCLIENT with LOGIN: where it is trusted it is as good as AUTH, until somebody else is named', async () => {
  await using fixture = await start({
    xclient: [...LOOPBACK, '192.0.2.1'],
    xclientLogin: 'trust',
    auth: 'required',
    authWithoutTls: true,
  })
  const client = await fixture.client()
  await client.reply()
  assert.match(await client.say('EHLO proxy.example'), /XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT LOGIN\|/)
  await client.say('XCLIENT ADDR=192.0.2.1 LOGIN=alice+40example.com')
  await client.say('EHLO client.example')
  assert.equal(await client.say('MAIL FROM:<a@example.com>'), '250 2.1.0 Ok')
  await client.say('RSET')
  assert.match(await client.say('AUTH PLAIN AGEAc2VjcmV0'), /^503 /)
  assert.deepEqual(fixture.records[1]?.calls.slice(0, 2), ['authenticated alice@example.com', 'connect'])
  for (const nobody of ['', ' LOGIN=[UNAVAILABLE]', ' LOGIN=[TEMPUNAVAIL]']) {
    await client.say(`XCLIENT ADDR=192.0.2.1${nobody}`)
    await client.say('EHLO client.example')
    assert.match(await client.say('MAIL FROM:<a@example.com>'), /^530 5\.7\.0 Authentication/)
  }
})

test('XCLIENT with LOGIN: who may not say XCLIENT is nobody by it', async () => {
  await using fixture = await start({
    xclient: ['192.0.2.0/24'],
    xclientLogin: 'trust',
    auth: 'required',
    authWithoutTls: true,
  })
  const client = await fixture.client()
  await client.talk('EHLO x\r\n', 2)
  assert.match(await client.say('XCLIENT ADDR=192.0.2.1 LOGIN=alice'), /^550 5\.7\.0 /)
  assert.match(await client.say('MAIL FROM:<a@example.com>'), /^530 5\.7\.0 Authentication/)
})

for (const proxies of [[], ['127.0.0.1']])
  test(`XCLIENT: limits of an address are those of the client that is named${proxies.length > 0 ? ', behind PROXY too' : ''}`, async () => {
    await using fixture = await start({
      proxies,
      xclient: ['127.0.0.1', '192.0.2.9', '198.51.100.1'],
      limits: { connectionsPerAddress: 1 },
    })
    const clients: Client[] = []
    const name = async (address: string): Promise<string> => {
      const client = await fixture.client()
      clients.push(client)
      if (proxies.length > 0) client.send('PROXY TCP4 192.0.2.9 192.0.2.2 1 2\r\n')
      await client.reply()
      return client.say(`XCLIENT ADDR=${address}`)
    }
    for (const address of ['198.51.100.1', '198.51.101.1', '[UNAVAILABLE]', '[UNAVAILABLE]'])
      assert.match(await name(address), /^220 /)
    assert.match(
      await name('198.51.100.1'),
      /^421 4\.7\.0 Too many connections \(connectionsPer(?:Address|Network|Minute)\)/,
    )
    assert.equal(await clients[4]?.reply(), 'closed')
    // Somebody else speaks there now, so there is room again.
    assert.match((await clients[0]?.say('XCLIENT ADDR=198.51.102.1')) ?? '', /^220 /)
    assert.match(await name('198.51.100.1'), /^220 /)
  })

async function login(client: Client): Promise<void> {
  await client.reply()
  await client.say('EHLO proxy.example')
  assert.equal(await client.say('AUTH PLAIN AGEAc2VjcmV0'), '235 2.7.0 Welcome')
}
