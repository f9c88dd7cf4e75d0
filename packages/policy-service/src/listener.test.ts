/** The socket of a policy listener: who may ask, how long, in which order, and what is said of who has come to the wrong place. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { test } from 'node:test'
import { BlockReader } from './codec/attributes.ts'
import { formatBlock } from './codec/request.ts'
import { ask, asking, join, stagesOf } from './fixture.test.ts'
import { createPolicyListener } from './listener.ts'

const question = (more: Readonly<Record<string, string>> = {}): string =>
  formatBlock({
    request: 'smtpd_access_policy',
    protocol_state: 'RCPT',
    protocol_name: 'ESMTP',
    helo_name: 'client.test',
    sender: 'joe@client.test',
    recipient: 'alice@example.test',
    client_address: '192.0.2.7',
    client_port: '40001',
    server_address: '192.0.2.1',
    server_port: '25',
    instance: '1.1',
    ...more,
  })
const DUNNO = 'action=DUNNO\n\n'

test('plugins see the client as the mail server tells of it', async (t) => {
  const service = await asking(t)
  const tls = { encryption_protocol: 'TLSv1.3', encryption_cipher: 'TLS_AES_128_GCM_SHA256', tls_sni: 'mx.test' }
  await service.ask(question({ ...tls, sasl_username: 'joe', queue_id: '4XYZ', stress: 'yes' }))
  const [wire = assert.fail()] = service.wires
  assert.deepEqual(
    { remote: wire.remote, local: wire.local, tls: wire.tls, identity: wire.identity, queueId: wire.queueId },
    {
      remote: { address: '192.0.2.7', port: 40_001 },
      local: { address: '192.0.2.1', port: 25 },
      tls: { version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', servername: 'mx.test' },
      identity: { name: 'joe' },
      queueId: '4XYZ',
    },
  )
  assert.deepEqual([wire.protocol, wire.listener, wire.stress], ['policy', 'policy', true])
  await service.ask(question({ instance: '2', client_address: 'unknown', client_port: '0', server_address: '' }))
  assert.deepEqual(service.wires[1]?.remote, { address: 'unknown', port: 0 })
  await service.ask(question({ instance: '3', client_address: '2001:DB8::1' }))
  assert.equal(service.wires[2]?.remote.address, '2001:db8::1')
})

test('who wants the client gone while others are asked is heard with the next answer', async (t) => {
  const service = await asking(t)
  await service.ask(question())
  service.wires[0]?.disconnect({ code: 554, status: '5.7.1', text: 'Listed' })
  assert.equal(await service.ask(question({ recipient: 'bob@example.test' })), 'action=521 5.7.1 Listed\n\n')
  assert.equal(await service.ask(question({ protocol_state: 'DATA' })), 'action=521 5.7.1 Listed\n\n')
})

const FOREIGN: readonly (readonly [name: string, octets: string])[] = [
  ['HTTP', 'GET /?a=b HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['SMTP', 'EHLO client.test\r\n'],
  ['milter', '\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff'],
  ['a PROXY header', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n'],
  ['clamd', 'zPING\0'],
  ['a socket map', '10:map domain,'],
  ['a TCP table', 'get alice@example.test\n'],
]
for (const [name, octets] of FOREIGN)
  test(`a wrong protocol is named: ${name}`, async (t) => {
    const service = await asking(t)
    service.socket.write(Buffer.from(octets, 'latin1'))
    await once(service.socket.resume(), 'close')
    assert.match(service.errors.join(), new RegExp(`this is ${name}, not the policy protocol`))
  })

test('what is no question has no answer: a line in the log, and the end of the connection', async (t) => {
  for (const [octets, said] of [
    ['request=other\nprotocol_state=RCPT\n\n', /of kind "other"/],
    ['protocol_state=RCPT\n\n', /without "request=/],
    ['request=smtpd_access_policy\n\n', /without protocol_state/],
    ['request=smtpd_access_policy\nx\n\n', /a line without "="/],
    ['request=smtpd_access_policy\n=x\n\n', /a line without a name/],
    ['request=smtpd_access_policy\nsender=a\0b\n\n', /NUL/],
    [`request=${'x'.repeat(70_000)}`, /more than 65536 octets/],
    ['x'.repeat(100), /is not the policy protocol/],
  ] as const) {
    const service = await asking(t)
    await assert.rejects(service.ask(octets), /closed/, octets.slice(0, 40))
    assert.match(service.errors.join(), said)
    assert.equal(service.errors.length, 1)
  }
})

test('a client that leaves while it waits costs nothing, and one that says no more is answered', async (t) => {
  const service = await asking(t)
  service.socket.end(question())
  assert.equal(String((await once(service.socket, 'data'))[0]), DUNNO)
  await once(service.socket, 'close')
  const other = await join(service.listener)
  other.write(question({ instance: '2' }))
  other.destroy()
  await once(other, 'close')
  assert.deepEqual(service.errors, [])
})

test('a message is over when nobody has asked about it for long, and the connection stays', async (t) => {
  const service = await asking(t, {}, { limits: { instanceTimeoutMs: 1, requestTimeoutMs: 60_000 } })
  await service.ask(question())
  while (!service.heard.includes('close timeout')) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(service.heard.slice(-2), ['judge 1', 'close timeout'])
  assert.equal(await service.ask(question()), DUNNO)
  assert.equal(service.wires.length, 2)
})

test('who never asks at DATA is told that points come to nothing; where it is asked a client that leaves before is no mistake', async (t) => {
  const judge = { outcome: 'quarantine', reason: '6 points' } as const
  const leave = async (service: Awaited<ReturnType<typeof asking>>): Promise<void> => {
    for (const instance of ['8', '9']) await service.ask(question({ instance }))
    while (!service.heard.some((one) => one.startsWith('close'))) await new Promise((resolve) => setImmediate(resolve))
  }
  const never = await asking(t, { judge })
  await leave(never)
  assert.match(never.errors.join(), /points came to hold, and nobody has asked about that: .* smtpd_data_restrictions/)
  const asked = await asking(t, { judge })
  await asked.ask(question())
  assert.match(await asked.ask(question({ protocol_state: 'DATA', recipient: '', recipient_count: '1' })), /HOLD/)
  await leave(asked)
  assert.deepEqual(asked.errors, [])
})

test('more connections than there may be are turned away, and that is said once', async (t) => {
  const service = await asking(t, {}, { limits: { connections: 2 } })
  const second = await join(service.listener)
  for (let each = 0; each < 3; each++) {
    const third = await join(service.listener)
    await once(third.resume(), 'close')
  }
  assert.equal(service.errors.length, 1)
  assert.match(service.errors.join(), /turned away.*limits\.connections/)
  assert.equal(await ask(second, question()), DUNNO)
})

test('a reload holds for the next message, on connections that are open; a message goes on as it began', async (t) => {
  const service = await asking(t)
  assert.equal(await service.ask(question()), DUNNO)
  const options = { name: 'policy', hostname: 'mx.example.test' }
  service.listener.update(options, stagesOf({ rcpt: { 'bob@example.test': '550 5.1.1 Gone' } }, []))
  assert.equal(await service.ask(question({ recipient: 'bob@example.test' })), DUNNO)
  assert.equal(
    await service.ask(question({ recipient: 'bob@example.test', instance: '2' })),
    'action=550 5.1.1 Gone\n\n',
  )
  assert.throws(() => service.listener.update({ ...options, mode: 0o600 }, stagesOf({}, [])), /only a UNIX socket/)
})

test('closing lets who asks hear the answer, and others go at once', async (t) => {
  const service = await asking(t)
  const idle = await join(service.listener)
  await ask(idle, question({ instance: '9' }))
  const answer = service.ask(question())
  while (service.heard.filter((one) => one === 'connect').length < 2)
    await new Promise((resolve) => setImmediate(resolve))
  const closed = service.listener.close(5_000)
  assert.equal(await answer.catch(() => DUNNO), DUNNO)
  await closed
  assert.equal(service.listener.connections, 0)
  assert.equal(service.heard.filter((one) => one.startsWith('close')).length, 2)
})

test('whoever judges longer than the grace is told that it is over', async (t) => {
  const service = await asking(t, { judge: { outcome: 'pass', isEndless: true } })
  await service.ask(question())
  service.socket.destroy()
  while (!service.heard.includes('judge 1')) await new Promise((resolve) => setImmediate(resolve))
  await service.listener.close(1)
  assert.equal(service.heard.at(-1), 'close server')
})

test('a UNIX socket has the permissions that it was given', async (t) => {
  const folder = mkdtempSync(joinPath(tmpdir(), 'policy-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = joinPath(folder, 'socket')
  const service = await asking(t, {}, { path, mode: 0o666 })
  assert.equal(statSync(path).mode & 0o777, 0o666)
  const socket = connect(path)
  assert.equal(await ask(socket, question()), DUNNO)
  socket.destroy()
  assert.deepEqual(service.listener.address, { path })
})

test('random octets never make the reader throw anything but its own error, or keep more than its bound', () => {
  let seed = 1
  const next = (): number => (seed = (seed * 48_271) % 2_147_483_647)
  for (let each = 0; each < 5_000; each++) {
    const octets = Buffer.from({ length: next() % 80 } as never)
    const text = `request=a\n${'x=y\n'.repeat(next() % 3)}`
    const mixed = Buffer.concat([Buffer.from(text.slice(0, next() % text.length)), octets.map(() => next() & 0xff)])
    const reader = new BlockReader(64)
    try {
      for (let at = 0; at < mixed.length; ) {
        const size = 1 + (next() % 7)
        reader.read(mixed.subarray(at, at + size))
        at += size
      }
    } catch (error) {
      assert.equal((error as Error).name, 'PolicyProtocolError')
    }
  }
})

test('listening begins with options that fit', () => {
  const make = (more: object) => () => createPolicyListener({ name: 'p', hostname: 'h', ...more }, stagesOf({}, []))
  assert.throws(make({ group: 'postfix' }), /group: only a UNIX socket/)
})
