/** RFC 3207 and RFC 8689, over real handshakes. */
import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
import { type DialogueServer, startServer } from '../dialogues/server.ts'
import { CERTIFICATE } from './certificate.ts'

/** A client that says one thing and reads one reply at a time. */
class Talker {
  #socket: net.Socket

  private constructor(socket: net.Socket) {
    this.#socket = socket
  }

  static async connect({ port }: DialogueServer): Promise<Talker> {
    const talker = new Talker(net.connect({ host: '127.0.0.1', port }))
    await talker.read()
    return talker
  }

  async read(): Promise<string> {
    let text = ''
    while (!/^\d{3} [^\n]*\r\n$/m.test(text))
      text += await new Promise<string>((resolve) =>
        this.#socket.once('data', (chunk) => resolve(chunk.toString('latin1'))),
      )
    return text
  }

  say(line: string): Promise<string> {
    this.#socket.write(`${line}\r\n`)
    return this.read()
  }

  async handshake(): Promise<void> {
    this.#socket = tls.connect({ socket: this.#socket, rejectUnauthorized: false })
    await new Promise((resolve, reject) => this.#socket.once('secureConnect', resolve).once('error', reject))
  }

  close(): void {
    this.#socket.destroy()
  }
}

test('RFC 3207 §4: STARTTLS is offered, done, and then not offered again', async () => {
  await using server = await startServer({ certificate: CERTIFICATE })
  const client = await Talker.connect(server)
  assert.match(await client.say('EHLO client.test'), /^250-STARTTLS\r$/m)
  assert.match(await client.say('STARTTLS'), /^220 /)
  await client.handshake()
  assert.doesNotMatch(await client.say('EHLO client.test'), /STARTTLS/)
  assert.match(await client.say('STARTTLS'), /^503 5\.5\.1 /)
  client.close()
})

test('RFC 3207 §4: a server that requires it answers 530 to all but a few commands', async () => {
  await using server = await startServer({ certificate: CERTIFICATE, tls: 'required' })
  const client = await Talker.connect(server)
  await client.say('EHLO client.test')
  assert.match(await client.say('MAIL FROM:<>'), /^530 5\.7\.0 /)
  assert.match(await client.say('NOOP'), /^250 /)
  client.close()
})

test('RFC 3207 §4.2: what was said before the handshake is forgotten', async () => {
  await using server = await startServer({ certificate: CERTIFICATE })
  const client = await Talker.connect(server)
  await client.say('EHLO client.test')
  await client.say('MAIL FROM:<a@client.test>')
  await client.say('STARTTLS')
  await client.handshake()
  assert.match(await client.say('RCPT TO:<b@mx.test>'), /^503 5\.5\.1 /)
  assert.match(await client.say('MAIL FROM:<a@client.test>'), /^503 5\.5\.1 /)
  client.close()
})

test('RFC 3207 §4.2, CVE-2011-0411: what was sent behind STARTTLS in the clear is neither done nor answered', async () => {
  await using server = await startServer({ certificate: CERTIFICATE })
  const client = await Talker.connect(server)
  await client.say('EHLO client.test')
  assert.match(await client.say('STARTTLS\r\nEHLO evil.test\r\nMAIL FROM:<evil@client.test>'), /^220 [^\r]*\r\n$/)
  await client.handshake()
  assert.match(await client.say('MAIL FROM:<a@client.test>'), /^503 5\.5\.1 /)
  assert.match(await client.say('EHLO client.test'), /^250-mx\.test/)
  client.close()
})

test('RFC 8689 §2, §4.2.1: REQUIRETLS is offered within TLS, and taken', async () => {
  await using server = await startServer({ certificate: CERTIFICATE })
  const client = await Talker.connect(server)
  assert.doesNotMatch(await client.say('EHLO client.test'), /REQUIRETLS/)
  await client.say('STARTTLS')
  await client.handshake()
  assert.match(await client.say('EHLO client.test'), /^250-REQUIRETLS\r$/m)
  assert.match(await client.say('MAIL FROM:<a@client.test> REQUIRETLS'), /^250 /)
  client.close()
})

test('RFC 4954 §4: AUTH is offered within TLS', async () => {
  await using server = await startServer({ certificate: CERTIFICATE })
  const client = await Talker.connect(server)
  assert.doesNotMatch(await client.say('EHLO client.test'), /AUTH/)
  await client.say('STARTTLS')
  await client.handshake()
  assert.match(await client.say('EHLO client.test'), /^250-AUTH PLAIN LOGIN\r$/m)
  assert.match(await client.say('AUTH PLAIN AGEAc2VjcmV0'), /^235 2\.7\.0 /)
  client.close()
})
