import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SinkStep } from '@postroad/testing'
import { at, show, withSink } from './one-hop.test.ts'
import { certificate, job, lent, source, streamed } from './support/fixture.ts'

test('RFC 2920 §3.1: MAIL, RCPT and DATA go out in one write, the message and its dot in another', async () => {
  await withSink({}, {}, async ({ sink, transport }) => {
    const outcomes = await transport.deliver(
      job(['b@to.test', 'c@to.test'], { message: source('S: x\r\n\r\n', '.dot\r\n') }),
    )
    assert.deepEqual(show(outcomes), ['b delivered 250', 'c delivered 250'])
    assert.equal(outcomes[0]?.reply.text, 'Ok: queued as SINK')
    assert.equal(outcomes[0]?.remote, '127.0.0.1')
    assert.deepEqual(sink.reads, [
      'EHLO client.test\r\n',
      'MAIL FROM:<a@from.test> SIZE=14\r\nRCPT TO:<b@to.test>\r\nRCPT TO:<c@to.test>\r\nDATA\r\n',
      'S: x\r\n\r\n..dot\r\n.\r\n',
    ])
    assert.equal(String(sink.transactions[0]?.message), 'S: x\r\n\r\n.dot\r\n')
  })
})

test('a server that does not pipeline gets one command at a time', async () => {
  await withSink({ extensions: [] }, {}, async ({ sink, transport }) => {
    assert.deepEqual(show(await transport.deliver(job(['b@to.test', 'c@to.test']))), [
      'b delivered 250',
      'c delivered 250',
    ])
    const lines = ['MAIL FROM:<a@from.test>', 'RCPT TO:<b@to.test>', 'RCPT TO:<c@to.test>', 'DATA']
    assert.deepEqual(
      sink.reads.slice(1, 5),
      lines.map((line) => `${line}\r\n`),
    )
  })
})

test('without pipelining, nothing more is asked once MAIL or all of RCPT were refused', async () => {
  await withSink(
    { extensions: [], script: at('MAIL', '550 5.7.1 No') },
    { maxConnections: 1 },
    async ({ sink, transport }) => {
      assert.deepEqual(show(await transport.deliver(job(['b@to.test', 'c@to.test']))), ['b failed 550', 'c failed 550'])
      assert.deepEqual(sink.commands.slice(1), ['MAIL FROM:<a@from.test>'])
      assert.deepEqual(show(await transport.deliver(job(['b@to.test']))), ['b delivered 250'])
      assert.equal(sink.connections, 1)
      assert.equal(sink.commands[2], 'RSET')
    },
  )
  const script = ({ verb }: SinkStep) => (verb === 'RCPT' ? '450 4.2.1 Later' : undefined)
  await withSink({ extensions: [], script }, {}, async ({ sink, transport }) => {
    assert.deepEqual(show(await transport.deliver(job(['b@to.test', 'c@to.test']))), [
      'b deferred 450',
      'c deferred 450',
    ])
    assert.ok(!sink.commands.includes('DATA'))
  })
})

test('RCPT 450 for one, 550 for another and DATA 554 for the rest are different fates', async () => {
  const script = ({ verb, nth }: SinkStep) =>
    verb === 'RCPT' ? ['450 4.2.1 Later', '550 5.1.1 Who?'][nth - 1] : verb === 'DATA' ? '554 5.7.1 No' : undefined
  for (const extensions of [[], ['PIPELINING']]) {
    await withSink({ extensions, script }, {}, async ({ transport }) => {
      const outcomes = await transport.deliver(job(['b@to.test', 'c@to.test', 'd@to.test']))
      assert.deepEqual(show(outcomes), ['b deferred 450', 'c failed 550', 'd failed 554'])
      assert.equal(outcomes[1]?.reply.status, '5.1.1')
    })
  }
})

