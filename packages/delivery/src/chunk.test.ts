/** A message that goes with its envelope, RFC 3030; what else a transaction does is in fixed-transport.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Job } from '@postroad/mail'
import type { SinkOptions, SinkStep } from '@postroad/testing'
import type { ClientConnection } from './client/connection.ts'
import { parseExtensions } from './client/extensions.ts'
import { TIMEOUTS } from './client/timeouts.ts'
import { ClientTransaction } from './client/transaction.ts'
import type { FixedOptions } from './fixed-transport.ts'
import { at, type Setting, show, withSink } from './one-hop.test.ts'
import { Pool } from './pool.ts'
import { Relay } from './relay.ts'
import { certificate, job, recipient, source, streamed } from './support/fixture.ts'

const OFFERED = ['PIPELINING', 'CHUNKING', '8BITMIME', 'SMTPUTF8', 'SIZE 26214400']

/** Transactions before a server is asked how it reads chunks, and the one after which it is. */
const MANY = 11

/** A transport whose server has answered that question; the script counts from then on. */
async function withChunks(
  options: SinkOptions,
  work: (setting: Setting) => Promise<void>,
  fixed: Partial<FixedOptions> = {},
): Promise<void> {
  let isReady = false
  const counts = new Map<string, number>()
  const script = (step: SinkStep) => {
    if (!isReady) return undefined
    const nth = (counts.get(step.verb) ?? 0) + 1
    counts.set(step.verb, nth)
    return options.script?.({ ...step, nth })
  }
  await withSink({ extensions: OFFERED, ...options, script }, { maxConnections: 1, ...fixed }, async (setting) => {
    await prime(setting)
    while (setting.sink.commands.at(-1) !== 'RSET') await new Promise(setImmediate)
    isReady = true
    await work(setting)
  })
}

async function prime({ sink, transport }: Setting): Promise<void> {
  for (let i = 0; i < MANY; i++)
    assert.deepEqual(show(await transport.deliver(job(['b@to.test']))), ['b delivered 250'])
  assert.equal(sink.connections, 1)
}

const last = (reads: readonly string[], count = 1) => reads.slice(-count)

test('RFC 3030 §4.2: MAIL, RCPT, BDAT and the message go out in one write, its dots as they are', async () => {
  await withChunks({}, async ({ sink, transport }) => {
    const message = source('S: x\r', '\n\r\n', '.dot\r\n')
    assert.deepEqual(show(await transport.deliver(job(['b@to.test', 'c@to.test'], { message }))), [
      'b delivered 250',
      'c delivered 250',
    ])
    assert.deepEqual(last(sink.reads), [
      'MAIL FROM:<a@from.test> SIZE=14\r\nRCPT TO:<b@to.test>\r\nRCPT TO:<c@to.test>\r\nBDAT 14 LAST\r\nS: x\r\n\r\n.dot\r\n',
    ])
    assert.equal(String(sink.transactions.at(-1)?.message), 'S: x\r\n\r\n.dot\r\n')
    assert.equal(sink.transactions.at(-1)?.recipients.length, 2)
  })
})

test('a server that gets little mail is not asked, and one that gets much once', async () => {
  await withChunks({}, async ({ sink, transport }) => {
    for (let i = 0; i < MANY; i++) await transport.deliver(job(['b@to.test']))
    const words = sink.commands.map((line) => line.split(' ')[0])
    assert.equal(words.indexOf('BDAT'), 1 + MANY * 3, 'after the eleventh message')
    assert.deepEqual(sink.commands.slice(1 + MANY * 3, 3 + MANY * 3), ['BDAT 7 LAST', 'RSET'])
    assert.equal(words.filter((word) => word === 'RSET').length, 1)
    assert.equal(words.filter((word) => word === 'DATA').length, MANY)
    assert.equal(sink.connections, 1)
  })
})

