import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAddress } from '@postroad/mail'
import { definePlugin, reject } from '@postroad/plugin'
import {
  createSink,
  createTestServer,
  type Sink,
  type SinkOptions,
  type SinkStep,
  sessionOn,
  type TestServer,
  type TestServerOptions,
  type Used,
} from '@postroad/testing'
import { proxy } from './proxy.ts'

interface Setting {
  readonly sink: Sink
  readonly server: TestServer
}

interface Settings {
  readonly sink?: SinkOptions
  readonly proxy?: Parameters<typeof proxy>[0]
  readonly server?: TestServerOptions
  readonly before?: readonly Used[]
}

const route = definePlugin({
  name: 'test-route',
  hooks: {
    route: ({ recipient: { local } }) => {
      if (local === 'other') return { via: 'elsewhere' }
      const srs = { via: 'proxy', settings: { reversePath: 'SRS0=x@mx.test' } }
      if (local === 'friend') return srs
      if (local === 'split')
        return {
          via: 'proxy',
          to: [makeAddress('a', 'mx.test')],
          also: [{ ...srs, to: [makeAddress('away', 'mx.test')] }],
        }
      return {
        via: 'proxy',
        ...(local === 'both' && { to: [makeAddress('a', 'mx.test'), makeAddress('b', 'mx.test')] }),
      }
    },
  },
})

async function withProxy(settings: Settings, work: (setting: Setting) => Promise<void>): Promise<void> {
  const sink = await createSink(settings.sink)
  const to = { host: '127.0.0.1', port: sink.port }
  const plugin = proxy({ to, protocol: settings.sink?.protocol ?? 'smtp', ...settings.proxy })
  const server = await createTestServer([...(settings.before ?? []), route(), plugin], settings.server)
  try {
    await work({ sink, server })
  } finally {
    await server.close()
    await sink.close()
  }
}

/** A script that answers at one recipient only. */
const atRcpt = (local: string, answer: string) => (step: SinkStep) =>
  step.verb === 'RCPT' && step.argument.includes(`<${local}@`) ? answer : undefined

const verbs = (sink: Sink) => sink.commands.map((line) => line.split(/[ :]/)[0])

test('250 is said with what the next hop has said, after it has said it', async () => {
  let isAnswered = false
  const script = async ({ verb }: SinkStep) => {
    if (verb !== 'DOT') return undefined
    await new Promise((resolve) => setImmediate(resolve))
    isAnswered = true
    return '250 2.0.0 Ok: queued as ABC\u{1f600}'
  }
  await withProxy({ sink: { script } }, async ({ sink, server }) => {
    await sessionOn(server)
      .mail('s@client.test')
      .rcpt('a@mx.test')
      .rcpt('b@mx.test')
      .data('Subject: x\n\n.dot\n')
      .expect(({ reply }) => {
        assert.ok(isAnswered)
        assert.deepEqual([reply?.code, /queued as Ok: queued as ABC\?\?$/.test(String(reply?.text))], [250, true])
      })
    assert.match(String(sink.transactions[0]?.message), /^Received: [\s\S]*\r\nSubject: x\r\n\r\n\.dot\r\n$/)
    assert.deepEqual(sink.transactions[0]?.recipients, ['<a@mx.test>', '<b@mx.test>'])
    assert.deepEqual(verbs(sink), ['EHLO', 'MAIL', 'RCPT', 'RCPT', 'DATA'])
  })
})