test('RFC 5321 §4.2: a bare 250 is success, and a bare 421 or 450 is worth another attempt', async () => {
  for (const [reply, shown] of [
    ['250', 'b delivered 250'],
    ['421', 'b deferred 421'],
    ['450', 'b deferred 450'],
  ] as const) {
    await withSink({ script: at('DOT', reply) }, {}, async ({ transport }) => {
      assert.deepEqual(show(await transport.deliver(job(['b@to.test']))), [shown])
    })
  }
})

test('RFC 2033 §4.2: LMTP answers the message once for each accepted recipient', async () => {
  const script = ({ verb, argument, nth }: SinkStep) =>
    verb === 'DOT' && argument.includes('c@')
      ? '452 4.2.2 Full'
      : verb === 'RCPT' && nth === 1
        ? '550 5.1.1 Who?'
        : undefined
  await withSink({ protocol: 'lmtp', script }, {}, async ({ sink, transport }) => {
    const outcomes = await transport.deliver(job(['b@to.test', 'c@to.test', 'd@to.test']))
    assert.deepEqual(show(outcomes), ['b failed 550', 'c deferred 452', 'd delivered 250'])
    assert.equal(sink.commands[0], 'LHLO client.test')
  })
})

test('a connection that is lost at any step defers, and only after the final dot the message may have been taken', async () => {
  for (const verb of ['CONNECT', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'CONTENT', 'DOT']) {
    for (const end of ['close', 'reset'] as const) {
      for (const extensions of [[], ['PIPELINING']]) {
        await withSink({ extensions, script: at(verb, { end }) }, {}, async ({ transport }) => {
          // Too long for one write: at CONTENT it is still under way.
          const message = verb === 'CONTENT' ? source('x'.repeat(8_000_000)) : source('x')
          const [outcome, ...others] = await transport.deliver(job(['b@to.test'], { message }))
          assert.equal(others.length, 0)
          assert.equal(outcome?.kind, 'deferred', `${verb} ${end}`)
          assert.match(outcome?.reply.status ?? '', /^4\.4\.[12]$/)
          assert.equal(outcome?.uncertain ?? false, verb === 'DOT', `${verb} ${end}: ${outcome?.reply.text}`)
        })
      }
    }
  }
})

test('RFC 5321 §3.8: 421 defers at any step, is never uncertain, and ends the connection', async () => {
  for (const verb of ['CONNECT', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'DOT']) {
    for (const extensions of [[], ['PIPELINING']]) {
      await withSink({ extensions, script: at(verb, '421 4.3.2 Bye') }, {}, async ({ sink, transport }) => {
        assert.deepEqual(
          show(await transport.deliver(job(['b@to.test', 'c@to.test']))),
          ['b deferred 421', 'c deferred 421'],
          verb,
        )
        assert.deepEqual(show(await transport.deliver(job(['b@to.test']))), ['b deferred 421'])
        assert.equal(sink.connections, 2)
      })
    }
  }
})

test('RFC 5321 §4.5.3.2: each stage has its own time', async () => {
  const fast = { greeting: 30, command: 30, mail: 30, rcpt: 30, data: 30, block: 30, final: 30 }
  for (const verb of ['CONNECT', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'CONTENT', 'DOT']) {
    await withSink({ script: at(verb, { end: 'hang' }) }, { timeouts: fast }, async ({ transport }) => {
      const [outcome] = await transport.deliver(job(['b@to.test'], { message: streamed('x'.repeat(100)) }))
      assert.equal(outcome?.kind, 'deferred', verb)
      assert.match(outcome?.reply.text ?? '', /in time/)
      assert.equal(outcome?.uncertain ?? false, verb === 'DOT' || verb === 'CONTENT', `${verb}: ${outcome?.reply.text}`)
    })
  }
})

test('a refusal before the final dot counts, and the connection is not used again', async () => {
  const script = ({ verb, connection }: SinkStep) =>
    verb === 'CONTENT' && connection === 1 ? '552 5.3.4 Too big' : undefined
  // The server goes on reading: what comes next would be text for it.
  await withSink({ script }, {}, async ({ sink, transport }) => {
    assert.deepEqual(show(await transport.deliver(job(['b@to.test'], { message: streamed('x'.repeat(9_000_000)) }))), [
      'b failed 552',
    ])
    assert.deepEqual(show(await transport.deliver(job(['b@to.test']))), ['b delivered 250'])
    assert.equal(sink.connections, 2)
  })
})

