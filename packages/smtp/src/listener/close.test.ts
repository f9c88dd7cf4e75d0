import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CERTIFICATE } from '../certificate.test.ts'
import { type Client, start } from '../fixture.test.ts'
import { createListener } from './listener.ts'

const ENVELOPE = 'MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n'
const never = (): Promise<never> => new Promise(() => {})

async function hello(client: Client): Promise<void> {
  await client.reply()
  await client.say('EHLO client.example')
}

test('a client whose connection is reset while a stage has not answered is told of at once', async () => {
  await using fixture = await start({}, { rcpt: never })
  const client = await fixture.client()
  await hello(client)
  client.send(ENVELOPE)
  await client.reply()
  client.socket.resetAndDestroy()
  assert.equal(await fixture.records[0]?.closed, 'client')
  assert.equal(fixture.listener.connections, 0)
})

test('a client that goes away in the middle of a message aborts it', async () => {
  await using fixture = await start()
  const client = await fixture.client()
  await hello(client)
  await client.talk(`${ENVELOPE}DATA\r\nabc\r\n`, 3)
  client.destroy()
  assert.equal(await fixture.records[0]?.closed, 'client')
  assert.deepEqual(fixture.records[0]?.calls.slice(-2), ['abort', 'close client'])
})

test('a client that closes its side after the last command still gets all replies', async () => {
  const later = (): Promise<{ code: number; text: string }> =>
    new Promise((resolve) => setImmediate(() => resolve({ code: 250, text: 'Late' })))
  await using fixture = await start({}, { rcpt: later, message: later })
  const client = await fixture.client()
  client.socket.end(`EHLO x\r\n${ENVELOPE}DATA\r\na\r\n.\r\nQUIT\r\n`)
  const replies: string[] = []
  for (let i = 0; i < 7; i++) replies.push((await client.reply()).slice(0, 3))
  assert.deepEqual(replies, ['220', '250', '250', '250', '354', '250', '221'])
})

test('RFC 5321 §3.8: a server that closes tells idle clients 421 and lets a transaction finish', async () => {
  await using fixture = await start()
  const idle = await fixture.client()
  const busy = await fixture.client()
  await hello(idle)
  await hello(busy)
  await busy.talk(`${ENVELOPE}DATA\r\n`, 3)
  const closed = fixture.listener.close(10_000)
  assert.equal(await idle.reply(), '421 4.3.2 Service is shutting down')
  assert.deepEqual(await busy.talk('a\r\n.\r\n', 3), [
    '250 2.0.0 Queued',
    '421 4.3.2 Service is shutting down',
    'closed',
  ])
  await closed
  assert.equal(await fixture.records[0]?.closed, 'server')
  assert.equal(await fixture.records[1]?.closed, 'server')
  await assert.rejects(fixture.client())
})

test('a server that closes cuts off a stage that never answers when the grace is over', async () => {
  await using fixture = await start({}, { message: never })
  const client = await fixture.client()
  await hello(client)
  await client.talk(`${ENVELOPE}DATA\r\na\r\n.\r\n`, 3)
  await fixture.listener.close(1)
  assert.equal(await client.reply(), 'closed')
  assert.deepEqual(fixture.records[0]?.calls.at(-1), 'close server')
})

test('stop takes no new connections and leaves those that are open', async () => {
  await using fixture = await start()
  const client = await fixture.client()
  await hello(client)
  await fixture.listener.stop()
  await assert.rejects(fixture.client())
  assert.equal(await client.say('NOOP'), '250 2.0.0 Ok')
})

test('Wire.disconnect in an idle session speaks and closes at once', async () => {
  await using fixture = await start()
  const client = await fixture.client()
  await hello(client)
  fixture.records[0]?.wire.disconnect({ code: 421, status: '4.7.1', text: 'Enough' })
  assert.equal(await client.reply(), '421 4.7.1 Enough')
  assert.equal(await client.reply(), 'closed')
  assert.equal(await fixture.records[0]?.closed, 'refused')
})

for (const stage of ['connect', 'helo', 'mail', 'rcpt', 'data', 'message'] as const)
  test(`Wire.disconnect called by the ${stage} stage speaks after the answer, and nothing follows`, async () => {
    await using fixture = await start({}, (wire) => ({
      [stage]: () => {
        wire.disconnect({ code: 421, status: '4.7.1', text: 'Enough' })
        return stage === 'rcpt' || stage === 'message' ? { code: 250, text: 'Ok' } : undefined
      },
    }))
    const client = await fixture.client()
    client.send(`EHLO x\r\n${ENVELOPE}DATA\r\na\r\n.\r\nNOOP\r\n`)
    const replies: string[] = []
    do replies.push(await client.reply())
    while (replies.at(-1) !== 'closed')
    assert.equal(replies.at(-2), '421 4.7.1 Enough')
    const before = { connect: 0, helo: 2, mail: 3, rcpt: 4, data: 5, message: 6 }[stage]
    assert.equal(replies.length, before + 2)
  })