test('an unknown user is refused at RCPT with the next hop’s own answer', async () => {
  await withProxy(
    { sink: { script: atRcpt('x', "550 5.1.1 User doesn't exist: x\u0007\u00e9") } },
    async ({ sink, server }) => {
      await sessionOn(server)
        .rcpt('x@mx.test')
        .expectRefusal('5.1.1', /^550 5\.1\.1 User doesn't exist: x\?\?$/)
        .rcpt('a@mx.test')
        .data()
        .expectCode(250)
      assert.deepEqual(sink.transactions[0]?.recipients, ['<a@mx.test>'])
    },
  )
})

test('a refusal of the sender is heard at RCPT; 421 does not close our own connection; what is our fault is no bounce', async () => {
  for (const [answer, code, status] of [
    ['553 5.1.8 Sender?', 553, '5.1.8'],
    ['451 Later', 451, '4.0.0'],
    ['550 No', 550, '5.0.0'],
    ['421 4.3.2 Busy', 451, '4.3.2'],
    ['530 5.7.0 AUTH first', 451, '4.3.5'],
  ] as const) {
    const script = ({ verb }: SinkStep) => (verb === 'MAIL' ? answer : undefined)
    await withProxy({ sink: { script } }, async ({ server }) => {
      await sessionOn(server).rcpt('a@mx.test').expectCode(code).expectRefusal(status)
    })
  }
})

test('a next hop that cannot be reached defers, at RCPT or with the message, and the mail goes when it is back', async (t) => {
  for (const verify of ['rcpt', 'never'] as const) {
    const sink = await createSink()
    t.after(() => sink.close())
    const server = await createTestServer([route(), proxy({ to: { host: '127.0.0.1', port: sink.port }, verify })])
    t.after(() => server.close())
    await sink.close()
    const session = sessionOn(server).mail('s@client.test').rcpt('a@mx.test')
    if (verify === 'rcpt') await session.expectRefusal('4.4.1')
    else await session.data().expectCode(451).expectRefusal('4.4.1')
    const back = await createSink({ port: sink.port })
    t.after(() => back.close())
    await sessionOn(server).rcpt('a@mx.test').data().expectCode(250)
    assert.equal(back.transactions.length, 1)
  }
})

test('without `verify`, the whole envelope goes with the message, in one write', async () => {
  await withProxy({ proxy: { verify: 'never' } }, async ({ sink, server }) => {
    await sessionOn(server).mail('s@client.test').rcpt('a@mx.test').rcpt('b@mx.test').data().expectCode(250)
    assert.match(sink.reads[1] ?? '', /^MAIL [^\n]*\nRCPT [^\n]*\nRCPT [^\n]*\nDATA\r\n$/)
  })
})

test('RSET, a new MAIL, a lost client and a refusal of the content reset the next hop’s transaction too', async () => {
  const content = definePlugin({
    name: 'content',
    hooks: { message: ({ message }) => (message.headers.get('Subject') === 'bad' ? reject('No') : undefined) },
  })
  await withProxy({ before: [content()], proxy: { maxConnections: 1, waitMs: 1000 } }, async ({ sink, server }) => {
    await sessionOn(server).rcpt('a@mx.test').rset().rcpt('b@mx.test').data().expectCode(250)
    await sessionOn(server).rcpt('a@mx.test').quit()
    await sessionOn(server).rcpt('a@mx.test').data('Subject: bad\n\n').expectRefusal('5.7.1').quit()
    await sessionOn(server).rcpt('c@mx.test').data().expectCode(250)
    assert.deepEqual(
      sink.transactions.map(({ recipients }) => recipients),
      [['<b@mx.test>'], ['<c@mx.test>']],
    )
    assert.equal(verbs(sink).filter((verb) => verb === 'RSET').length, 3)
    assert.equal(sink.connections, 1)
  })
})

test('a recipient that another plugin refuses afterwards does not get the message', async () => {
  const content = definePlugin({
    name: 'content',
    hooks: {
      message: ({ envelope }) =>
        reject('Not for b', {
          for: envelope.recipients.filter((each) => each.address.local === 'b').map((each) => each.address),
        }),
    },
  })
  await withProxy({ before: [content()], server: { protocol: 'lmtp' } }, async ({ sink, server }) => {
    await sessionOn(server).rcpt('a@mx.test').rcpt('b@mx.test').rcpt('c@mx.test').data().expectReplies(250, 550, 250)
    assert.deepEqual(
      sink.transactions.map(({ recipients }) => recipients),
      [['<a@mx.test>', '<c@mx.test>']],
    )
  })
})

test('RFC 2033: over LMTP each recipient has an answer of its own', async () => {
  const script = ({ verb, argument }: SinkStep) =>
    verb === 'DOT' && argument.includes('<b@') ? '452 4.2.2 Full' : undefined
  await withProxy({ sink: { protocol: 'lmtp', script }, server: { protocol: 'lmtp' } }, async ({ server }) => {
    await sessionOn(server).rcpt('a@mx.test').rcpt('b@mx.test').data().expectReplies(250, 452)
  })
})

test('a connection lost between RCPT and the message is opened again, unseen by the client', async () => {
  for (const answer of [{ end: 'close' }, '421 4.4.2 Too slow'] as const) {
    const script = ({ verb, connection }: SinkStep) => (verb === 'DATA' && connection === 1 ? answer : undefined)
    await withProxy({ sink: { script } }, async ({ sink, server }) => {
      await sessionOn(server).rcpt('a@mx.test').data().expectCode(250)
      assert.deepEqual(
        sink.transactions.map(({ connection }) => connection),
        [2],
      )
    })
  }
})

test('a connection lost after the final dot is answered 451 and written to the log: there may be a duplicate', async () => {
  const script = ({ verb }: SinkStep) => (verb === 'DOT' ? { end: 'close' as const } : undefined)
  await withProxy({ sink: { script } }, async ({ sink, server }) => {
    await sessionOn(server).rcpt('a@mx.test').data().expectRefusal('4.4.2')
    assert.equal(sink.transactions.length, 1)
    assert.ok(server.lines.some((line) => line['plugin'] === 'proxy' && JSON.stringify(line).includes('duplicate')))
  })
})

test('a kept connection that died while it idled does not refuse the next client', async () => {
  const script = ({ verb, nth, connection }: SinkStep) =>
    verb === 'MAIL' && nth === 2 && connection === 1 ? { end: 'reset' as const } : undefined
  await withProxy({ sink: { script } }, async ({ sink, server }) => {
    for (let i = 0; i < 2; i++) await sessionOn(server).rcpt('a@mx.test').data().expectCode(250)
    assert.deepEqual(
      sink.transactions.map(({ connection }) => connection),
      [1, 2],
    )
  })
})

test('an alias is asked for member by member, and is refused when one of them is', async () => {
  await withProxy({ sink: { script: atRcpt('b', '550 5.1.1 Who?') } }, async ({ sink, server }) => {
    await sessionOn(server).rcpt('both@mx.test').expectRefusal('5.1.1').rcpt('c@mx.test').data().expectCode(250)
    // Its other member was accepted before, and must not get the message.
    assert.deepEqual(
      sink.transactions.map(({ recipients }) => recipients),
      [['<c@mx.test>']],
    )
  })
  await withProxy({}, async ({ sink, server }) => {
    await sessionOn(server).rcpt('both@mx.test').data().expectCode(250)
    assert.deepEqual(sink.transactions[0]?.recipients, ['<a@mx.test>', '<b@mx.test>'])
  })
})

test('several next hops get their shares, and a delivery that goes elsewhere is left to another plugin', async (t) => {
  const second = await createSink()
  t.after(() => second.close())
  const hosts = definePlugin({
    name: 'hosts',
    hooks: {
      route: ({ recipient }) =>
        recipient.local === 'z' ? { via: 'proxy', host: '127.0.0.1', port: second.port } : undefined,
    },
  })
  await withProxy({ before: [hosts()] }, async ({ sink, server }) => {
    await sessionOn(server).rcpt('a@mx.test').rcpt('z@mx.test').data().expectCode(250)
    assert.deepEqual(
      [sink.transactions[0]?.recipients, second.transactions[0]?.recipients],
      [['<a@mx.test>'], ['<z@mx.test>']],
    )
    await sessionOn(server).rcpt('a@mx.test').rcpt('other@mx.test').data().expectAccepted()
    assert.deepEqual([sink.transactions.length, server.delivered.length], [1, 1])
  })
})

test('parameters of MAIL and RCPT are passed on', async () => {
  await withProxy({}, async ({ sink, server }) => {
    await sessionOn(server)
      .mail('s@client.test', { body: '8BITMIME', size: 1000, ret: 'HDRS', envid: 'e' })
      .rcpt('a@mx.test', { notify: ['FAILURE'] })
      .data()
      .expectCode(250)
    assert.equal(sink.transactions[0]?.from, '<s@client.test> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=e')
    assert.deepEqual(sink.transactions[0]?.recipients, ['<a@mx.test> NOTIFY=FAILURE'])
  })
})

test('what the next hop cannot take is refused before the message comes', async () => {
  await withProxy({ sink: { extensions: ['SIZE 500', 'PIPELINING'] } }, async ({ sink, server }) => {
    await sessionOn(server).mail('s@client.test', { size: 501 }).rcpt('a@mx.test').expectRefusal('5.3.4')
    await sessionOn(server)
      .mail('s@client.test', { size: 10 })
      .rcpt('a@mx.test')
      .data(`Subject: x\n\n${'x'.repeat(900)}\n`)
      .expectRefusal('5.3.4')
    await sessionOn(server).mail('d\u00f6@client.test', { smtputf8: true }).rcpt('a@mx.test').expectRefusal('5.6.7')
    assert.equal(sink.transactions.length, 0)
  })
})

test('the next hop hears the reverse-path that the route says (SRS, masquerading), in a transaction of its own', async () => {
  await withProxy({}, async ({ sink, server }) => {
    await sessionOn(server).mail('s@client.test').rcpt('a@mx.test').rcpt('friend@mx.test').data().expectCode(250)
    await sessionOn(server).mail('s@client.test').rcpt('split@mx.test').data().expectCode(250)
    const seen = sink.transactions.map(({ from, recipients }) => `${from.split(' ')[0]} ${recipients}`)
    assert.deepEqual(seen.sort(), [
      '<SRS0=x@mx.test> <away@mx.test>',
      '<SRS0=x@mx.test> <friend@mx.test>',
      '<s@client.test> <a@mx.test>',
      '<s@client.test> <a@mx.test>',
    ])
  })
})

test('a recipient that goes two ways is refused when one of them refuses it', async () => {
  await withProxy({ sink: { script: atRcpt('away', '550 5.1.1 Nobody') } }, async ({ server }) => {
    await sessionOn(server).mail('s@client.test').rcpt('split@mx.test').expectRefusal('5.1.1')
  })
})

test('RFC 8689 §4.2.1: with REQUIRETLS nothing goes out in the clear where TLS fails, at RCPT or with the message', async () => {
  const broken: SinkOptions = { extensions: ['STARTTLS', 'REQUIRETLS'], script: ({ verb }) => (verb === 'STARTTLS' ? '454 4.7.0 Not now' : undefined) } // biome-ignore format: one line
  for (const verify of ['rcpt', 'never'] as const)
    await withProxy(
      { sink: broken, proxy: { verify, features: ['REQUIRETLS'], tls: { mode: 'opportunistic' } } },
      async ({ sink, server }) => {
        await sessionOn(server).mail('s@client.test').rcpt('a@mx.test').data().expectCode(250)
        const session = sessionOn(server).tls().mail('s@client.test', { requireTls: true }).rcpt('a@mx.test')
        if (verify === 'rcpt') await session.expectRefusal('4.4.1')
        else await session.data().expectCode(451).expectRefusal('4.4.1')
        assert.deepEqual(sink.transactions.map(({ from }) => from), ['<s@client.test>']) // biome-ignore format: one line
      },
    )
})