test('CVE-2023-51764: a server that would read a refused chunk as commands, or knows no BDAT, or takes what is for nobody, gets DATA', async () => {
  for (const answer of [
    '500 5.5.2 Unknown',
    '502 5.5.1 Unknown',
    '250 2.0.0 Thanks',
    '421 4.3.2 Bye',
    { end: 'reset' },
    { raw: '503 5.5.1 No\r\n500 5.5.2 CHUNK?\r\n' },
  ] as const) {
    // biome-ignore format: a table
    const script = ({ verb }: SinkStep) => (verb === 'BDAT' ? answer : undefined)
    await withSink({ extensions: OFFERED, script }, { maxConnections: 1 }, async ({ sink, transport }) => {
      await prime({ sink, transport })
      for (let i = 0; i < MANY + 5; i++)
        assert.deepEqual(show(await transport.deliver(job(['b@to.test']))), ['b delivered 250'])
      assert.equal(sink.commands.filter((line) => line.startsWith('BDAT')).length, 1, JSON.stringify(answer))
      assert.equal(sink.transactions.length, MANY * 2 + 5)
      assert.equal(sink.connections, 2)
    })
  }
})

test('who does not offer CHUNKING and PIPELINING, LMTP, and what the options or the target forbid, never hears BDAT', async () => {
  const never = [
    [{ extensions: ['PIPELINING'] }, {}],
    [{ extensions: ['CHUNKING'] }, {}],
    [{ protocol: 'lmtp' }, {}],
    [{}, { chunking: false }],
  ] as const
  for (const [options, fixed] of never) {
    await withSink({ extensions: OFFERED, ...options }, { maxConnections: 1, ...fixed }, async (setting) => {
      await prime(setting)
      await prime(setting)
      assert.ok(!setting.sink.commands.some((line) => line.startsWith('BDAT')))
    })
  }
})

test('RCPT 450 for one, 550 for another and a refusal of the chunk for the rest are different fates', async () => {
  const script = ({ verb, nth }: SinkStep) =>
    verb === 'RCPT'
      ? ['450 4.2.1 Later', '550 5.1.1 Who?'][nth - 1]
      : at('BDAT', '554 5.7.1 No')({ verb, nth } as never)
  await withChunks({ script }, async ({ sink, transport }) => {
    const outcomes = await transport.deliver(job(['b@to.test', 'c@to.test', 'd@to.test']))
    assert.deepEqual(show(outcomes), ['b deferred 450', 'c failed 550', 'd failed 554'])
    assert.equal(outcomes[1]?.reply.status, '5.1.1')
    assert.deepEqual(show(await transport.deliver(job(['e@to.test']))), ['e delivered 250'])
    assert.match(
      last(sink.reads)[0] ?? '',
      /^RSET\r\nMAIL /,
      'RFC 3030 §2: after a refused chunk the state is not known',
    )
    assert.equal(sink.connections, 1)
  })
})

test('MAIL or all of RCPT refused: the chunk behind them is read and refused, and nothing comes of it', async () => {
  for (const [verb, answer, shown] of [
    ['MAIL', '550 5.7.1 No', 'b failed 550'],
    ['RCPT', '550 5.1.1 Who?', 'b failed 550'],
    ['RCPT', '452 4.2.2 Full', 'b deferred 452'],
  ] as const) {
    await withChunks({ script: at(verb, answer) }, async ({ sink, transport }) => {
      const message = source('S: x\r\n\r\nRSET\r\nMAIL FROM:<x@x.test>\r\nRCPT TO:<y@y.test>\r\nDATA\r\n')
      assert.deepEqual(show(await transport.deliver(job(['b@to.test'], { message }))), [shown])
      assert.equal(sink.transactions.length, MANY)
      assert.deepEqual(show(await transport.deliver(job(['c@to.test']))), ['c delivered 250'])
      assert.ok(!sink.commands.some((line) => line.includes('y@y.test')))
      assert.equal(sink.connections, 1)
    })
  }
})

