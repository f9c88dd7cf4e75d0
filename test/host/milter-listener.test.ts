/** A listener of kind `milter` in a server, over a real socket: what it negotiates, what plugins say, and what explain shows. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { createServer, defineConfig, explainText } from '@postroad/core'
import { type Answer, FrameReader, FrameWriter, parseAnswer, writeCommand } from '@postroad/milter-protocol'
import { definePlugin, quarantine, reject } from '@postroad/plugin'
import { makeFolder } from '../kit/command.ts'

const judge = definePlugin({
  name: 'judge',
  setup: () => ({
    rcpt: ({ recipient }) => (recipient.local === 'nobody' ? reject('No such user', { status: '5.1.1' }) : undefined),
    message: ({ message }) => (message.headers.has('X-Hold') ? quarantine('held') : undefined),
    rewrite: ({ message }) => message.withHeader('X-Seen', 'by a filter'),
  }),
})

function config(folder: string) {
  return defineConfig({
    hostname: 'filter.test',
    folder,
    log: { format: 'silent' },
    setup(app) {
      app.scope('filter', (scope) => scope.use(judge()).listen({ protocol: 'milter', port: 0, host: '127.0.0.1' }))
    },
  })
}

test('a scope that listens for milter judges: refusal at RCPT, a field on top, quarantine', async () => {
  const server = await createServer(config(await makeFolder()))
  await server.listen()
  try {
    const [address] = server.addresses
    assert.ok(address)
    const socket = connect(address.port, '127.0.0.1')
    const answers = reading(socket)
    const out = new FrameWriter()
    writeCommand(out, { kind: 'options', version: 6, actions: 0x1ff, steps: 0x1f_ffff })
    writeCommand(out, { kind: 'connect', name: 'c.example', family: 'inet', address: '192.0.2.1', port: 25 })
    writeCommand(out, { kind: 'helo', name: 'c.example' })
    writeCommand(out, { kind: 'mail', path: '<a@example.com>', parameters: [] })
    writeCommand(out, { kind: 'rcpt', path: '<nobody@example.net>', parameters: [] })
    writeCommand(out, { kind: 'rcpt', path: '<b@example.net>', parameters: [] })
    writeCommand(out, { kind: 'data' })
    writeCommand(out, { kind: 'header', name: 'X-Hold', value: Buffer.from(' yes') })
    writeCommand(out, { kind: 'endOfHeader' })
    writeCommand(out, { kind: 'body', data: Buffer.from('text\r\n') })
    writeCommand(out, { kind: 'endOfMessage', data: new Uint8Array() })
    socket.write(out.take())
    const kinds: string[] = []
    for await (const answer of answers) {
      kinds.push(answer.kind === 'reply' ? `${answer.code} ${answer.status} ${answer.lines}` : answer.kind)
      if (kinds.length === 6) break
    }
    kinds[1] = kinds[1]?.replace(/ \(id [0-9A-Z]{17}\.1\)$/, ' (id)') ?? ''
    assert.deepEqual(kinds, [
      'options',
      '550 5.1.1 No such user (id)',
      'continue',
      'continue',
      'insertHeader',
      'quarantine',
    ])
    socket.destroy()
  } finally {
    await server.close()
  }
})

test('explain shows how the server is asked, and what to copy', async () => {
  const server = await createServer(config(await makeFolder()))
  try {
    const text = explainText(server.explain())
    assert.match(text, /listens {4}127\.0\.0\.1:0 \(milter\)/)
    assert.match(
      text,
      /steps {6}quietHeader noUnknown quietConnect quietHelo quietMail quietEndOfHeader quietBody leadingSpace/,
    )
    assert.match(text, /actions {4}addHeaders changeBody .*quarantine/)
    assert.match(text, /macros {5}j v daemon_addr/)
    assert.match(text, /main\.cf {4}smtpd_milters = inet:127\.0\.0\.1:0/)
    assert.match(text, /sendmail\.mc INPUT_MAIL_FILTER\(`postroad', `S=inet:0@127\.0\.0\.1, F=T/)
  } finally {
    await server.close()
  }
})

async function* reading(socket: AsyncIterable<Buffer>): AsyncIterable<Answer> {
  const reader = new FrameReader()
  for await (const chunk of socket) {
    reader.push(chunk)
    for (let frame = reader.next(); frame; frame = reader.next()) yield parseAnswer(frame)
  }
}
