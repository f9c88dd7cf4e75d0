import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CERTIFICATE } from '../certificate.test.ts'
import { Client, start } from '../fixture.test.ts'

const LOOPBACK = ['127.0.0.0/8']

test('PROXY protocol: the client is who the proxy says it is', async () => {
  await using fixture = await start({ proxies: LOOPBACK })
  const client = await fixture.client()
  client.send('PROXY TCP4 192.0.2.1 198.51.100.2 54321 25\r\nEHLO x\r\n')
  assert.match(await client.reply(), /^220 /)
  assert.match(await client.reply(), /^250-/)
  assert.deepEqual(fixture.records[0]?.wire.remote, { address: '192.0.2.1', port: 54321 })
  assert.deepEqual(fixture.records[0]?.wire.local, { address: '198.51.100.2', port: 25 })
})

test('PROXY protocol: before STARTTLS and before implicit TLS', async () => {
  for (const tls of ['optional', 'implicit'] as const) {
    await using fixture = await start({ proxies: LOOPBACK, tls, certificate: CERTIFICATE })
    const client = await fixture.client()
    client.send('PROXY TCP6 2001:db8::1 2001:db8::2 54321 25\r\n')
    if (tls === 'optional') {
      await client.reply()
      await client.say('EHLO x')
      await client.say('STARTTLS')
    }
    await client.upgrade()
    assert.match(tls === 'implicit' ? await client.reply() : await client.say('EHLO x'), /^2[25]0/)
    assert.equal(fixture.records[0]?.wire.remote.address, '2001:db8::1')
    assert.equal(await client.say('QUIT'), '221 2.0.0 Bye')
  }
})

test('PROXY protocol: a proxy without a header is no client, nor is a client with one', async () => {
  await using trusting = await start({ proxies: LOOPBACK })
  const proxy = await trusting.client()
  proxy.send('EHLO x\r\n')
  assert.equal(await proxy.reply(), 'closed')
  assert.equal(trusting.records.length, 0)
  await using wary = await start()
  const client = await wary.client()
  await client.reply()
  assert.match(await client.say('PROXY TCP4 192.0.2.1 198.51.100.2 54321 25'), /^500 /)
  assert.equal(wary.records[0]?.wire.remote.address, '127.0.0.1')
})

test('PROXY protocol: connections are counted for the client, not for the proxy', async () => {
  await using fixture = await start({ proxies: LOOPBACK, limits: { connectionsPerAddress: 1 } })
  const header = (last: number): string => `PROXY TCP4 192.0.2.${last} 198.51.100.2 54321 25\r\n`
  const clients = [await fixture.client(), await fixture.client(), await fixture.client()] as const
  for (const [i, client] of clients.entries()) client.send(header(i === 2 ? 1 : i))
  assert.match(await clients[0].reply(), /^220 /)
  assert.match(await clients[1].reply(), /^220 /)
  assert.match(await clients[2].reply(), /^421 /)
})

test('a proxy that never sends its header is given up', async () => {
  await using fixture = await start({ proxies: LOOPBACK, limits: { commandTimeoutMs: 200 } })
  const client = await fixture.client()
  client.send('PROXY ')
  assert.equal(await client.reply(), 'closed')
})

test('a proxy that sends its header octet by octet has no more time for it', async (t) => {
  await using fixture = await start({ proxies: LOOPBACK, limits: { commandTimeoutMs: 200 } })
  const client = await fixture.client()
  const drip = setInterval(() => client.send('1'), 20)
  t.after(() => clearInterval(drip))
  client.send('PROXY TCP4 ')
  const before = performance.now()
  assert.equal(await client.reply(), 'closed')
  assert.ok(performance.now() - before < 1000)
})

test('XCLIENT and XFORWARD: behind a proxy it is the client that has to be trusted, not the proxy', async () => {
  await using fixture = await start({ proxies: LOOPBACK, xclient: ['127.0.0.0/8', '192.0.2.0/24'], xforward: LOOPBACK })
  const stranger = await fixture.client()
  stranger.send('PROXY TCP4 198.51.100.7 198.51.100.2 54321 25\r\n')
  await stranger.reply()
  assert.doesNotMatch(await stranger.say('EHLO x'), /XCLIENT|XFORWARD/)
  assert.match(await stranger.say('XCLIENT ADDR=10.0.0.1'), /^550 5\.7\.0 /)
  assert.match(await stranger.say('XFORWARD ADDR=10.0.0.1'), /^550 5\.7\.0 /)
  const friend = await fixture.client()
  friend.send('PROXY TCP4 192.0.2.1 198.51.100.2 54321 25\r\n')
  await friend.reply()
  assert.match(await friend.say('XCLIENT ADDR=192.0.2.9'), /^220 /)
  assert.match(await friend.say('XCLIENT ADDR=10.0.0.1'), /^220 /)
  assert.match(await friend.say('XCLIENT ADDR=10.0.0.2'), /^550 5\.7\.0 /)
})