test('a chunk that is taken for nobody harms nobody', async () => {
  const script = ({ verb, nth }: SinkStep) =>
    nth > 1 ? undefined : verb === 'RCPT' ? '550 5.1.1 Who?' : verb === 'BDAT' ? '250 2.0.0 Ok' : undefined
  await withChunks({ script }, async ({ sink, transport }) => {
    assert.deepEqual(show(await transport.deliver(job(['b@to.test']))), ['b failed 550'])
    assert.deepEqual(show(await transport.deliver(job(['c@to.test']))), ['c delivered 250'])
    assert.equal(sink.connections, 1)
  })
})

test('RFC 5321 §3.8: 421 at any step of an envelope with its message defers, and is never uncertain', async () => {
  for (const verb of ['RCPT', 'BDAT']) {
    await withChunks({ script: at(verb, '421 4.3.2 Bye') }, async ({ sink, transport }) => {
      const outcomes = await transport.deliver(job(['b@to.test', 'c@to.test']))
      assert.deepEqual(show(outcomes), ['b deferred 421', 'c deferred 421'], verb)
      assert.deepEqual(show(await transport.deliver(job(['b@to.test']))), ['b delivered 250'])
      assert.equal(sink.connections, 2)
    })
  }
})

test('MAIL 421 on a connection that was kept: the message goes out once more, on another one', async () => {
  await withChunks({ script: at('MAIL', '421 4.3.2 Bye') }, async ({ sink, transport }) => {
    assert.deepEqual(show(await transport.deliver(job(['b@to.test']))), ['b delivered 250'])
    assert.equal(sink.transactions.length, MANY + 1)
  })
})

test('a connection that is lost after the chunk went out: it may have been taken, whatever was answered before', async () => {
  for (const [verb, nth] of [
    ['RCPT', 1],
    ['RCPT', 2],
    ['BDAT', 1],
  ] as const) {
    // biome-ignore format: a table
    for (const end of ['close', 'reset'] as const) {
      await withChunks({ script: at(verb, { end }, nth) }, async ({ transport }) => {
        const outcomes = await transport.deliver(job(['b@to.test', 'c@to.test']))
        assert.deepEqual(show(outcomes), ['b deferred 451 uncertain', 'c deferred 451 uncertain'], `${verb} ${end}`)
      })
    }
  }
})

test('a kept connection that was dead before it said a word: another one, at once', async () => {
  await withChunks({ script: at('MAIL', { end: 'reset' }) }, async ({ sink, transport }) => {
    assert.deepEqual(show(await transport.deliver(job(['b@to.test']))), ['b delivered 250'])
    assert.equal(sink.connections, 2)
  })
})

test('RFC 1047: a server that has the message and says nothing is waited for, and not asked anew', async () => {
  for (const verb of ['MAIL', 'RCPT', 'BDAT']) {
    const work = async ({ sink, transport }: Setting) => {
      const [outcome] = await transport.deliver(job(['b@to.test']))
      assert.match(outcome?.reply.text ?? '', /in time/)
      assert.deepEqual([outcome?.kind, outcome?.uncertain, sink.connections], ['deferred', true, 1], verb)
    }
    await withChunks({ script: at(verb, { end: 'hang' }) }, work, {
      timeouts: { mail: 1_000, rcpt: 1_000, final: 1_000 },
    })
  }
})

test('RFC 5321 §4.5.3.2.6: with a chunk on its way each answer may take as long as the last: a server may keep all of them until then', () => {
  const sent: string[] = []
  const connection = {
    extensions: parseExtensions(OFFERED),
    isLmtp: false,
    transactions: 0,
    command: (line: string) => void sent.push(line),
    chunk: (_: unknown, size: number) => void sent.push(`BDAT ${size} LAST`),
    flush: () => undefined,
  } as unknown as ClientConnection // what a transaction asks of one before the first answer
  for (const [mayChunk, ms] of [
    [true, TIMEOUTS.final],
    [false, TIMEOUTS.mail],
  ] as const) {
    // biome-ignore format: short
    const { from, parameters, message, recipients } = job(['b@to.test'])
    const size = message.size
    const transaction = new ClientTransaction(connection, { from, parameters, size, timeouts: TIMEOUTS, mayChunk })
    void transaction.send(message, recipients)
    assert.deepEqual([transaction.timeoutMs, transaction.isSent], [ms, mayChunk])
  }
  assert.deepEqual(sent.map((line) => line.split(' ')[0]), ['MAIL', 'RCPT', 'BDAT', 'MAIL', 'RCPT', 'DATA']) // biome-ignore format: short
})

