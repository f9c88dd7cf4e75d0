/** AUTH, the four verbs that plugins may answer, and DATA before 354. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type AuthAttempt,
  type AuthContext,
  type CommandContext,
  defer,
  type Identity,
  type ReceiveSink,
  reject,
} from '@postroad/plugin'
import { Client, ground, handler, withoutId } from '../fixture.test.ts'
import type { Handler } from '../plan/handler.ts'

const PLAIN = { mechanism: 'PLAIN', username: 'alice', authorize: undefined, password: 'x' } as unknown as AuthAttempt // whatever a mechanism has
const INVALID = { code: 535, status: '5.7.8', text: 'Authentication credentials invalid', disconnect: false }
const fails = (): never => {
  throw new Error('x')
}
const both = (answer: unknown) => [() => answer, async () => answer]
const login = (run: (context: AuthContext) => unknown, more: Partial<Handler> = {}) =>
  handler('auth', run, { mechanisms: ['PLAIN'], ...more })

test('who is known is authenticated, and everybody after hears who it is', async () => {
  for (const run of both({ name: 'alice', group: 'staff' })) {
    let seen: Identity | undefined
    const made = ground({
      auth: [login(run)],
      mail: [[handler('mail', ({ session }) => void (seen = session?.identity))]],
    })
    const client = new Client(made)
    assert.deepEqual(await client.stages.auth(PLAIN), { code: 235, status: '2.7.0', text: 'Authentication successful' })
    await client.begin()
    assert.deepEqual(seen, { name: 'alice', group: 'staff' })
    assert.ok(Object.isFrozen(seen))
    assert.deepEqual(made.lines, [])
  }
})

test('who is not is refused, with a line of the log', async () => {
  const cases: [Handler[] | undefined, number][] = [
    [undefined, 535],
    [[login(() => undefined)], 535],
    [[login(() => ({ name: 'alice' }), { mechanisms: ['LOGIN'] })], 535],
    [[login(() => ({ name: 'alice' }), { shadow: true })], 535],
    [[login(() => reject('no', { status: '5.7.8', code: 554 }))], 554],
    [[login(async () => defer('later', { status: '4.7.0', code: 454 }))], 454],
    [[login(fails)], 451],
    [[login(fails, { onError: 'pass' })], 535],
  ]
  for (const [handlers, code] of cases) {
    const made = ground(handlers ? { auth: handlers } : {})
    const client = new Client(made)
    const reply = await client.stages.auth(PLAIN)
    assert.equal(reply?.code, code)
    if (code === 535) assert.deepEqual(withoutId(reply), INVALID)
    assert.deepEqual(
      [made.lines.length, made.lines[0]?.['event'], made.lines[0]?.['mechanism'], made.lines[0]?.['user']],
      [1, 'auth', 'PLAIN', 'alice'],
    )
    assert.match(String(made.lines[0]?.['reply']), new RegExp(`^${code} `))
  }
})

test('fifty refused attempts have a line each, the others one together', async () => {
  const made = ground({ auth: [login(() => undefined)] })
  const client = new Client(made)
  for (let i = 0; i < 60; i++) await client.stages.auth(PLAIN)
  assert.equal(made.lines.length, 50)
  client.close()
  const [sum, session] = made.lines.slice(50)
  assert.deepEqual(
    [sum?.['event'], sum?.['attempts'], session?.['event'], session?.['refused']],
    ['auth', 60, 'session', 60],
  )
  const few = ground({ auth: [login(() => undefined)] })
  const other = new Client(few)
  for (let i = 0; i < 50; i++) await other.stages.auth(PLAIN)
  other.close()
  assert.deepEqual(
    [few.lines.length, few.lines.at(-1)?.['event'], few.lines.at(-1)?.['attempts']],
    [51, 'session', undefined],
  )
})

const SILENCE = {
  verify: { code: 252, status: '2.5.1', text: 'Cannot verify the user; send some mail, it will be tried' },
  expand: { code: 502, status: '5.5.1', text: 'Lists are not expanded here' },
  help: { code: 214, status: '2.0.0', text: 'This is Postroad; commands are those of RFC 5321 and what EHLO says' },
  unknown: { code: 500, status: '5.5.2', text: 'Command not recognized' },
}
const VERBS = { verify: 'VRFY', expand: 'EXPN', help: 'HELP', unknown: 'XYZ' }

for (const hook of ['verify', 'expand', 'help', 'unknown'] as const) {
  const say = (client: Client) =>
    hook === 'unknown' ? client.stages.unknown('XYZ', 'arg') : client.stages[hook]('arg')

  test(`${hook} is answered by a plugin, or as the standard says`, async () => {
    assert.deepEqual(await say(new Client(ground())), SILENCE[hook])
    const of = async (run: (context: CommandContext) => unknown, more: Partial<Handler> = {}) =>
      say(new Client(ground({ [hook]: [handler(hook, run, more)] })))
    assert.deepEqual(await of(() => undefined), SILENCE[hook])
    assert.deepEqual(await of(fails, { onError: 'pass' }), SILENCE[hook])
    assert.equal((await of(fails)).code, 451)
    const asked = ({ verb, argument }: CommandContext) => ({
      kind: 'reply',
      code: 214,
      status: '2.0.0',
      text: `${verb} ${argument}`,
    })
    for (const run of [asked, async (context: CommandContext) => asked(context)])
      assert.deepEqual(await of(run), { code: 214, status: '2.0.0', text: `${VERBS[hook]} arg` })
    const lines = await of(() => ({ kind: 'reply', code: 214, text: 'one\ntwo' }))
    assert.deepEqual(lines, { code: 214, status: undefined, text: ['one', 'two'] })
  })
}

const routes = [handler('route', () => ({ via: 'x' }))]
const taking = [handler('queue', () => ({ id: '1' }))]

test('DATA may be refused before 354, and the line of the log says so', async () => {
  for (const run of both(reject('no\nway', { status: '5.7.1', code: 554 }))) {
    const made = ground({ route: routes, data: [[handler('data', run)]] })
    const client = new Client(made)
    await client.begin()
    await client.rcpt('a@x.test')
    const said = withoutId(await client.stages.data())
    assert.deepEqual(said, { code: 554, status: '5.7.1', text: ['no', 'way'], disconnect: false })
    client.stages.reset()
    assert.deepEqual([made.lines.length, made.lines[0]?.['reply']], [1, '554 5.7.1 no\nway'.replace('\n', ' ')])
    await client.begin()
    await client.rcpt('a@x.test')
    client.stages.reset()
    assert.equal(made.lines[1]?.['reply'], '250 2.0.0 Reset')
  }
  for (const run of both(undefined)) {
    const client = new Client(ground({ route: routes, queue: taking, data: [[handler('data', run)]] }))
    assert.deepEqual(await client.send('a@x.test'), [250, 250])
  }
})

/** Listens at `receive`, and writes down what it hears. */
function tap(heard: string[], more: Partial<ReceiveSink> = {}): ReceiveSink {
  return {
    write: (chunk) => void heard.push(`write ${Buffer.from(chunk)}`),
    end: () => void heard.push('end'),
    abort: () => void heard.push('abort'),
    ...more,
  }
}
const receives = (answer: unknown, more: Partial<Handler> = {}) => handler('receive', () => answer, more)

