import assert from 'node:assert/strict'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { createSecureContext, TLSSocket } from 'node:tls'
import type { TlsPolicy } from '@postroad/mail'
import { createSink, type SinkAnswer, type SinkOptions, type SinkStep } from '@postroad/testing'
import { fixedTransport } from '../fixed-transport.ts'
import { certificate, job } from '../support/fixture.ts'

const timeouts = { connect: 400 }

async function deliverTo(port: number, tls: TlsPolicy, times: object = timeouts) {
  const transport = fixedTransport({ hostname: 'client.test', host: '127.0.0.1', port, tls, timeouts: times })
  try {
    const [outcome] = await transport.deliver(job(['b@to.test']))
    assert.ok(outcome)
    return outcome
  } finally {
    await transport.close()
  }
}

async function deliver(sink: SinkOptions, tls: TlsPolicy, times?: object) {
  const server = await createSink(sink)
  try {
    const outcome = await deliverTo(server.port, tls, times)
    return {
      outcome,
      connections: server.connections,
      mails: server.commands.filter((line) => line.startsWith('MAIL')).length,
    }
  } finally {
    await server.close()
  }
}

/** A server that offers STARTTLS, and after its 220 does what it is told with the socket. */
async function withTls(
  after: (socket: Socket) => void,
  work: (port: number, count: () => number) => Promise<void>,
): Promise<void> {
  let connections = 0
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    connections++
    open.add(socket)
    socket.on('error', () => {})
    socket.write('220 sink.test\r\n')
    socket.on('data', function hear(chunk) {
      const line = String(chunk)
      if (line.startsWith('EHLO')) socket.write('250-sink.test\r\n250 STARTTLS\r\n')
      else if (line.startsWith('STARTTLS')) {
        socket.off('data', hear)
        socket.write('220 Go\r\n')
        after(socket)
      } else if (line.startsWith('DATA')) socket.write('354 Go\r\n')
      else socket.write('250 Ok\r\n')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await work((server.address() as AddressInfo).port, () => connections) // it listens on a port
  } finally {
    for (const socket of open) socket.destroy()
    server.close()
  }
}

const secured = (then: (secure: TLSSocket, raw: Socket) => void) => (raw: Socket) => {
  const secure = new TLSSocket(raw, { isServer: true, secureContext: createSecureContext(certificate) })
  secure.on('error', () => {})
  secure.on('data', () => then(secure, raw))
}

const BROKEN_TLS: readonly (readonly [name: string, after: (socket: Socket) => void, text: RegExp])[] = [
  ['a handshake that hangs', () => {}, /did not answer in time \(TLS handshake\)/],
  ['a close instead of a handshake', (socket) => void socket.end(), /TLS could not be established/],
  ['a reset instead of a handshake', (socket) => void socket.resetAndDestroy(), /TLS could not be established/],
  ['garbage instead of a handshake', (socket) => void socket.write('no TLS here\r\n'), /TLS could not be established/],
  [
    'EHLO under TLS closed',
    secured((secure) => void secure.end()),
    /Connection lost without a word \(EHLO under TLS\)/,
  ],
  [
    'EHLO under TLS reset',
    secured((_, raw) => void raw.resetAndDestroy()),
    /Connection lost without a word \(EHLO under TLS\)/,
  ],
]

test('RFC 7435 §3: TLS that does not come to be, in whatever way, costs the connect time and not the mail', async () => {
  for (const [name, after] of [...BROKEN_TLS, ['EHLO under TLS never answered', secured(() => {})] as const]) {
    await withTls(after, async (port, count) => {
      const outcome = await deliverTo(port, { mode: 'opportunistic' })
      // Who does not answer is not asked for an older version of TLS.
      const connections = name.includes('hangs') || name.includes('never') ? 2 : 3
      assert.deepEqual(
        [outcome.kind, outcome.tls, count()],
        ['delivered', undefined, connections],
        `${name}: ${outcome.reply.text}`,
      )
    })
  }
  for (const answer of [{ end: 'hang' }, { end: 'close' }, { end: 'reset' }, '421 4.3.2 Bye'] as const) {
    const { outcome, connections } = await deliver(
      { certificate, ...at('STARTTLS', answer) },
      { mode: 'opportunistic' },
    )
    assert.deepEqual([outcome.kind, connections], ['delivered', 2], `${JSON.stringify(answer)}: ${outcome.reply.text}`)
  }
})

test('where TLS is required, none of that falls back, and the step is named', async () => {
  for (const [name, after, text] of BROKEN_TLS) {
    await withTls(after, async (port, count) => {
      const outcome = await deliverTo(port, { mode: 'required' })
      assert.deepEqual([outcome.kind, count()], ['deferred', 1], name)
      assert.match(outcome.reply.text, text, name)
    })
  }
  for (const [answer, text] of [
    [{ end: 'hang' }, 'The server did not answer in time (STARTTLS)'],
    [{ end: 'close' }, 'Connection lost without a word (STARTTLS)'],
    ['421 4.3.2 Bye', 'TLS refused: Bye'],
  ] as const) {
    const { outcome, connections, mails } = await deliver(
      { certificate, ...at('STARTTLS', answer) },
      { mode: 'required' },
    )
    assert.deepEqual([outcome.kind, outcome.reply.text, connections, mails], ['deferred', text, 1, 0])
  }
})

test('an answer of the server under TLS is an answer: nobody falls back because of it', async () => {
  const script = ({ verb, isSecure }: SinkStep) => (verb === 'EHLO' && isSecure ? '421 4.7.0 Not you' : undefined)
  const { outcome, connections } = await deliver({ certificate, script }, { mode: 'opportunistic' })
  assert.deepEqual(
    [outcome.kind, outcome.reply, connections],
    ['deferred', { code: 421, status: '4.7.0', text: 'Not you' }, 1],
  )
})

const at = (verb: string, answer: SinkAnswer): SinkOptions => ({
  script: (step) => (step.verb === verb ? answer : undefined),
})

test('what a server says before MAIL is kept word by word, bounded and escaped, whatever it is', async () => {
  const table: readonly (readonly [verb: string, answer: SinkAnswer, code: number, text: string])[] = [
    ['CONNECT', { raw: 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n' }, 451, 'The server does not speak the protocol (greeting), it said: "SSH-2.0-OpenSSH_9.2p1 Debian-2"'],
    ['CONNECT', { raw: 'SSH-2.0-x', end: 'hang' }, 451, 'The server did not answer in time (greeting), it said: "SSH-2.0-x"'],
    ['CONNECT', { raw: 'HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n' }, 451, 'The server does not speak the protocol (greeting), it said: "HTTP/1.1 400 Bad Request\\nServer: x"'],
    ['CONNECT', { raw: '* OK IMAP4 ready\r\n' }, 451, 'The server does not speak the protocol (greeting), it said: "* OK IMAP4 ready"'],
    ['CONNECT', { raw: '\x16\x03\x01\x00\x1b[2J\r\n' }, 451, 'The server does not speak the protocol (greeting), it said: "\\x16\\x03\\x01\\x00\\x1b[2J"'],
    ['CONNECT', { raw: `${'x'.repeat(5000)}\r\n` }, 451, `The server does not speak the protocol (greeting), it said: "${'x'.repeat(300)}..."`],
    ['CONNECT', { raw: 'no line', end: 'close' }, 451, 'Connection lost (greeting), it said: "no line"'],
    ['CONNECT', { end: 'close' }, 451, 'Connection lost without a word (greeting)'],
    ['CONNECT', { end: 'hang' }, 451, 'The server did not answer in time (greeting)'],
    ['CONNECT', '250 Hello', 451, 'The server does not speak the protocol (greeting), it said: "250 Hello"'],
    ['CONNECT', '554-5.7.1 Blocked\n554 5.7.1 See https://x.test/?ip=192.0.2.1', 554, 'Blocked\nSee https://x.test/?ip=192.0.2.1'],
    ['CONNECT', { raw: '554 No SMTP service here', end: 'close' }, 554, 'No SMTP service here'],
    ['EHLO', { raw: 'What is EHLO?', end: 'close' }, 451, 'Connection lost (EHLO), it said: "What is EHLO?"'],
    ['EHLO', { end: 'close' }, 451, 'Connection lost without a word (EHLO)'],
    ['EHLO', '421 4.7.1 Your network is blocked', 421, 'Your network is blocked'],
  ] // biome-ignore format: a table
  for (const [verb, answer, code, text] of table) {
    const { outcome } = await deliver(at(verb, answer), { mode: 'none' }, { greeting: 300, connect: 5_000 })
    assert.deepEqual(
      [outcome.kind, outcome.reply.code, outcome.reply.text],
      ['deferred', code, text],
      JSON.stringify(answer).slice(0, 80),
    )
  }
})