test('RFC 2920 §3.1: 354 although all recipients were refused is answered with a lone dot', async () => {
  const script = ({ verb, connection, nth }: SinkStep) =>
    verb === 'RCPT' && nth === 1 && connection === 1
      ? '550 5.1.1 Who?'
      : verb === 'DATA' && nth === 1
        ? '354 Go on'
        : undefined
  await withSink({ script }, {}, async ({ sink, transport }) => {
    assert.deepEqual(show(await transport.deliver(job(['b@to.test']))), ['b failed 550'])
    assert.equal(sink.transactions[0]?.raw.toString(), '.\r\n')
    assert.deepEqual(show(await transport.deliver(job(['c@to.test']))), ['c delivered 250'])
    assert.equal(sink.connections, 1)
  })
})

test('replies out of step end the connection and defer', async () => {
  for (const script of [
    at('MAIL', '250 Ok\n250 Once more'),
    at('DATA', '250 Ok'),
    at('DOT', '354 What?'),
    at('RCPT', { raw: 'garbage\r\n' }),
  ]) {
    await withSink({ script }, {}, async ({ transport }) => {
      const [outcome] = await transport.deliver(job(['b@to.test']))
      assert.deepEqual([outcome?.kind, outcome?.reply.status], ['deferred', '4.5.0'])
    })
  }
})

test('large messages arrive whole, from memory and from a stream, with their dots', async () => {
  const line = `.${'x'.repeat(70)}\r\n`
  const text = line.repeat(40_000)
  const chunks = Array.from({ length: Math.ceil(text.length / 60_001) }, (_, i) =>
    text.slice(i * 60_001, (i + 1) * 60_001),
  )
  await withSink({}, {}, async ({ sink, transport }) => {
    for (const message of [source(...chunks), streamed(...chunks)]) {
      assert.deepEqual(show(await transport.deliver(job(['b@to.test'], { message }))), ['b delivered 250'])
      assert.ok(sink.transactions.at(-1)?.message.equals(Buffer.from(text)))
    }
  })
})

test('large messages that are read into the same memory again and again arrive whole, several at a time, in the clear and under TLS', async () => {
  const texts = [1, 2, 3].map((n) =>
    Buffer.from(Array.from({ length: 60_000 }, (_, i) => `.${n}:${i}\r\nline ${i}\r\n`).join('')),
  )
  const tls = { mode: 'required', verify: true, servername: 'sink.test', options: { ca: certificate.cert } } as const
  for (const [sinkOptions, smtp] of [[{}, {}], [{ certificate }, { tls }]] as const) // biome-ignore format: short
    await withSink(sinkOptions, smtp, async ({ sink, transport }) => {
      for (const hasOnlyCrlf of [true, false]) {
        const before = sink.transactions.length
        const sent = await Promise.all(
          texts.map((text) => transport.deliver(job(['b@to.test'], { message: { ...lent(text), hasOnlyCrlf } }))),
        )
        assert.deepEqual(sent.map(show), [['b delivered 250'], ['b delivered 250'], ['b delivered 250']])
        const arrived = sink.transactions.slice(before).map(({ message }) => message)
        for (const text of texts) assert.ok(arrived.some((message) => message.equals(text)))
      }
    })
})

test('long lines and octets of every kind go out as they are', async () => {
  const octets = Buffer.concat([
    Buffer.from(`S: x\r\n\r\n${'y'.repeat(70_000)}\r\n`),
    Buffer.from(Array.from({ length: 256 }, (_, i) => i).filter((i) => i !== 10 && i !== 13)),
    Buffer.from('\r\n'),
  ])
  await withSink({}, {}, async ({ sink, transport }) => {
    assert.deepEqual(show(await transport.deliver(job(['b@to.test'], { message: source(octets) }))), [
      'b delivered 250',
    ])
    assert.ok(sink.transactions[0]?.message.equals(octets))
  })
})