test('RFC 5321 §3.8: a reply of 421, or one that says so, closes the connection', async () => {
  await using fixture = await start(
    {},
    { mail: async () => ({ code: 550, status: '5.7.1', text: 'Go', disconnect: true }) },
  )
  const client = await fixture.client()
  await hello(client)
  assert.deepEqual(await client.talk(`${ENVELOPE}NOOP\r\n`, 2), ['550 5.7.1 Go', 'closed'])
})

for (const where of ['write', 'reset', 'refused'] as const)
  test(`a stage that throws at ${where}, where no reply can be told from another, ends the connection and nothing else`, async () => {
    const fail = (): never => {
      throw new Error('a mistake of ours')
    }
    const broken = where === 'write' ? { content: () => ({ write: () => undefined, abort: fail }) } : { [where]: fail }
    await using fixture = await start({ limits: { size: 10 } }, broken)
    const client = await fixture.client()
    await hello(client)
    await client.talk(`${ENVELOPE}DATA\r\n`, 3)
    client.send(`${'a'.repeat(11)}\r\n.\r\nNOOP\r\n`)
    while ((await client.reply()) !== 'closed');
    assert.match(await (fixture.records[0]?.closed ?? ''), /error|client/)
    assert.equal(fixture.errors.length > 0, true)
    assert.equal(fixture.listener.connections, 0)
  })

test('too many errors close the connection', async () => {
  await using fixture = await start({ limits: { errors: 3 } })
  const client = await fixture.client()
  await hello(client)
  assert.deepEqual(await client.talk('RSET x\r\nFOO\r\nRSET x\r\nNOOP\r\n', 4), [
    '501 5.5.4 No argument expected',
    '500 5.5.1 What is FOO',
    '421 4.7.0 Too many errors, closing the connection',
    'closed',
  ])
})

test('a web browser is shown the door', async () => {
  await using fixture = await start()
  const client = await fixture.client()
  const replies = await client.talk('POST / HTTP/1.1\r\nHost: mx.example.com\r\n\r\nMAIL FROM:<a@example.com>\r\n', 3)
  assert.deepEqual(replies.slice(1), ['421 4.7.0 This is not a web server', 'closed'])
})

test('too many connections are turned away, and there is room again when others go', async () => {
  await using fixture = await start({ limits: { connectionsPerAddress: 1 } })
  const first = await fixture.client()
  await hello(first)
  const second = await fixture.client()
  assert.match(
    await second.reply(),
    /^421 mx\.example\.com Too many connections \(connectionsPerAddress\), try again later/,
  )
  assert.equal(await second.reply(), 'closed')
  await first.say('QUIT')
  await first.reply()
  let reply: string
  do {
    const third = await fixture.client()
    reply = await third.reply()
  } while (reply.startsWith('421'))
  assert.match(reply, /^220 /)
})

test('RFC 5321 §4.5.3.2: a client that is silent for too long is told so', async () => {
  await using fixture = await start({ limits: { commandTimeoutMs: 200 } })
  const client = await fixture.client()
  await hello(client)
  client.send('MAIL FR')
  assert.equal(await client.reply(), '421 4.4.2 Timeout, closing the connection')
  assert.equal(await fixture.records[0]?.closed, 'timeout')
})

test('a message that comes in too slowly is given up', async () => {
  await using fixture = await start({ limits: { dataGraceMs: 40, minDataRate: 1e9 } })
  const client = await fixture.client()
  await hello(client)
  await client.talk(`${ENVELOPE}DATA\r\nab`, 3)
  assert.match(await client.reply(), /^421 4\.4\.2 Message comes in too slowly/)
  assert.deepEqual(fixture.records[0]?.calls.slice(-2), ['abort', 'close timeout'])
})

