/** After the final dot: who gets the message, who is told what, and what is written down. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Delivery, type RoutedRecipient, readAll } from '@postroad/mail'
import {
  accept,
  defer,
  discard,
  type Message,
  type QueueContext,
  quarantine,
  type Receipt,
  reject,
  suspect,
} from '@postroad/plugin'
import type { WireReply } from '@postroad/smtp'
import { addressOf, Client, codesOf, type Ground, ground, handler, withoutId } from '../fixture.test.ts'
import type { Handler } from '../plan/handler.ts'
import type { HookTable } from '../plan/hook-table.ts'
import type { Scope } from '../session/scope.ts'
import { group } from './queue.ts'

const [A, B, C] = ['a@x.test', 'b@x.test', 'c@x.test'] as const
const fails = (): never => {
  throw new Error('x')
}
const shown = (deliveries: readonly Delivery[] | undefined) =>
  deliveries?.map(
    ({ route, recipients }) => `${route.via}: ${recipients.map(({ address }) => address.local).join(' ')}`,
  )

/** A scope whose queue takes everything, and what it took. */
function open(
  table: Partial<HookTable> = {},
  more: Partial<Scope> = {},
  wire: ConstructorParameters<typeof Client>[1] = {},
) {
  const taken: (string[] | undefined)[] = []
  const texts: Promise<string>[] = []
  const keep = ({ deliveries, message }: QueueContext): Receipt => {
    taken.push(shown(deliveries))
    texts.push(readAll(message as Message).then(String)) // there is one at this hook
    return { id: '7' }
  }
  const made = ground(
    { route: [handler('route', () => ({ via: 'x' }))], queue: [handler('queue', keep)], ...table },
    more,
  )
  return { made, client: new Client(made, wire), taken, text: async () => (await Promise.all(texts)).join('---\n') }
}
const judging = (...waves: readonly (readonly (() => unknown)[])[]): Partial<HookTable> => ({
  message: waves.map((wave) => wave.map((run, index) => handler('message', run, { plugin: index === 0 ? 'p' : 'q' }))),
})
const forOnly = (...locals: readonly string[]) => ({ for: locals.map((local) => addressOf(local)) })
const reply = (made: Ground, index = -1) => made.lines.at(index)?.['reply']

test('what is taken is said to be, by the id of the queue and by ours', async () => {
  const { client, made, taken } = open()
  assert.deepEqual(await client.send(A, B), [250, 250, 250])
  const [line = assert.fail()] = made.lines
  const { id, queue, receipt, to, size } = line
  assert.deepEqual([queue, receipt, to, Number(size) > 20], ['p', '7', [A, B], true])
  assert.equal(reply(made), `250 2.0.0 Ok: ${id} queued as 7`)
  assert.deepEqual(taken, [['x: a b']])
  const same = open({ queue: [handler('queue', ({ envelope }) => ({ id: envelope?.id }))] })
  await same.client.send(A)
  assert.equal(reply(same.made), `250 2.0.0 Ok: queued as ${same.made.lines[0]?.['id']}`)
})

test('a queue that refuses, fails or is silent takes nothing', async () => {
  const cases: [Handler[] | undefined, string][] = [
    [undefined, '451 4.3.0 Message could not be stored, try again later'],
    [[handler('queue', () => undefined)], '451 4.3.0 Message could not be stored, try again later'],
    [[handler('queue', fails)], '451 4.3.0 Local error in processing, try again later'],
    [[handler('queue', fails, { onError: 'pass' })], '451 4.3.0 Message could not be stored, try again later'],
    [[handler('queue', () => reject('no', { status: '5.7.1', code: 554 }))], '554 5.7.1 no'],
    [[handler('queue', async () => defer('later', { status: '4.7.1', code: 450 }))], '450 4.7.1 later'],
  ]
  for (const [queue, expected] of cases) {
    let told = 0
    const { client, made } = open({ queue: queue as never, accepted: [[handler('accepted', () => void told++)]] })
    await client.send(A)
    assert.equal(reply(made), expected)
    assert.deepEqual([told, made.lines[0]?.['receipt']], [0, undefined])
  }
})

