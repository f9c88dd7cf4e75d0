import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Admission, ListenerError } from '@postroad/listener'
import { CERTIFICATE } from '../certificate.test.ts'
import { DEFAULT_LIMITS, tightened } from '../config/limits.ts'
import { type ListenerOptions, listenerMistakes } from '../config/listener-options.ts'
import { settingsOf } from '../config/settings.ts'
import { type Client, start } from '../fixture.test.ts'
import { Stress } from './stress.ts'

async function hello(client: Client): Promise<void> {
  await client.reply()
  await client.say('EHLO client.example')
}

test('RFC 5321 §4.3.1: a client that speaks before the banner is refused where the operator waits for that', async () => {
  await using fixture = await start({ greeting: { waitMs: 1_000, twoLines: true } })
  const rude = await fixture.client()
  rude.send('EHLO x\r\nMAIL FROM:<a@example.com>\r\n')
  assert.equal(await rude.reply(), '220-mx.example.com|554 You spoke before the banner')
})

test('RFC 5321 §4.3.1: a client that waits gets the banner in two lines', async () => {
  await using fixture = await start({ greeting: { waitMs: 20, twoLines: true } })
  const polite = await fixture.client()
  assert.equal(await polite.reply(), '220-mx.example.com|220 mx.example.com ESMTP')
  assert.match(await polite.say('EHLO x'), /^250-/)
})

test('those the operator excepts do not wait', async () => {
  await using fixture = await start({ greeting: { waitMs: 10_000, except: ['127.0.0.1'] } })
  const client = await fixture.client()
  assert.equal(await client.reply(), '220 mx.example.com ESMTP')
})

test('a client that goes away during the wait leaves nothing behind', async () => {
  await using fixture = await start({ greeting: { waitMs: 10_000 } })
  const client = await fixture.client()
  client.destroy()
  assert.equal(await fixture.records[0]?.closed, 'client')
})

test('RFC 2920 §3.1: strict pipelining refuses what is sent behind DATA and EHLO before the reply', async () => {
  for (const text of [
    'EHLO x\r\nMAIL FROM:<>\r\n',
    'EHLO x\r\n',
    'MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\na\r\n.\r\n',
  ]) {
    await using fixture = await start({ pipelining: 'strict' })
    const client = await fixture.client()
    await hello(client)
    client.send(text)
    const replies: string[] = []
    const count = text === 'EHLO x\r\n' ? 1 : text.split('\r\n').length
    for (let i = 0; i < count && replies.at(-1) !== 'closed'; i++) replies.push(await client.reply())
    if (text === 'EHLO x\r\n') assert.match(replies[0] ?? '', /^250-/)
    else assert.deepEqual(replies.slice(-2), ['503 5.5.0 Wait for the reply to this', 'closed'])
  }
})

test('a client with many errors waits for the replies', async () => {
  await using fixture = await start({ limits: { errors: 3, errorDelayMs: 30 } })
  const client = await fixture.client()
  await hello(client)
  await client.say('RSET x')
  const before = performance.now()
  assert.match(await client.say('RSET x'), /^501 /)
  assert.ok(performance.now() - before >= 25)
})

test('commands that do nothing are counted between messages', async () => {
  await using fixture = await start({ limits: { noops: 3 } })
  const client = await fixture.client()
  await hello(client)
  const message = 'MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n.\r\n'
  const replies = await client.talk(`NOOP\r\nRSET\r\nVRFY x\r\n${message}NOOP\r\nNOOP\r\nHELP\r\nNOOP\r\n`, 12)
  assert.deepEqual(
    replies.slice(-5).map((reply) => reply.slice(0, 3)),
    ['250', '250', '214', '421', 'clo'],
  )
})

