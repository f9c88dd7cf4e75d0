/** Each smtpd of a mail server keeps a connection, and most of them say nothing most of the time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBlock } from './codec/request.ts'
import { ask, asking, join } from './fixture.test.ts'

test('trap 6: 1,000 connections that idle take little memory', async (t) => {
  const service = await asking(t, {}, { limits: { connections: 1_100, connectionsPerAddress: 1_100 } })
  const question = formatBlock({
    request: 'smtpd_access_policy',
    protocol_state: 'RCPT',
    client_address: '192.0.2.7',
    sender: 'joe@client.test',
    recipient: 'alice@example.test',
    instance: '1',
  })
  await ask(service.socket, question)
  const before = process.memoryUsage().rss
  const sockets = await Promise.all(Array.from({ length: 1_000 }, () => join(service.listener)))
  for (const socket of sockets) assert.equal(await ask(socket, question), 'action=DUNNO\n\n')
  assert.equal(service.listener.connections, 1_001)
  const each = (process.memoryUsage().rss - before) / 1_000
  t.diagnostic(`${Math.round(each / 1024)} KiB a connection, both of its ends`)
  for (const socket of sockets) socket.destroy()
  // Both ends are in this process, and nobody has collected garbage.
  assert.ok(each < 64 * 1024, `${Math.round(each)} octets a connection`)
})