test('those who listen hear what was accepted, and read the message as long as they like', async () => {
  const heard: unknown[] = []
  let read = ''
  const listens = handler('accepted', async ({ deliveries, receipt, message }) => {
    heard.push(shown(deliveries), receipt)
    await new Promise((resolve) => setImmediate(resolve))
    read = String(await readAll(message as Message)) // there is one at this hook
  })
  let memory = 0
  const { client } = open(
    { accepted: [[listens]] },
    { memory: { open: () => 10 + 0 * memory++, share: () => 10, close: () => void memory-- } },
  )
  assert.deepEqual(await client.send(A), [250, 250])
  assert.equal(memory, 1)
  client.close()
  while (memory > 0) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(heard, [['x: a'], { id: '7' }])
  assert.match(read, /Subject: x\r\n\r\nx\r\n$/)
})

test('an opinion of the message decides for all it is about', async () => {
  const cases: [() => unknown, string][] = [
    [() => reject('no', { status: '5.7.1', code: 554 }), '554 5.7.1 no'],
    [async () => defer('later', { status: '4.7.1', code: 450 }), '450 4.7.1 later'],
    [() => [defer('later'), reject('no', { status: '5.7.1', code: 554 })], '554 5.7.1 no'],
    [fails, '451 4.3.0 Local error in processing, try again later'],
  ]
  for (const [run, expected] of cases) {
    const { client, made, taken } = open(judging([run]))
    await client.send(A, B)
    assert.deepEqual([reply(made), taken], [expected, []])
  }
  const { client, made, taken } = open(judging([() => accept()], [() => reject('never asked')]))
  await client.send(A)
  assert.match(String(reply(made)), /^250 /)
  assert.deepEqual(taken, [['x: a']])
})

test('a later wave decides about those that the first one left open', async () => {
  const { client, taken } = open(
    judging([() => discard('a', forOnly(A))], [async () => discard('rest', forOnly(A, B))]),
  )
  assert.deepEqual(await client.send(A, B, C), [250, 250, 250, 250])
  assert.deepEqual(taken, [['x: c']])
  let asked = 0
  const done = open(judging([() => discard('all')], [() => void asked++]))
  assert.deepEqual(await done.client.send(A), [250, 250])
  assert.deepEqual(
    [asked, done.taken, reply(done.made)],
    [0, [], `250 2.0.0 Ok: queued as ${done.made.lines[0]?.['id']}`],
  )
})

test('where answers differ nothing is taken; the client comes again one by one, or hears the strictest', async () => {
  const no = () => reject('no', { status: '5.7.1', code: 554, ...forOnly(B) })
  const { client, made, taken } = open(judging([no]))
  await client.send(A, B)
  assert.equal(reply(made), "451 4.5.3 The recipients' answers differ: send to one recipient at a time")
  assert.deepEqual(await client.send(A, B), [250, 452, 250])
  assert.deepEqual(taken, [['x: a']])
  const strict = open(judging([no, () => defer('later', forOnly(A))]), { mixed: 'strictest' })
  await strict.client.send(A, B, C)
  assert.deepEqual([reply(strict.made), strict.taken], ['554 5.7.1 no', []])
  assert.deepEqual(await strict.client.send(A, C), [250, 250, 451])
})

for (const [name, begin, wire] of [
  ['LMTP', {}, { protocol: 'lmtp' }],
  ['PRDR', { prdr: true }, {}],
] as const) {
  test(`with ${name} each RCPT has an answer of its own`, async () => {
    const heard: string[] = []
    const refused = [[handler('refused', ({ recipient, plugin }) => void heard.push(`${plugin} ${recipient}`))]]
    const send = async (table: Partial<HookTable>, ...recipients: readonly string[]) => {
      const { client, taken } = open({ refused, ...table }, {}, wire)
      await client.begin('from@client.test', begin)
      for (const to of recipients) await client.rcpt(to)
      return { codes: codesOf(await client.data()), taken }
    }
    const no = () => reject('no', { status: '5.7.1', code: 554, ...forOnly(B) })
    assert.deepEqual(await send(judging([no]), A, B, C, B), { codes: [250, 554, 250, 554], taken: [['x: a c']] })
    assert.deepEqual(heard.splice(0), ['p b@x.test', 'p b@x.test'])
    assert.deepEqual(await send(judging([() => defer('all')]), A, A), { codes: [451, 451], taken: [] })
    const some = ({ deliveries }: QueueContext): Receipt => {
      const [first = assert.fail()] = deliveries?.[0]?.recipients ?? []
      return { id: '7', refused: [{ recipient: first, refusal: reject('full', { status: '5.2.2', code: 552 }) }] }
    }
    assert.deepEqual((await send({ queue: [handler('queue', some)] }, A, B)).codes, [552, 250])
    assert.deepEqual((await send({ queue: [handler('queue', fails)] }, A, B)).codes, [451, 451])
  })
}