test('a message that cannot be read is never ended by a dot, and is deferred', async () => {
  const message = { size: 10, raw: async function* () { yield Buffer.from('abc\r\n'); throw new Error('disk') } } // biome-ignore format: short
  await withSink({}, {}, async ({ sink, transport }) => {
    const [outcome] = await transport.deliver(job(['b@to.test'], { message }))
    assert.deepEqual([outcome?.kind, outcome?.reply.status, outcome?.uncertain], ['deferred', '4.3.0', undefined])
    assert.equal(sink.transactions.length, 0)
  })
})

test('a message that cannot be read while it is looked at for an old server is deferred, and its connection is used again', async () => {
  const broken = { size: 10, raw: async function* () { yield Buffer.from('abc\r\n'); throw new Error('disk') } } // biome-ignore format: short
  await withSink({ extensions: [] }, { maxConnections: 1 }, async ({ sink, transport }) => {
    const [outcome] = await transport.deliver(job(['b@to.test'], { message: broken }))
    assert.deepEqual([outcome?.kind, outcome?.reply.status], ['deferred', '4.3.0'])
    assert.deepEqual(show(await transport.deliver(job(['b@to.test']))), ['b delivered 250'])
    assert.equal(sink.connections, 1)
  })
})

test('an aborted signal ends an attempt at once, and defers', async () => {
  const controller = new AbortController()
  const script = ({ verb }: SinkStep) => {
    if (verb !== 'RCPT') return undefined
    controller.abort()
    return { end: 'hang' as const }
  }
  await withSink({ extensions: [], script }, {}, async ({ transport }) => {
    const [outcome] = await transport.deliver(job(['b@to.test'], { signal: controller.signal }))
    assert.deepEqual([outcome?.kind, outcome?.reply.text], ['deferred', 'Given up, waiting for the answer to RCPT'])
  })
})

test('RFC 1047: an attempt that is to stop waits for the answer to its final dot where somebody bounds that, and for nothing else', async () => {
  for (const [verb, stays, end] of [
    ['RCPT', false, 'Given up, waiting for the answer to RCPT'],
    ['CONTENT', false, 'Given up while sending the message'],
    ['DOT', true, 'queued'],
    ['DOT', true, 'Given up, waiting for the answer to the final dot'],
  ] as const) {
    const controller = new AbortController()
    let answer: (reply: string) => void = () => {}
    const answered = new Promise<string>((resolve) => (answer = resolve))
    const script = async (step: SinkStep) => {
      if (step.verb !== verb) return undefined
      controller.abort()
      return await answered
    }
    await withSink({ extensions: [], script }, {}, async ({ transport }) => {
      let cut: (() => void) | undefined
      const unanswered = { stay: (then: () => void) => (cut = then) }
      const message = verb === 'CONTENT' ? streamed('x'.repeat(9_000_000)) : source('x')
      const sent = transport.deliver(job(['b@to.test'], { signal: controller.signal, unanswered, message }))
      let isOver = false
      void sent.finally(() => (isOver = true))
      if (stays) while (cut === undefined && !isOver) await new Promise(setImmediate)
      if (end === 'queued') answer('250 2.0.0 queued')
      else cut?.()
      const [outcome] = await sent
      answer('250 2.0.0 late')
      assert.deepEqual([cut !== undefined, outcome?.reply.text], [stays, end], verb)
      assert.equal(outcome?.uncertain ?? false, stays && end !== 'queued')
    })
  }
})

test('greylisting that says when to come back is heard', async () => {
  await withSink(
    { script: at('RCPT', '450 4.7.1 Greylisted, please try again in 300 seconds') },
    {},
    async ({ transport }) => {
      assert.equal((await transport.deliver(job(['b@to.test'])))[0]?.retryAfterMs, 300_000)
    },
  )
})