test('who listens hears each chunk and the end', async () => {
  const later = async () => {
    await null
  }
  for (const more of [{}, { write: later, end: later }]) {
    const heard: string[] = []
    const queued: string[] = []
    const made = ground({
      route: routes,
      receive: [receives(tap(heard, more)), receives(undefined), receives(Promise.resolve(tap(heard)))],
      queue: [handler('queue', () => void queued.push(...heard)), ...taking],
    })
    const client = new Client(made)
    await client.begin()
    await client.rcpt('a@x.test')
    assert.equal(await client.stages.data(), undefined)
    const sink = client.stages.content()
    for (const chunk of ['A: b\r\n', '\r\n']) await sink.write(Buffer.from(chunk))
    assert.deepEqual(await client.stages.message(), {
      code: 250,
      status: '2.0.0',
      text: queuedAs(made.lines[0]?.['id']),
    })
    const times = 'write' in more ? 1 : 2
    const expected = ['write A: b\r\n', 'write \r\n', 'end'].flatMap((one) => Array<string>(times).fill(one))
    assert.deepEqual(queued, expected)
    assert.deepEqual(heard, expected)
  }
})

const queuedAs = (id: unknown) => `Ok: ${id} queued as 1`

test('what is taken is taken after who listens has heard the end', async () => {
  const order: string[] = []
  const end = async () => {
    await new Promise((resolve) => setImmediate(resolve))
    order.push('end')
  }
  const taking = handler('queue', () => ({ id: String(order.push('queue')) }))
  const client = new Client(
    ground({ route: routes, receive: [receives({ write: () => undefined, end })], queue: [taking] }),
  )
  await client.send('a@x.test')
  assert.deepEqual(order, ['end', 'queue'])
})