for (const [name, header] of [
  ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n')],
  ['UNSPEC', Buffer.from('0d0a0d0a000d0a515549540a21000000', 'hex')],
  ['LOCAL', Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex')],
] as const)
  test(`PROXY protocol, ${name}: who does not say whom they speak for is not trusted for what the proxy is`, async () => {
    await using fixture = await start({ proxies: LOOPBACK, xclient: ['0.0.0.0/0', '::/0', 'unix'], xforward: LOOPBACK })
    const client = await fixture.client()
    client.send(header)
    await client.reply()
    assert.deepEqual(fixture.records[0]?.wire.remote, { address: 'unknown', port: 0 })
    assert.equal(fixture.records[0]?.wire.local.address, '127.0.0.1')
    assert.doesNotMatch(await client.say('EHLO x'), /XCLIENT|XFORWARD/)
    assert.match(await client.say('XCLIENT ADDR=10.0.0.1'), /^550 5\.7\.0 /)
    assert.match(await client.say('XFORWARD ADDR=10.0.0.1'), /^550 5\.7\.0 /)
  })

test('PROXY protocol: many whom nobody names are not held to the limits of one', async () => {
  await using fixture = await start({
    proxies: LOOPBACK,
    limits: { connectionsPerAddress: 1, connectionsPerMinute: 1 },
  })
  for (let i = 0; i < 3; i++) {
    const client = await fixture.client()
    client.send('PROXY UNKNOWN\r\n')
    assert.match(await client.reply(), /^220 /)
  }
})

test('PROXY protocol: a proxy that looks whether we are there does not wait for the banner', async () => {
  await using fixture = await start({ proxies: LOOPBACK, greeting: { waitMs: 30_000 } })
  const client = await fixture.client()
  client.send(Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex'))
  assert.match(await client.reply(), /^220 /)
})

test('XFORWARD: what a trusted host says holds for one transaction', async () => {
  await using fixture = await start({ xforward: LOOPBACK })
  const client = await fixture.client()
  await client.reply()
  await client.say('EHLO x')
  assert.equal(await client.say('XFORWARD NAME=spike.example ADDR=192.0.2.1'), '250 2.0.0 Ok')
  assert.equal(await client.say('XFORWARD PROTO=ESMTP NAME=[UNAVAILABLE]'), '250 2.0.0 Ok')
  assert.deepEqual(fixture.records[0]?.wire.forwarded, { addr: '192.0.2.1', proto: 'ESMTP' })
  await client.talk('MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n.\r\n', 4)
  assert.equal(fixture.records[0]?.wire.forwarded, undefined)
})

test('PRDR: 353, one reply a recipient, and one for all', async () => {
  const offer = {
    mechanisms: [],
    eightBitMime: true,
    binaryMime: false,
    smtputf8: false,
    dsn: false,
    requireTls: false,
    prdr: true,
  } as const
  const answers = [
    { code: 550, status: '5.7.1', text: 'Not a' },
    { code: 250, status: '2.0.0', text: 'For b' },
  ]
  await using fixture = await start({}, { offer: () => offer, message: () => answers })
  const client = await fixture.client()
  await client.reply()
  assert.match(await client.say('EHLO x'), /\|250-PRDR\|/)
  const replies = await client.talk(
    'MAIL FROM:<> PRDR\r\nRCPT TO:<a@b.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\n.\r\nNOOP\r\n',
    9,
  )
  assert.deepEqual(replies.slice(4), [
    '353 Content analysis has started',
    '550 5.7.1 Not a',
    '250 2.0.0 For b',
    '250 2.0.0 For b',
    '250 2.0.0 Ok',
  ])
  const plain = await client.talk(
    'MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\n.\r\nNOOP\r\n',
    6,
  )
  assert.deepEqual(plain.slice(4), ['550 5.7.1 Not a', '250 2.0.0 Ok'])
})

test('a client on a UNIX socket can be trusted by name', async (t) => {
  const path = `${process.env['TMPDIR'] ?? '/tmp'}/postroad-${process.pid}.sock`
  await using fixture = await start({ path, xclient: ['unix'] })
  const client = await Client.connect(fixture.listener)
  t.after(() => client.destroy())
  await client.reply()
  assert.match(await client.say('XCLIENT ADDR=192.0.2.1'), /^220 /)
})