test('points decide when nobody else has, for each recipient by its own', async () => {
  const points = (sum: number): Partial<HookTable> => ({ ...judging([() => suspect(sum, 'x')]) })
  const levels = { quarantine: 3, defer: 5, reject: 7, domains: { 'strict.test': { reject: 2 } } }
  const codes = async (sum: number, to: string = A) => {
    const { client, made } = open(
      { ...points(sum), quarantine: [handler('quarantine', () => ({ id: 'q' }))] },
      { thresholds: levels },
    )
    await client.send(to)
    return [String(reply(made)).slice(0, 9), made.lines[0]?.['thresholds'], made.lines[0]?.['receipt']]
  }
  assert.deepEqual(await codes(2.5), ['250 2.0.0', undefined, '7'])
  assert.deepEqual(await codes(3), ['250 2.0.0', [{ level: 'quarantine', at: 3, points: 3, to: [A] }], 'q'])
  assert.deepEqual(await codes(5), ['451 4.7.1', [{ level: 'defer', at: 5, points: 5, to: [A] }], undefined])
  assert.deepEqual(await codes(7), ['550 5.7.1', [{ level: 'reject', at: 7, points: 7, to: [A] }], undefined])
  assert.deepEqual(await codes(2, 'a@strict.test'), [
    '550 5.7.1',
    [{ level: 'reject', at: 2, points: 2, to: ['a@strict.test'] }],
    undefined,
  ])
  const accepted = open(judging([() => [suspect(9, 'x'), accept()]]), { thresholds: levels })
  await accepted.client.send(A)
  assert.match(String(reply(accepted.made)), /^250 /)
})

test('points of the connection, the message and the recipient are one sum; whoever logged in is spared the first', async () => {
  const table = {
    connect: [[handler('connect', () => suspect(1, 'x'))]],
    mail: [[handler('mail', () => suspect(2, 'x'))]],
    rcpt: [[handler('rcpt', ({ recipient }) => suspect(recipient?.local === 'b' ? 4 : 0, 'x'))]],
  }
  for (const [login, at] of [
    [false, 7],
    [true, 6],
  ] as const) {
    const { client, made } = open(table, { thresholds: { reject: 6 }, mixed: 'strictest' })
    if (login) client.stages.authenticated('alice')
    await client.stages.connect()
    assert.deepEqual(await client.send(A, B), [250, 250, 550])
    assert.deepEqual(made.lines[0]?.['thresholds'], [{ level: 'reject', at: 6, points: at, to: [B] }])
  }
})

test('quarantine gets each reason by itself, before the queue gets the rest', async () => {
  const aside: string[] = []
  const table = {
    ...judging([() => [quarantine('one', forOnly(A)), quarantine('two', forOnly(B)), quarantine('one', forOnly(C))]]),
    quarantine: [
      handler('quarantine', ({ deliveries, reason }) => ({
        id: String(aside.push(`${reason}: ${shown(deliveries)}`)),
      })),
    ],
  }
  const { client, taken } = open(table)
  assert.deepEqual(await client.send(A, B, C, 'd@x.test'), [250, 250, 250, 250, 250])
  assert.deepEqual(aside, ['one: x: a c', 'two: x: b'])
  assert.deepEqual(taken, [['x: d']])
  const nobody = open(judging([() => quarantine('x')]))
  assert.deepEqual(await nobody.client.send(A), [250, 451])
  assert.deepEqual(nobody.taken, [])
})