test('BDAT that is not known after all: by DATA on another connection, for those whom nobody refused; and so from then on', async () => {
  const script = ({ verb, nth }: SinkStep) =>
    verb === 'BDAT' ? '500 5.5.2 What?' : verb === 'RCPT' && nth === 1 ? '550 5.1.1 Who?' : undefined
  await withChunks({ script }, async ({ sink, transport }) => {
    assert.deepEqual(show(await transport.deliver(job(['b@to.test', 'c@to.test']))), [
      'b failed 550',
      'c delivered 250',
    ])
    assert.deepEqual(sink.transactions.at(-1)?.recipients, ['<c@to.test>'])
    assert.equal(sink.connections, 2)
    for (let i = 0; i < MANY; i++) await transport.deliver(job(['d@to.test']))
    assert.equal(sink.commands.filter((line) => line.startsWith('BDAT')).length, 2)
  })
})

test('BDAT that is not known, and no other connection: never a refusal', async () => {
  const script = ({ verb, connection }: SinkStep) =>
    verb === 'BDAT' ? '500 5.5.2 What?' : connection > 1 && verb === 'CONNECT' ? '554 5.3.2 No' : undefined
  await withChunks({ script }, async ({ transport }) => {
    const [outcome] = await transport.deliver(job(['b@to.test']))
    assert.equal(outcome?.kind, 'deferred')
  })
})

test('BDAT that is not known, in an attempt that is to stop: never a refusal', async () => {
  const controller = new AbortController()
  const script = ({ verb }: SinkStep) => {
    if (verb !== 'BDAT') return undefined
    controller.abort()
    return '500 5.5.2 What?'
  }
  await withChunks({ script }, async ({ transport }) => {
    const unanswered = { stay: () => undefined }
    const [outcome] = await transport.deliver(job(['b@to.test'], { signal: controller.signal, unanswered }))
    assert.equal(outcome?.kind, 'deferred')
  })
})

test('BDAT that is not known, behind a MAIL that is not welcome on a kept connection: another one is asked all the same', async () => {
  const script = ({ verb, connection }: SinkStep) =>
    connection > 1 ? undefined : verb === 'BDAT' ? '500 5.5.2 What?' : verb === 'MAIL' ? '450 4.7.0 Later' : undefined
  await withChunks({ script }, async ({ sink, transport }) => {
    assert.deepEqual(show(await transport.deliver(job(['b@to.test']))), ['b delivered 250'])
    assert.equal(sink.connections, 2)
  })
})

test('RFC 5321 §2.3.8: what DATA would put right goes by DATA: CR and LF by themselves, a last line without its end; and what is long or on disk', async () => {
  const text = 'S: x\r\n\r\n'
  for (const [message, verb] of [
    [source(`${text}a\nb\r\n`), 'DATA'],
    [source(`${text}a\rb\r\n`), 'DATA'],
    [source(`${text}a\r`, 'b\r\n'), 'DATA'],
    [source(`${text}a`, '\nb\r\n'), 'DATA'],
    [source(`${text}a\r\n.\r`), 'DATA'],
    [source(`${text}a`), 'DATA'],
    [source(`${text}a`, '', '\r', '', '\n'), 'BDAT'],
    [source(`${text}\u00fc\r\n`), 'BDAT'],
    [source(`${text}${`${'x'.repeat(70)}\r\n`.repeat(900)}`), 'BDAT'],
    [source(`${text}${`${'x'.repeat(70)}\r\n`.repeat(1_000)}`), 'DATA'],
    [streamed(`${text}a\r\n`), 'DATA'],
  ] as const) {
    await withChunks({}, async ({ sink, transport }) => {
      assert.deepEqual(show(await transport.deliver(job(['b@to.test'], { message }))), ['b delivered 250'])
      assert.equal(sink.commands.at(-1)?.slice(0, 4), verb, JSON.stringify(String(message.size)))
      assert.doesNotMatch(String(sink.transactions.at(-1)?.raw), /\r(?!\n)|(?<!\r)\n/)
    })
  }
})