test('a chunk is taken when the disk has it and who listens has heard it', async () => {
  let hear = (): void => undefined
  const heard = new Promise<void>((resolve) => {
    hear = resolve
  })
  const memory = { open: () => 1, share: () => 1, close: () => undefined }
  const client = new Client(ground({ route: routes, receive: [receives({ write: () => heard })] }, { memory }))
  await client.begin()
  await client.rcpt('a@x.test')
  await client.stages.data()
  let isTaken = false
  const taken = Promise.resolve(client.stages.content().write(Buffer.from(`A: b\r\n\r\n${'x'.repeat(300_000)}`))).then(
    () => {
      isTaken = true
    },
  )
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isTaken, false)
  hear()
  await taken
  client.close()
})

test('who listened is told when there is no more to come', async () => {
  for (const when of ['opened', 'begun'] as const) {
    const heard: string[] = []
    const client = new Client(
      ground({ route: routes, receive: [receives(tap(heard)), receives({ write: () => undefined })] }),
    )
    await client.begin()
    await client.rcpt('a@x.test')
    await client.stages.data()
    if (when === 'begun') await client.stages.content().write(Buffer.from('x'))
    client.stages.reset()
    client.stages.reset()
    client.close()
    assert.deepEqual(heard, when === 'begun' ? ['write x', 'abort'] : ['abort'])
  }
})

test('a client that has gone while somebody was asked sends no message', async () => {
  const heard: string[] = []
  const client = new Client(ground({ route: routes, receive: [receives(Promise.resolve(tap(heard)))] }))
  await client.begin()
  await client.rcpt('a@x.test')
  const reply = client.stages.data()
  client.close()
  await reply
  assert.deepEqual(heard, [])
})

test('a listener that cannot be opened is the answer to DATA, and the others are told', async () => {
  const heard: string[] = []
  const made = ground({
    route: routes,
    receive: [receives(tap(heard)), handler('receive', fails, { onError: 'disconnect' })],
  })
  const client = new Client(made)
  await client.begin()
  await client.rcpt('a@x.test')
  const reply = { code: 421, status: '4.3.0', text: 'Local error in processing, try again later', disconnect: true }
  assert.deepEqual(await client.stages.data(), reply)
  assert.deepEqual(heard, ['abort'])
  client.stages.reset()
  assert.equal(made.lines[0]?.['reply'], '421 4.3.0 Local error in processing, try again later')
  const passed = new Client(
    ground({ route: routes, queue: taking, receive: [handler('receive', fails, { onError: 'pass' })] }),
  )
  assert.deepEqual(await passed.send('a@x.test'), [250, 250])
})

test('a listener that fails hears no more; what that is worth is said at the end', async () => {
  for (const [onError, code] of [
    ['pass', 250],
    ['defer', 451],
    ['reject', 554],
  ] as const)
    for (const write of [fails, async () => fails()]) {
      const heard: string[] = []
      const breaks = (chunk: Uint8Array) => {
        heard.push(`breaks at ${Buffer.from(chunk)}`)
        return write()
      }
      const broken = tap(heard, { write: breaks })
      const client = new Client(
        ground({ route: routes, queue: taking, receive: [receives(broken, { onError }), receives(tap(heard))] }),
      )
      await client.begin()
      await client.rcpt('a@x.test')
      await client.stages.data()
      const sink = client.stages.content()
      await sink.write(Buffer.from('1'))
      await sink.write(Buffer.from('2'))
      assert.equal(((await client.stages.message()) as { code: number }).code, code) // one recipient's protocol
      assert.deepEqual(heard, ['breaks at 1', 'write 1', 'write 2', 'end'])
    }
})

test('each message gives back the memory it was given, once', async () => {
  let open = 0
  const memory = { open: () => 100 + 0 * open++, share: () => 100, close: () => void open-- }
  const client = new Client(ground({ route: routes, queue: taking }, { memory }))
  assert.deepEqual(await client.send('a@x.test'), [250, 250])
  assert.equal(open, 0)
  await client.begin()
  await client.rcpt('a@x.test')
  await client.stages.data()
  await client.stages.content().write(Buffer.from('x'))
  assert.equal(open, 1)
  client.stages.reset()
  client.close()
  assert.equal(open, 0)
})