test('who tries out addresses is sent away; the dead addresses of a list do not add up over its messages', async () => {
  await using fixture = await start({ limits: { refusedRecipients: 3 } })
  const client = await fixture.client()
  await hello(client)
  const no = 'RCPT TO:<no@example.org>\r\n'
  const message = `MAIL FROM:<a@example.com>\r\n${no}${no}RCPT TO:<b@example.org>\r\nDATA\r\n.\r\n`
  for (let count = 0; count < 3; count++) assert.match((await client.talk(message, 6)).at(-1) ?? '', /^250 2\.0\.0 /)
  const replies = await client.talk(
    `MAIL FROM:<a@example.com>\r\n${no}RSET\r\nMAIL FROM:<a@example.com>\r\n${no}${no}`,
    7,
  )
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 3)),
    ['250', '550', '250', '250', '550', '421', 'clo'],
  )
})

test('RFC 5321 §4.5.3.1.10: too many recipients are 452, and the message goes to those before', async () => {
  await using fixture = await start({ limits: { recipients: 2 } })
  const client = await fixture.client()
  await hello(client)
  const replies = await client.talk(`MAIL FROM:<>\r\n${'RCPT TO:<b@example.org>\r\n'.repeat(3)}DATA\r\n.\r\n`, 6)
  assert.match(replies[3] ?? '', /^452 4\.5\.3 /)
  assert.equal(replies[5], '250 2.0.0 Queued')
})

test('recipients that are refused have their number, too: nobody keeps a list without end', async () => {
  await using fixture = await start({ limits: { recipients: 2 } })
  const client = await fixture.client()
  await hello(client)
  const replies = await client.talk(`MAIL FROM:<>\r\n${'RCPT TO:<no@example.org>\r\n'.repeat(4)}`, 5)
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 3)),
    ['250', '550', '550', '452', '452'],
  )
  assert.equal(fixture.records[0]?.calls.filter((call) => call.startsWith('rcpt')).length, 2)
})

test('RFC 9422 §4.1: the transactions of a connection have their limit', async () => {
  await using fixture = await start({ limits: { transactions: 1 } })
  const client = await fixture.client()
  await client.reply()
  assert.match(await client.say('EHLO x'), /LIMITS MAILMAX=1 RCPTMAX=1000/)
  await client.talk('MAIL FROM:<>\r\nRSET\r\n', 2)
  assert.match(await client.say('MAIL FROM:<>'), /^421 4\.7\.0 /)
})

test('a connection has its whole time, however busy it is', async () => {
  await using fixture = await start({ limits: { sessionTimeoutMs: 200 } })
  const client = await fixture.client()
  await hello(client)
  let reply: string
  do {
    reply = await client.say('NOOP')
    await new Promise((resolve) => setTimeout(resolve, 5))
  } while (reply.startsWith('250'))
  assert.match(reply, /^421 4\.4\.2 Connection has been open for too long/)
})

test('a client that never reads its replies is not read from, and times out', async () => {
  await using fixture = await start({ limits: { commandTimeoutMs: 200, noops: 1e9 } })
  const client = await fixture.client()
  await hello(client)
  client.socket.pause()
  const noops = Buffer.from('NOOP\r\n'.repeat(10_000))
  for (let i = 0; i < 200 && client.socket.writableLength < 4e6; i++) client.send(noops)
  assert.equal(await fixture.records[0]?.closed, 'timeout')
})

test('connections are counted by address, by network and by the minute', () => {
  const admission = new Admission({
    ...DEFAULT_LIMITS,
    connections: 5,
    connectionsPerAddress: 2,
    connectionsPerNetwork: 3,
    connectionsPerMinute: 4,
  })
  const enter = (address: string, now = 0): boolean => {
    const slot = admission.enter()
    if (slot === undefined) return false
    const isIn = admission.enterClient(slot, address, now)
    if (!isIn) admission.leave(slot)
    return isIn
  }
  assert.deepEqual(
    ['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1', '2001:db8:0:0:9::1'].map((a) =>
      enter(a),
    ),
    [true, true, false, true, false, true, true],
  )
  assert.equal(enter('198.51.100.1'), false)
  assert.equal(admission.open, 5)
  const other = new Admission({ ...DEFAULT_LIMITS, connectionsPerMinute: 2 })
  const visit = (now: number): boolean => {
    const slot = other.enter() ?? assert.fail()
    const isIn = other.enterClient(slot, '192.0.2.1', now)
    other.leave(slot)
    other.leave(slot)
    return isIn
  }
  assert.deepEqual([visit(0), visit(0), visit(0), visit(60_000)], [true, true, false, true])
  assert.equal(other.open, 0)
})

