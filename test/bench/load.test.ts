import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { freePorts } from '../interop/loopback.ts'
import { type Load, makeData, sendLoad } from './load.ts'
import { target as floor } from './targets/floor.ts'
import { target as withCertificate } from './targets/smtp-server-starttls.ts'

const load: Omit<Load, 'port'> = {
  sessions: 3,
  messages: 10,
  data: makeData(4096),
  single: false,
  pipelined: false,
  limitMs: 5_000,
}

for (const kind of [{}, { single: true }, { pipelined: true }, { single: true, pipelined: true }]) {
  test(`every message is sent and answered: ${JSON.stringify(kind)}`, async () => {
    const [port = 0] = await freePorts(1)
    const running = await floor.start({ port, sinkPort: 0, folder: '', socket: '' })
    const { messages } = await sendLoad({ ...load, ...kind, port })
    assert.equal(messages, 10)
    await running.close()
  })
}

for (const single of [false, true]) {
  test(`every message is sent after STARTTLS${single ? ', one a connection' : ''}`, async () => {
    const [port = 0] = await freePorts(1)
    const running = await withCertificate.start({ port, sinkPort: 0, folder: '', socket: '' })
    const { messages } = await sendLoad({ ...load, single, starttls: true, port })
    assert.equal(messages, 10)
    await running.close()
  })
}

test('a server without STARTTLS ends the load, which is not sent in the clear', async () => {
  const [port = 0] = await freePorts(1)
  const running = await floor.start({ port, sinkPort: 0, folder: '', socket: '' })
  await assert.rejects(sendLoad({ ...load, starttls: true, port }), /at "starttls"/)
  await running.close()
})

test('a refusal ends the load with the server’s words', async () => {
  const server = createServer((socket) => socket.write('421 too busy\r\n')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  await assert.rejects(
    sendLoad({ ...load, sessions: 1, messages: 1, port: address.port }),
    /"421 too busy" at "banner"/,
  )
  server.close()
})

test('a message has about the size that was asked for, and ends once', () => {
  const data = makeData(4096)
  assert.ok(Math.abs(data.length - 4096) < 100)
  assert.equal(data.indexOf('\r\n.\r\n'), data.length - 5)
})
