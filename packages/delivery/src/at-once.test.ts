/** What goes to a host that a route names, over a connection that idles, for one recipient: the short way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zoneDns } from '@postroad/dns'
import type { Job, Outcome, Unanswered } from '@postroad/mail'
import { createSink, type Sink, type SinkOptions, type SinkStep } from '@postroad/testing'
import { type SmtpOptions, smtpTransport } from './smtp-transport.ts'
import { job, source } from './support/fixture.ts'

/** An attempt that can be stopped without a signal; one that is asked for its signal has taken the long way. */
class Attempt implements Unanswered {
  isStopped = false
  signals = 0
  cut: (() => void) | undefined
  #stop: (() => void) | undefined

  onStop(stop: (() => void) | undefined): boolean {
    this.#stop = stop
    return this.isStopped
  }

  stay(cut: () => void): void {
    this.cut = cut
  }

  stop(): void {
    this.isStopped = true
    this.#stop?.()
  }

  #asked(signal: AbortSignal): AbortSignal {
    this.signals++
    return signal
  }

  job(port: number, changes: Partial<Job> = {}): Job {
    const base = job(['b@to.test'], { route: { via: 'smtp', host: '127.0.0.1', port }, unanswered: this, ...changes })
    const { signal } = base
    return Object.defineProperty({ ...base }, 'signal', { get: () => this.#asked(signal), enumerable: true })
  }
}

interface Setting {
  readonly sink: Sink
  /** Connections that idle. */
  idle(): number
  /** Delivers, and says whether it was by the short way. */
  send(changes?: Partial<Job>, attempt?: Attempt): Promise<readonly [shown: string, isShort: boolean]>
}

async function withHop(
  options: SinkOptions,
  work: (setting: Setting) => Promise<void>,
  smtp: Partial<SmtpOptions> = {},
): Promise<void> {
  const sink = await createSink(options)
  const transport = smtpTransport({ hostname: 'client.test', dns: zoneDns({}), tls: { mode: 'none' }, ...smtp })
  const send: Setting['send'] = async (changes, attempt = new Attempt()) => {
    const outcomes = await transport.deliver(attempt.job(sink.port, changes))
    return [outcomes.map(show).join(), attempt.signals === 0]
  }
  try {
    await work({ sink, send, idle: () => transport.stats.idle })
  } finally {
    await transport.close()
    await sink.close()
  }
}

const show = ({ kind, reply, remote, uncertain }: Outcome) =>
  `${kind} ${reply.code} ${remote}${uncertain ? ' uncertain' : ''}`

test('the first message opens a connection; those after it need no signal, no timer and no list', async () => {
  await withHop({}, async ({ sink, send }) => {
    assert.deepEqual(await send(), ['delivered 250 127.0.0.1', false])
    for (let i = 0; i < 30; i++) assert.deepEqual(await send(), ['delivered 250 127.0.0.1', true])
    assert.deepEqual([sink.connections, sink.transactions.length], [1, 31])
  })
})

test('refusals, and what concerns the whole server, are said as on the long way', async () => {
  for (const [verb, answer, shown] of [
    ['RCPT', '550 5.1.1 Who?', 'failed 550 127.0.0.1'],
    ['RCPT', '450 4.2.1 Later', 'deferred 450 127.0.0.1'],
    ['DATA', '554 5.7.1 No', 'failed 554 127.0.0.1'],
    ['DOT', '452 4.3.1 Full', 'deferred 452 127.0.0.1'],
    ['DOT', { end: 'reset' }, 'deferred 451 127.0.0.1 uncertain'],
    ['RCPT', '421 4.3.2 Bye', 'deferred 421 127.0.0.1'],
  ] as const) {
    let isReady = false
    const script = (step: SinkStep) => (isReady && step.verb === verb ? answer : undefined)
    await withHop({ script }, async ({ send }) => {
      await send()
      isReady = true
      assert.deepEqual(await send(), [shown, true], verb)
    })
  }
})

test('what needs more takes the long way: several recipients, seven bits, a policy that is asked, no idle connection', async () => {
  const two = { recipients: job(['b@to.test', 'c@to.test']).recipients }
  await withHop({}, async ({ send }) => {
    await send()
    assert.deepEqual(await send(two), ['delivered 250 127.0.0.1,delivered 250 127.0.0.1', false])
  })
  await withHop({ extensions: ['PIPELINING'] }, async ({ send }) => {
    await send()
    assert.deepEqual(await send(), ['delivered 250 127.0.0.1', false])
  })
  for (const [hasTlsPolicy, isShort] of [
    [true, false],
    [false, true],
  ] as const) {
    // biome-ignore format: short
    let asked = 0
    const tlsPolicy = () => void asked++
    await withHop({}, async ({ send }) => {
      await send()
      assert.deepEqual(await send(), ['delivered 250 127.0.0.1', isShort])
      assert.equal(asked, isShort ? 1 : 2)
    }, { tlsPolicy, hasTlsPolicy: () => hasTlsPolicy }) // biome-ignore format: short
  }
})

test('settings of a route are obeyed, whatever another one to the same host said', async () => {
  await withHop({}, async ({ sink, send }) => {
    const route = { via: 'smtp', host: '127.0.0.1', port: sink.port }
    await send()
    assert.equal((await send({ route: { ...route, settings: { tls: 'required' } } }))[0], 'deferred 454 127.0.0.1')
    await assert.rejects(send({ route: { ...route, settings: { tls: 'requried' } } }), TypeError)
    await assert.rejects(send({ route: { ...route, settings: { chunking: 'no' } } }), /known are true and false/)
    assert.deepEqual(await send({ route: { ...route, settings: { tls: 'none' } } }), ['delivered 250 127.0.0.1', true])
  })
})

test('REQUIRETLS goes nowhere without TLS', async () => {
  await withHop({}, async ({ send }) => {
    await send()
    assert.equal((await send({ parameters: { requireTls: true } }))[0], 'deferred 454 127.0.0.1')
  })
})

test('a connection that was dead: another one; and where there is none, deferred', async () => {
  let isDead = false
  const script = ({ verb, connection }: SinkStep) =>
    isDead && ((verb === 'MAIL' && connection === 1) || (verb === 'CONNECT' && connection === 3))
      ? { end: 'reset' as const }
      : undefined
  await withHop({ script }, async ({ sink, send }) => {
    await send()
    isDead = true
    assert.equal((await send())[0], 'delivered 250 127.0.0.1')
    assert.equal(sink.connections, 2)
    await sink.close()
    assert.equal((await send())[0], 'deferred 451 127.0.0.1')
  })
})

test('an attempt that is stopped: cut before its message is sent, waited for after, and never begun when it was stopped before', async () => {
  for (const verb of ['RCPT', 'DOT'] as const) {
    let attempt: Attempt | undefined
    let answer: (reply: string) => void = () => {}
    const script = ({ verb: now }: SinkStep) => {
      if (attempt === undefined || now !== verb) return undefined
      attempt.stop()
      return verb === 'RCPT' ? ({ end: 'hang' } as const) : new Promise<string>((resolve) => (answer = resolve))
    }
    await withHop({ script, extensions: ['8BITMIME'] }, async ({ send }) => {
      await send()
      attempt = new Attempt()
      const sent = send({}, attempt)
      if (verb === 'DOT') while (attempt.cut === undefined) await new Promise(setImmediate)
      answer('250 2.0.0 queued')
      assert.equal((await sent)[0], verb === 'DOT' ? 'delivered 250 127.0.0.1' : 'deferred 451 127.0.0.1')
    })
  }
  await withHop({}, async ({ sink, send }) => {
    await send()
    const stopped = new Attempt()
    stopped.stop()
    assert.equal((await send({ signal: AbortSignal.abort() }, stopped))[0], 'deferred 451 127.0.0.1')
    assert.equal(sink.transactions.length, 1)
  })
})

test('a message that goes with its envelope, and BDAT that is not known after all', async () => {
  let isReady = false
  const script = ({ verb }: SinkStep) => (isReady && verb === 'BDAT' ? '500 5.5.2 What?' : undefined)
  const extensions = ['PIPELINING', 'CHUNKING', '8BITMIME']
  await withHop({ script, extensions }, async ({ sink, send, idle }) => {
    for (let i = 0; i < 11; i++) await send()
    while (sink.commands.at(-1) !== 'RSET' || idle() === 0) await new Promise(setImmediate)
    assert.deepEqual(await send({ message: source('S: x\r\n\r\n.\r\n') }), ['delivered 250 127.0.0.1', true])
    assert.equal(sink.commands.at(-1), 'BDAT 11 LAST')
    isReady = true
    assert.equal((await send())[0], 'delivered 250 127.0.0.1')
    assert.deepEqual([sink.connections, sink.transactions.length], [2, 13])
  })
})