test('what goes to nobody is taken and dropped', async () => {
  const route = [handler('route', ({ recipient }) => ({ via: recipient?.local === 'a' ? 'discard' : 'x' }))]
  const { client, taken } = open({ route })
  assert.deepEqual(await client.send(A, B), [250, 250, 250])
  assert.deepEqual(taken, [['x: b']])
  assert.deepEqual(await client.send(A), [250, 250])
  assert.equal(taken.length, 1)
  const also = [handler('route', () => ({ via: 'discard', also: [{ via: 'x' }] }))]
  const both = open({ route: also })
  assert.deepEqual(await both.client.send(A), [250, 250])
  assert.deepEqual(both.taken, [['x: a']])
})

test('those who share a route travel together', () => {
  const to = (local: string, route: RoutedRecipient['route']): RoutedRecipient => ({
    address: addressOf(local),
    parameters: {},
    route,
  })
  const of = (...recipients: readonly RoutedRecipient[]) => shown(group(recipients))
  const [h, s] = [
    { via: 'x', host: 'h' },
    { via: 'x', settings: { a: 1, b: 2 } },
  ]
  assert.deepEqual(of(to('a', h)), ['x: a'])
  assert.deepEqual(of(to('a', h), to('b', { ...h })), ['x: a b'])
  assert.deepEqual(of(to('a', s), to('b', { via: 'x', settings: { b: 2, a: 1 } })), ['x: a b'])
  const others = [{ via: 'y' }, { ...h, host: 'i' }, { ...h, port: 1 }, s, { ...h, to: [addressOf('z')] }, { via: 'x' }]
  assert.equal(of(to('a', h), ...others.map((route) => to('b', route)))?.length, 7)
  assert.deepEqual(of(to('a', { via: 'x', also: [{ via: 'y' }] })), ['x: a', 'y: a'])
  assert.deepEqual(of(to('a', { via: 'x', also: [{ via: 'y' }] }), to('b', { via: 'y' })), ['x: a', 'y: a b'])
  assert.deepEqual(of(), [])
})

test('the mark is for those who get the message, with score and reasons', async () => {
  const says = () => [suspect(3, 'bad (very) \u{1F4A9}'), suspect(1.25, 'y'.repeat(80)), accept()]
  const hidden = handler('message', () => suspect(50, 'hidden'), { shadow: true })
  const table = { message: [[handler('message', says, { plugin: 'q' }), hidden]] }
  const { client, made, text } = open(table, { thresholds: { tag: 4, subject: '[SPAM] ' } })
  await client.send(A)
  const marked = await text()
  assert.match(marked, /^X-Spam-Flag: YES\r\nX-Spam-Score: 4\.25 \(q=3 bad \?very\? \?\?,/)
  assert.match(marked.replace(/\r\n\s/g, ' '), / q=1\.25 y{60}\)\r\n/)
  assert.match(marked, /\r\nSubject: \[SPAM\] x\r\n/)
  assert.deepEqual(made.lines[0]?.['thresholds'], [{ level: 'tag', at: 4, points: 4.25, to: [A] }])
  const plain = open(table, { thresholds: { tag: 4 } })
  await plain.client.send(A)
  assert.match(await plain.text(), /\r\nSubject: x\r\n/)
  for (const thresholds of [{ tag: 5 }, {}, { domains: { 'y.test': { tag: 1 } } }]) {
    const clean = open(table, { thresholds })
    await clean.client.send(A)
    assert.match(await clean.text(), /^Received: /)
  }
})

test('the mark counts what was said of the recipient alone, and has the highest score of those who get it', async () => {
  const rcpt = [[handler('rcpt', ({ recipient }) => suspect(recipient?.local === 'a' ? 2 : 1, 'x'))]]
  const { client, text } = open({ rcpt, ...judging([() => suspect(3, 'y')]) }, { thresholds: { tag: 5 } })
  await client.send(A, B)
  assert.match(await text(), /\r\nX-Spam-Score: 5 /)
})