test('the parameters of MAIL are as with DATA: 8BITMIME, SMTPUTF8, SIZE, and no BINARYMIME', async () => {
  await withChunks({ extensions: [...OFFERED, 'BINARYMIME'] }, async ({ sink, transport }) => {
    const changes: Partial<Job> = { parameters: { body: '8BITMIME', smtputf8: true } }
    assert.deepEqual(show(await transport.deliver(job(['\u00fc@to.test'], changes))), ['\u00fc delivered 250'])
    assert.match(
      last(sink.reads)[0] ?? '',
      /^MAIL FROM:<a@from.test> SIZE=21 BODY=8BITMIME SMTPUTF8\r\nRCPT .*\r\nBDAT 21 LAST/,
    )
    const [binary] = await transport.deliver(job(['b@to.test'], { parameters: { body: 'BINARYMIME' } }))
    assert.deepEqual([binary?.kind, binary?.reply.status], ['failed', '5.6.1'])
  })
})

test('under TLS the same', async () => {
  const tls = { mode: 'required', verify: true, servername: 'sink.test', options: { ca: certificate.cert } } as const
  await withChunks({ certificate }, async ({ sink, transport }) => {
    assert.deepEqual(show(await transport.deliver(job(['b@to.test']))), ['b delivered 250'])
    assert.match(last(sink.commands)[0] ?? '', /^BDAT/)
    assert.equal(sink.transactions.at(-1)?.isSecure, true)
  }, { tls }) // biome-ignore format: short
})

test('an attempt that is to stop waits for the answer to a chunk where somebody bounds that', async () => {
  const controller = new AbortController()
  let answer: (reply: string) => void = () => {}
  const answered = new Promise<string>((resolve) => (answer = resolve))
  const script = async ({ verb }: SinkStep) => {
    if (verb !== 'MAIL') return undefined
    controller.abort()
    return await answered
  }
  await withChunks({ script }, async ({ transport }) => {
    let cut: (() => void) | undefined
    const unanswered = { stay: (then: () => void) => (cut = then) }
    const sent = transport.deliver(job(['b@to.test'], { signal: controller.signal, unanswered }))
    while (cut === undefined) await new Promise(setImmediate)
    answer('250 2.1.0 Ok')
    assert.deepEqual(show(await sent), ['b delivered 250'])
  })
})

test('a relayed transaction: recipients one by one, then BDAT and the message in one write; where it is not known, all of it by DATA', async () => {
  for (const reply of [undefined, '500 5.5.2 What?']) {
    let isReady = false
    const script = ({ verb }: SinkStep) => (isReady && verb === 'BDAT' ? reply : undefined)
    await withSink({ extensions: OFFERED, script }, {}, async ({ sink }) => {
      const pool = new Pool({ hostname: 'client.test', maxConnections: 1 })
      const target = { protocol: 'smtp', host: '127.0.0.1', port: sink.port, tls: { mode: 'none' } } as const
      const passOn = async () => {
        const one = job(['b@to.test'])
        const relay = new Relay(pool, target, one)
        assert.equal((await relay.rcpt(recipient('b@to.test'), () => one.signal)).code, 250)
        return show(await relay.send(one))
      }
      for (let i = 0; i < MANY; i++) assert.deepEqual(await passOn(), ['b delivered 250'])
      while (sink.commands.at(-1) !== 'RSET') await new Promise(setImmediate)
      isReady = true
      assert.deepEqual(await passOn(), ['b delivered 250'])
      if (reply === undefined) assert.deepEqual(last(sink.reads), ['BDAT 21 LAST\r\nSubject: x\r\n\r\nHello\r\n'])
      assert.deepEqual([sink.transactions.length, sink.connections], [MANY + 1, reply === undefined ? 1 : 2])
      pool.destroy()
    })
  }
})
