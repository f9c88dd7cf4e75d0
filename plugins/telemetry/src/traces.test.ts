/** Spans as an SDK gets them; the SDK is written here: what it does with them is not ours. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  type Attributes,
  type Context,
  INVALID_SPAN_CONTEXT,
  type Span,
  type SpanOptions,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { definePlugin, reject } from '@postroad/plugin'
import { createTestServer, sessionOn } from '@postroad/testing'
import { telemetry } from './index.ts'

class Recorded implements Span {
  readonly name: string
  readonly parent: Recorded | undefined
  readonly attributes: Attributes
  readonly events: string[] = []
  readonly startTime: SpanOptions['startTime']
  error: string | undefined
  ends = 0

  constructor(name: string, { attributes = {}, startTime }: SpanOptions, parent: Recorded | undefined) {
    this.name = name
    this.parent = parent
    this.attributes = { ...attributes }
    this.startTime = startTime
  }

  spanContext = () => INVALID_SPAN_CONTEXT
  isRecording = () => this.ends === 0
  setAttribute = (key: string, value: Attributes[string]) => this.setAttributes({ [key]: value })
  setAttributes(attributes: Attributes): this {
    if (this.ends === 0) Object.assign(this.attributes, attributes)
    return this
  }
  addEvent(name: string, attributes: Attributes = {}): this {
    this.events.push(
      `${name} ${attributes['postroad.hook']} ${attributes['postroad.plugin']} ${attributes['postroad.status']}`,
    )
    return this
  }
  addLink = () => this
  addLinks = () => this
  setStatus({ message }: { message?: string }): this {
    this.error = message
    return this
  }
  updateName = () => this
  recordException = () => {}
  end(): void {
    this.ends++
  }
  get path(): string {
    return this.parent ? `${this.parent.path} > ${this.name}` : this.name
  }
}

let spans: Recorded[] = []
const tracer = {
  startSpan(name: string, options: SpanOptions = {}, context?: Context) {
    const parent = options.root || !context ? undefined : (trace.getSpan(context) as Recorded | undefined) // all spans are ours
    const span = new Recorded(name, options, parent)
    spans.push(span)
    return span
  },
  startActiveSpan: () => assert.fail('not used'),
} as Tracer // its overloads are not used
trace.setGlobalTracerProvider({ getTracer: () => tracer })
after(() => trace.disable())

const strict = definePlugin({
  name: 'strict',
  hooks: {
    mail: async () => undefined,
    rcpt: ({ recipient }) => (recipient.local === 'nobody' ? reject('No') : undefined),
    message: ({ message }) => (message.headers.get('subject') === 'no' ? reject('No') : undefined),
  },
})

async function spansOf(
  visit: (server: Awaited<ReturnType<typeof createTestServer>>) => PromiseLike<unknown>,
  options: Parameters<typeof createTestServer>[1] = {},
): Promise<Recorded[]> {
  spans = []
  const server = await createTestServer([telemetry({ prometheus: false, traces: true }), strict()], options)
  await visit(server)
  await server.close()
  return spans
}

test('a session holds its transactions, and those hold the runs of handlers', async () => {
  const seen = await spansOf((server) => sessionOn(server).rcpt('a@mx.test').data({ Subject: 'yes' }).quit())
  const paths = seen.map(({ path }) => path)
  assert.deepEqual(paths.slice(0, 2), ['smtp session', 'smtp session > transaction'])
  for (const run of ['strict mail', 'strict rcpt', 'test-sink route', 'strict message', 'test-sink queue'])
    assert.ok(paths.includes(`smtp session > transaction > ${run}`), `${run}: ${paths}`)
  assert.deepEqual(
    seen.filter(({ ends }) => ends === 0),
    [],
    'all have ended',
  )
  const transaction = seen.find(({ name }) => name === 'transaction')
  assert.equal(transaction?.attributes['postroad.outcome'], 'accepted')
  assert.equal(transaction?.attributes['postroad.recipients'], 1)
  assert.match(
    String(transaction?.attributes['postroad.transaction']),
    new RegExp(`^${seen[0]?.attributes['postroad.session']}`),
  )
  assert.equal(seen[0]?.attributes['postroad.closed'], 'quit')
  assert.equal(seen.filter(({ name }) => name === 'strict mail').length, 1, 'a run that answers later is one span')
})

test('a transaction that was judged for another server ends with the outcome', async () => {
  const seen = await spansOf(
    (server) => sessionOn(server).data({ Subject: 'yes' }).mail('a@b.test').data({ Subject: 'no' }).quit(),
    {
      protocol: 'milter',
    },
  )
  const transactions = seen.filter(({ name }) => name === 'transaction')
  assert.deepEqual(
    transactions.map(({ attributes, ends }) => [attributes['postroad.outcome'], ends]),
    [
      ['pass', 1],
      ['rejected', 1],
    ],
  )
  assert.equal(transactions[0]?.attributes['postroad.recipients'], 1)
  assert.ok(Number(transactions[0]?.attributes['postroad.octets']) > 0)
})

test('a run’s span begins when the run began', async () => {
  const before = performance.timeOrigin + performance.now()
  const seen = await spansOf((server) => sessionOn(server).rcpt('a@mx.test').quit())
  const run = seen.find(({ name }) => name === 'strict mail')
  assert.ok(Number(run?.startTime) >= before && Number(run?.startTime) <= performance.timeOrigin + performance.now())
})

test('refusals are events, and the last one ends the transaction', async () => {
  const seen = await spansOf((server) =>
    sessionOn(server).rcpt('nobody@mx.test').rcpt('a@mx.test').data({ Subject: 'no' }).quit(),
  )
  const transaction = seen.find(({ name }) => name === 'transaction')
  assert.deepEqual(transaction?.events, ['refused rcpt strict 5.7.1', 'refused message strict 5.7.1'])
  assert.equal(transaction?.attributes['postroad.outcome'], 'rejected')
  assert.equal(transaction?.ends, 1)
})

test('a failure is the status of its span', async () => {
  spans = []
  const broken = definePlugin({ name: 'broken', hooks: { mail: () => assert.fail('broken') } })
  const server = await createTestServer([
    telemetry({ prometheus: false, traces: true }),
    [broken(), { onError: 'pass' }],
  ])
  await sessionOn(server).mail('a@b.test').quit()
  await server.close()
  assert.match(spans.find(({ name }) => name === 'broken mail')?.error ?? '', /broken/)
})

test('what was thrown may be anything: each has its span, which ends', async () => {
  const boo = () => assert.fail('boo')
  const thrown = [
    Symbol('s'),
    Object.create(null),
    { toString: boo, toJSON: boo },
    new Proxy(new Error('x'), new Proxy({}, { get: () => boo })),
  ]
  for (const value of thrown) {
    spans = []
    const throwIt = (): never => {
      throw value
    }
    const broken = definePlugin({ name: 'broken', hooks: { mail: throwIt } })
    const server = await createTestServer([
      telemetry({ prometheus: false, traces: true }),
      [broken(), { onError: 'pass' }],
    ])
    await sessionOn(server).mail('a@b.test').quit()
    await server.close()
    const span = spans.find(({ name }) => name === 'broken mail')
    assert.deepEqual([span?.ends, typeof span?.error], [1, 'string'])
  }
})

test('no address is in a span', async () => {
  const seen = await spansOf((server) =>
    sessionOn(server).from('192.0.2.7').mail('secret@a.test').rcpt('b@mx.test').data({ Subject: 'x' }).quit(),
  )
  assert.doesNotMatch(
    JSON.stringify(seen.map(({ attributes, name, events }) => [attributes, name, events])),
    /secret|192\.0\.2\.7|a\.test|b@mx/,
  )
})
