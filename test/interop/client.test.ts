/** The clients themselves, against a server that is known to be good: what differs later is ours. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { SMTPServer } from 'smtp-server'
import { requires } from '../runner/requires.ts'
import { CLIENTS } from './client.ts'
import { freePorts } from './loopback.ts'
import { traceOf, trickyMessage } from './message.ts'

const skip = requires('swaks', 'postfix', 'msmtp')
const received: Buffer[] = []
const [port = 0] = await freePorts(1)

const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  disableReverseLookup: true,
  onRcptTo: ({ address }, _session, done) =>
    done(address.startsWith('alice@') ? null : Object.assign(new Error('5.1.1 no such user'), { responseCode: 550 })),
  onData(stream, _session, done) {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      received.push(Buffer.concat(chunks))
      done()
    })
  },
})
// smtp-source leaves without QUIT when it was refused.
server.on('error', () => undefined)
before(async () => {
  server.listen(port, '127.0.0.1')
  await once(server.server, 'listening')
})
after(() => new Promise<void>((resolve) => server.close(resolve)))

for (const [name, client] of CLIENTS) {
  test(`${name} sends a message octet for octet, and tells when a recipient is refused`, { skip }, async () => {
    const data = trickyMessage(name)
    const sent = await client.send({ port, from: 'sender@client.example', to: ['alice@example.test'], data })
    assert.ok(sent.isSent, sent.said)
    assert.equal(traceOf(received.pop()!, Buffer.concat([data, Buffer.from(client.tail)])), '')
    const refused = await client.send({ port, from: 'sender@client.example', to: ['mallory@example.test'], data })
    assert.ok(!refused.isSent)
    assert.match(refused.said, /550.*no such user/s)
    assert.equal(received.length, 0)
  })
}
