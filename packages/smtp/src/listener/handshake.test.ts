/** Clients that go, or fall silent, before TLS is there: probes, scanners, and those who do not speak it. */
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { CERTIFICATE } from '../certificate.test.ts'
import { type Fixture, start } from '../fixture.test.ts'

const HEADER = 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n'
/** The begin of a ClientHello: more is to come. */
const HELLO = Buffer.from('16030100c8010000c40303', 'hex')

function probe({ listener }: Fixture): Socket {
  const { address } = listener
  // A probe that half-closes: what it waits for is that we close.
  return connect({ host: '127.0.0.1', port: 'port' in address ? address.port : 0, allowHalfOpen: true }).on(
    'error',
    () => {},
  )
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.resume().once('end', () => socket.end())
    socket.once('close', () => resolve())
  })
}

for (const [name, proxies, text] of [
  ['without a word', [], ''],
  ['in the middle of its hello', [], HELLO],
  ['without a word behind a proxy', ['127.0.0.1'], HEADER],
  ['in its hello behind a proxy', ['127.0.0.1'], Buffer.concat([Buffer.from(HEADER), HELLO])],
  ['in the header of the proxy', ['127.0.0.1'], 'PROXY TCP4 '],
] as const)
  test(`implicit TLS: a client that ends its side ${name} is gone, and does not count any more`, {
    timeout: 20_000,
  }, async () => {
    await using fixture = await start({
      tls: 'implicit',
      certificate: CERTIFICATE,
      proxies,
      limits: { connectionsPerAddress: 1, connections: 2 },
    })
    for (let i = 0; i < 5; i++) {
      const socket = probe(fixture)
      const gone = closed(socket)
      socket.end(text)
      await gone
    }
    const client = proxies.length > 0 ? await fixture.client() : await fixture.client({ tls: true })
    if (proxies.length > 0) {
      client.send(HEADER)
      await client.upgrade()
    }
    assert.match(await client.reply(), /^220 /)
  })

test('implicit TLS: a client that ends its side a moment after its hello has begun is gone', {
  timeout: 20_000,
}, async () => {
  await using fixture = await start({ tls: 'implicit', certificate: CERTIFICATE, limits: { connectionsPerAddress: 1 } })
  const socket = probe(fixture)
  const gone = closed(socket)
  await new Promise<void>((resolve) => socket.write(HELLO, () => resolve()))
  await new Promise((resolve) => setTimeout(resolve, 50)) // in another segment
  socket.end()
  await gone
  assert.match(await (await fixture.client({ tls: true })).reply(), /^220 /)
})

for (const [name, rest] of [
  ['without a word', ''],
  ['in the middle of its hello', HELLO],
] as const)
  test(`STARTTLS: a client that ends its side ${name} is gone`, { timeout: 20_000 }, async () => {
    await using fixture = await start({ certificate: CERTIFICATE, limits: { connectionsPerAddress: 1 } })
    const client = await fixture.client()
    await client.talk('EHLO x\r\n', 2)
    assert.match(await client.say('STARTTLS'), /^220 /)
    client.socket.end(rest)
    assert.equal(await fixture.records[0]?.closed, 'client')
    assert.equal(await client.reply(), 'closed')
  })

test('STARTTLS and the end in one breath: it is answered, and the client is gone', { timeout: 20_000 }, async () => {
  await using fixture = await start({ certificate: CERTIFICATE })
  const client = await fixture.client()
  await client.reply()
  client.socket.end('EHLO x\r\nSTARTTLS\r\n')
  assert.match(await client.reply(), /^250/)
  assert.match(await client.reply(), /^220 2\.0\.0/)
  assert.equal(await client.reply(), 'closed')
  assert.equal(await fixture.records[0]?.closed, 'client')
})

for (const tls of ['implicit', 'optional'] as const)
  test(`a handshake has less time than a command (${tls})`, { timeout: 20_000 }, async () => {
    await using fixture = await start({ tls, certificate: CERTIFICATE, limits: { handshakeTimeoutMs: 200 } })
    const client = await fixture.client()
    if (tls === 'optional') {
      await client.talk('EHLO x\r\n', 2)
      await client.say('STARTTLS')
    }
    client.send(HELLO)
    assert.equal(await client.reply(), 'closed')
  })