test('marks that others made are taken out; whoever gets nothing marks nothing', async () => {
  const table = { message: [[handler('message', () => [suspect(5, 'x'), discard('gone', forOnly(A))])]] }
  const domains = { 'x.test': { tag: 5 } }
  const { client, text, made } = open(table, { thresholds: { domains } })
  await client.begin()
  for (const to of [A, 'b@y.test']) await client.rcpt(to)
  await client.data('X-Spam-Flag: NO\r\nX-Spam-Score: 0\r\nSubject: x\r\n\r\n')
  assert.match(await text(), /^Received: /)
  assert.equal(made.lines[0]?.['thresholds'], undefined)
  const other = open(table, { thresholds: { domains } })
  await other.client.begin()
  for (const to of [A, B]) await other.client.rcpt(to)
  await other.client.data('X-Spam-Flag: NO\r\nX-Spam-Score: 0\r\nSubject: x\r\n\r\n')
  assert.equal((await other.text()).match(/^X-Spam-/gm)?.length, 2)
  const many = { message: [[handler('message', () => Array.from({ length: 30 }, (_, i) => suspect(1, `r${i}`)))]] }
  const long = open(many, { thresholds: { tag: 1 } })
  await long.client.send(A)
  assert.equal((await long.text()).replace(/\r\n\s/g, ' ').match(/p=1 r\d+/g)?.length, 20)
})

test('the message is rewritten before it is taken, or refused', async () => {
  const add = handler('rewrite', ({ message }) => (message as Message).withHeader('X-New', '1')) // there is one at this hook
  const { client, text } = open({ rewrite: [add] })
  await client.send(A)
  assert.match(await text(), /^X-New: 1\r\nReceived: /)
  const failing = open({ rewrite: [handler('rewrite', fails, { onError: 'reject' })] })
  assert.deepEqual(await failing.client.send(A), [250, 554])
  assert.deepEqual(failing.taken, [])
})

test('the trace field names one recipient, and never several, RFC 5321 §7.2', async () => {
  const received = async (
    recipients: readonly string[],
    verb: 'HELO' | 'EHLO' | undefined,
    wire: ConstructorParameters<typeof Client>[1] = {},
  ) => {
    const { client, text } = open({}, {}, wire)
    if (verb) await client.stages.helo('client.test', verb)
    await client.mail()
    for (const to of recipients) await client.rcpt(to)
    await client.data()
    return (await text()).replace(/\r\n\s/g, ' ').split('\r\n')[0] ?? ''
  }
  assert.match(
    await received([A], 'EHLO'),
    /^Received: from client\.test \(.*192\.0\.2\.1.*\) by mx\.test .*with ESMTP .*for <a@x\.test>/,
  )
  assert.doesNotMatch(await received([A, B], 'EHLO'), /for </)
  assert.match(await received([A], 'HELO'), / with SMTP /)
  assert.match(await received([A], undefined), /^Received: from unknown .* with SMTP /)
  assert.match(await received([A], 'EHLO', { protocol: 'lmtp' }), / with LMTP /)
  assert.match(await received([A], 'EHLO', { tls: { version: 'TLSv1.3', cipher: 'X' } }), / with ESMTPS /)
})

test('a message that cannot be kept is deferred, and the log says why', async () => {
  const { client, made } = open(
    {},
    { spool: `${import.meta.filename}/no-folder`, memory: { open: () => 1, share: () => 1, close: () => undefined } },
  )
  await client.begin()
  await client.rcpt(A)
  await client.stages.data()
  await Promise.resolve(client.stages.content().write(Buffer.from(`A: b\r\n\r\n${'x'.repeat(300_000)}`))).catch(
    () => undefined,
  )
  const said = (await client.stages.message()) as WireReply // of one recipient
  assert.deepEqual(withoutId(said), { code: 451, status: '4.3.0', text: 'Local error in processing, try again later' })
  assert.deepEqual(
    made.logged.map(([level, text]) => `${level} ${text}`),
    ['error a message could not be processed'],
  )
  assert.equal(reply(made), '451 4.4.2 Connection lost before the end of the message')
})

test('a message whose client has gone while it was judged is not taken: nobody has looked at it to the end', async () => {
  let changed = 0
  const rewrite = [handler('rewrite', () => void changed++)]
  const { client, taken } = open({ ...judging([() => new Promise(() => undefined)]), rewrite })
  await client.begin()
  await client.rcpt(A)
  const reply = client.data()
  await new Promise((resolve) => setImmediate(resolve))
  client.close('client')
  assert.deepEqual([codesOf(await reply), taken, changed], [[451], [], 0])
})