test('stress begins at any one sign, and ends well below it', async () => {
  const stress = new Stress({ connections: 0.5, loopDelayMs: 100, memory: 0.9 })
  const at = (connections: number, loopDelayMs = 0, rss = 0): boolean => {
    stress.update({ connections, loopDelayMs }, rss)
    return stress.isOn
  }
  assert.deepEqual(
    [at(0.49), at(0.5), at(0.46), at(0.44), at(0, 100), at(0), at(0, 0, 1e15), at(0)],
    [false, true, true, false, true, false, true, false],
  )
  const disk = new Stress({ disk: { path: '.', freeBytes: Number.MAX_SAFE_INTEGER } })
  await disk.updateDisk()
  disk.update({ connections: 0, loopDelayMs: 0 }, 0)
  assert.equal(disk.isOn, true)
})

test('under stress a client has ten seconds and three errors', () => {
  const limits = tightened(DEFAULT_LIMITS)
  assert.equal(limits.commandTimeoutMs, 10_000)
  assert.deepEqual([limits.errors, limits.refusedRecipients], [3, 20])
})

test('a server under stress says so to its stages, and recovers', async () => {
  await using fixture = await start({ limits: { connections: 2, commandTimeoutMs: 400 } })
  const clients = [await fixture.client(), await fixture.client()]
  for (const client of clients) await client.reply()
  while (!fixture.records[0]?.wire.stress) await new Promise((resolve) => setTimeout(resolve, 2))
  const third = await fixture.client()
  assert.match(await third.reply(), /^421 /)
  for (const client of clients) client.destroy()
  for (const record of fixture.records) await record.closed
  await new Promise((resolve) => setImmediate(resolve))
  const fresh = await fixture.client()
  assert.match(await fresh.reply(), /^220 /)
})

for (const [options, text] of [
  [{ hostname: 'mx\r\nexample' }, /is not a host name/],
  [{ tls: 'implicit' }, /needs a certificate/],
  [{ tls: 'required' }, /needs a certificate/],
  [{ minimumGroup: 'X25519MLKEM768', certificate: CERTIFICATE }, /minimumGroup: it needs tls: 'required'/],
  [
    { certificate: { key: CERTIFICATE.key, cert: 'x' } },
    /certificate: key and certificate cannot be read, or do not fit: /,
  ],
  [{ proxies: ['192.0.2.0/33'] }, /not an address or network/],
  [{ greeting: { waitMs: 60, except: ['example.com'] } }, /greeting\.except: not an address or network/],
] as const satisfies readonly (readonly [Partial<ListenerOptions>, RegExp])[])
  test(`options ${JSON.stringify(options)} are refused`, () => {
    assert.throws(
      () => settingsOf({ name: 'x', hostname: 'mx.example.com', ...options }),
      (error) => error instanceof ListenerError && text.test(error.message),
    )
  })

test('mode and group of a listener without a UNIX socket mean nothing, and are mistakes', () => {
  assert.deepEqual(listenerMistakes({ name: 'a', hostname: 'mx.test', path: '/run/a', group: 'mail', mode: 0o666 }), [])
  const said = listenerMistakes({ name: 'a', hostname: 'mx.test', port: 25, mode: 0o600, group: 'mail' })
  assert.deepEqual(
    said.map((one) => one.split(':')[0]),
    ['mode', 'group'],
  )
})