test('RFC 3207 §4: STARTTLS, and what was known of the client is forgotten', async () => {
  await using fixture = await start({ tls: 'required', certificate: CERTIFICATE })
  const client = await fixture.client()
  await hello(client)
  for (const line of ['MAIL FROM:<a@example.com>', 'VRFY a', 'EXPN a'])
    assert.match(await client.say(line), /^530 5\.7\.0 /)
  assert.equal(await client.say('STARTTLS'), '220 2.0.0 Ready to start TLS')
  await client.upgrade()
  assert.match(await client.say('MAIL FROM:<a@example.com>'), /^503 5\.5\.1 /)
  const keywords = await client.say('EHLO client.example')
  assert.ok(!keywords.includes('STARTTLS') && keywords.includes('AUTH PLAIN LOGIN') && keywords.includes('REQUIRETLS'))
  assert.match(await client.say('STARTTLS'), /^503 5\.5\.1 /)
  assert.equal(await client.say('AUTH PLAIN AGEAc2VjcmV0'), '235 2.7.0 Welcome')
  assert.equal(await client.say('MAIL FROM:<a@example.com> REQUIRETLS'), '250 2.1.0 Ok')
  assert.equal(fixture.records[0]?.wire.tls?.version, 'TLSv1.3')
})

test('CVE-2011-0411: commands behind STARTTLS that came in the clear are neither run nor answered', async () => {
  await using fixture = await start({ certificate: CERTIFICATE })
  const client = await fixture.client()
  await hello(client)
  assert.equal(await client.say('STARTTLS\r\nRSET\r\nEHLO evil.example\r\nNOOP'), '220 2.0.0 Ready to start TLS')
  await client.upgrade()
  assert.match(await client.say('EHLO good.example'), /^250-mx/)
  assert.equal(await client.say('QUIT'), '221 2.0.0 Bye')
  assert.deepEqual(fixture.records[0]?.calls, [
    'connect',
    'EHLO client.example',
    'secured TLSv1.3',
    'EHLO good.example',
    'close quit',
  ])
})

test('RFC 8314 §3: implicit TLS speaks from the first octet', async () => {
  await using fixture = await start({ tls: 'implicit', certificate: CERTIFICATE, auth: 'required' })
  const client = await fixture.client({ tls: true })
  assert.equal(await client.reply(), '220 mx.example.com ESMTP')
  await client.say('EHLO x')
  assert.match(await client.say('MAIL FROM:<a@example.com>'), /^530 5\.7\.0 Authentication/)
  assert.equal(await client.say('AUTH LOGIN'), '334 VXNlcm5hbWU6')
  assert.equal(await client.say('YQ=='), '334 UGFzc3dvcmQ6')
  assert.match(await client.say('d3Jvbmc='), /^535 5\.7\.8 /)
  assert.equal(await client.say('AUTH PLAIN'), '334 ')
  assert.match(await client.say('*'), /^501 5\.7\.0 /)
  assert.match(await client.say('AUTH PLAIN !'), /^501 5\.5\.2 /)
  assert.match(await client.say('AUTH FOO'), /^504 5\.5\.4 /)
  assert.equal(await client.say('AUTH PLAIN AGEAc2VjcmV0'), '235 2.7.0 Welcome')
  assert.match(await client.say('AUTH PLAIN AGEAc2VjcmV0'), /^503 5\.5\.1 /)
  assert.deepEqual(fixture.records[0]?.calls.slice(0, 2), ['secured TLSv1.3', 'connect'])
})

test('a UNIX socket is taken away at the end, and a stale one at the start', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'lmtp.sock')
  const options = { name: 'unix', hostname: 'mx.example.com', path, protocol: 'lmtp' } as const
  {
    await using fixture = await start({ path, protocol: 'lmtp' })
    assert.deepEqual(fixture.listener.address, { path })
    const client = await fixture.client()
    assert.equal(await client.reply(), '220 mx.example.com LMTP')
    assert.deepEqual(fixture.records[0]?.wire.remote, { address: '', port: 0 })
    await assert.rejects(createListener(options, () => assert.fail()).listen(), { code: 'EADDRINUSE' })
  }
  assert.equal(existsSync(path), false)
})

test('new options and stages are for new connections', async () => {
  await using fixture = await start()
  const old = await fixture.client()
  await hello(old)
  fixture.listener.update({ name: 'new', hostname: 'new.example.com' }, () => {
    throw new Error('no more')
  })
  assert.equal(fixture.listener.name, 'new')
  assert.throws(
    () => fixture.listener.update({ name: 'x', hostname: 'x', tls: 'implicit' }, () => assert.fail()),
    /needs a certificate/,
  )
  assert.equal(await old.say('MAIL FROM:<>'), '250 2.1.0 Ok')
  const fresh = await fixture.client()
  assert.match(await fresh.reply(), /^421 /)
})

test('an address that is taken is told of by listen', async (t) => {
  const other = createServer()
  t.after(() => other.close())
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await assert.rejects(start({ port }), { code: 'EADDRINUSE' })
})
