/** What leaves is another message, perhaps to others: who gets it, who is told what, and what is written down. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAll } from '@postroad/mail'
import { messageFromBytes } from '@postroad/message'
import {
  type Message,
  quarantine,
  type Receipt,
  type Rewrite,
  type RewriteOptions,
  reject,
  rewrite,
} from '@postroad/plugin'
import { addressOf, Client, codesOf, ground, handler } from '../fixture.test.ts'
import type { Handler, HookContexts } from '../plan/handler.ts'
import type { HookTable } from '../plan/hook-table.ts'
import type { Scope } from '../session/scope.ts'

const [A, B, C] = ['a@x.test', 'b@x.test', 'c@x.test'] as const
const [a, b, archive, other] = ['a@x.test', 'b@x.test', 'archive@y.test', 'other@y.test'].map(addressOf) as [
  never,
  never,
  never,
  never,
]

/** A scope that routes all but `nowhere@`, whose queue takes everything and says what it was given. */
function open(
  rewriting: readonly Handler[],
  table: Partial<HookTable> = {},
  more: Partial<Scope> = {},
  wire: ConstructorParameters<typeof Client>[1] = {},
) {
  const taken: string[] = []
  const keep = async ({ deliveries, envelope, message }: HookContexts['queue']): Promise<Receipt> => {
    const text = String(await readAll(message))
    const to = deliveries
      .map(({ route, recipients }) => `${route.via}: ${recipients.map(({ address }) => address).join(' ')}`)
      .join('; ')
    // Whom a plugin refuses at `message` is in the envelope, and is not carried.
    const named = envelope.recipients.map(({ address }) => String(address))
    const carried = deliveries.flatMap(({ recipients }) => recipients.map(({ address }) => String(address)))
    assert.deepEqual(
      named.filter((one) => carried.includes(one)),
      carried,
    )
    taken.push(`${envelope.from ?? '<>'} -> ${to}${text.includes('new') ? ' (new)' : ''}`)
    return { id: '7' }
  }
  const route = ({ recipient }: HookContexts['route']) =>
    recipient.local === 'nowhere' ? undefined : { via: recipient.domain === 'y.test' ? 'y' : 'x' }
  const made = ground(
    { route: [handler('route', route)], queue: [handler('queue', keep)], rewrite: rewriting, ...table },
    more,
  )
  return { made, client: new Client(made, wire), taken }
}
const edits = (options: RewriteOptions | (() => unknown), more: Partial<Handler> = {}): Handler =>
  handler('rewrite', typeof options === 'function' ? options : () => rewrite(options), more)

test('a recipient is added, removed, the sender is another: the client is told of those it named', async () => {
  const { client, taken, made } = open([
    edits({ from: null, add: [archive, { address: other, parameters: { notify: [] } }], remove: [a] }),
  ])
  assert.deepEqual(await client.send(A, B), [250, 250, 250])
  assert.deepEqual(taken, ['<> -> x: b@x.test; y: archive@y.test other@y.test'])
  const [line = assert.fail()] = made.lines
  assert.deepEqual([line['from'], line['to']], ['from@client.test', [A, B]])
  assert.deepEqual(line['rewritten'], { from: '', add: ['archive@y.test', 'other@y.test'], remove: [A] })
})

test('each handler sees what the ones before have left; edits that undo each other are none', async () => {
  const seen: string[] = []
  const look = handler(
    'rewrite',
    ({ envelope }) => void seen.push(`${envelope.from} ${envelope.recipients.map(({ address }) => address.local)}`),
  )
  const { client, taken, made } = open([
    edits({ add: [archive], remove: [a] }),
    look,
    edits({ add: [archive, a, b], from: other }),
    look,
    edits({ remove: [archive], from: addressOf('from@client.test') }),
    look,
  ])
  await client.send(A, B)
  assert.deepEqual(seen, ['from@client.test b,archive', 'other@y.test a,b,archive', 'from@client.test a,b'])
  assert.deepEqual(taken, ['from@client.test -> x: a@x.test b@x.test'])
  assert.deepEqual(made.lines[0]?.['rewritten'], { from: 'from@client.test' })
})

test('a message that goes to nobody any more is answered, and not carried', async () => {
  const { client, taken } = open([edits({ remove: [a, b] })])
  assert.deepEqual(await client.send(A, B), [250, 250, 250])
  assert.deepEqual(taken, [])
  const redirected = open([edits({ remove: [a], add: [archive] })])
  assert.deepEqual(await redirected.client.send(A), [250, 250])
  assert.deepEqual(redirected.taken, ['from@client.test -> y: archive@y.test'])
})

test('an added recipient without a route defers the message, or is left out if the operator says so', async () => {
  const nowhere = edits({ add: [addressOf('nowhere@y.test')] }, { plugin: 'q' })
  const deferred = open([nowhere])
  assert.deepEqual(await deferred.client.send(A), [250, 451])
  assert.equal(
    deferred.made.lines[0]?.['reply'],
    '451 4.3.5 This message cannot be sent on at the moment, try again later',
  )
  assert.deepEqual(deferred.taken, [])
  const dropped = open([nowhere], {}, { added: 'drop' })
  assert.deepEqual(await dropped.client.send(A), [250, 250])
  assert.deepEqual(dropped.taken, ['from@client.test -> x: a@x.test'])
  for (const { made } of [deferred, dropped])
    assert.deepEqual(
      made.logged.map(([level, text]) => [level, text]),
      [['error', 'an added recipient has no route: whoever adds it needs a plugin that routes it']],
    )
})

test('an added recipient whose way nobody takes, or whose route fails, is one without', async () => {
  const carries = (via: string): boolean => via === 'x'
  const { client } = open([edits({ add: [archive] })], { queue: [handler('queue', () => ({ id: '1' }), { carries })] })
  assert.deepEqual(await client.send(A), [250, 451])
  const route = ({ recipient }: HookContexts['route']) => {
    if (recipient.domain === 'y.test') throw new Error('no database')
    return { via: 'x' }
  }
  const failing = open([edits({ add: [archive] })], { route: [handler('route', route)] })
  assert.deepEqual(await failing.client.send(A), [250, 451])
})

test('an added recipient that the next hop refuses: the client comes again, or is not told', async () => {
  const refusing = ({ deliveries }: HookContexts['queue']): Receipt => {
    const refused = deliveries
      .flatMap(({ recipients }) => recipients)
      .filter(({ address }) => address.domain === 'y.test')
    return {
      id: '1',
      refused: refused.map((recipient) => ({ recipient, refusal: reject('no such user', { status: '5.1.1' }) })),
    }
  }
  const queue = [handler('queue', refusing)]
  assert.deepEqual(await open([edits({ add: [archive] })], { queue }).client.send(A), [250, 451])
  assert.deepEqual(await open([edits({ add: [archive] })], { queue }, { added: 'drop' }).client.send(A), [250, 250])
})

test('LMTP: each recipient of the client has its reply, whatever became of the envelope', async () => {
  const { client, taken } = open([edits({ add: [archive], remove: [b] })], {}, {}, { protocol: 'lmtp' })
  await client.begin()
  for (const to of [A, B, C]) await client.rcpt(to)
  assert.deepEqual(codesOf(await client.data()), [250, 250, 250])
  assert.deepEqual(taken, ['from@client.test -> x: a@x.test c@x.test; y: archive@y.test'])
})

test('PRDR: the same over SMTP, and one whom a plugin refuses hears so by itself', async () => {
  const message = [[handler('message', () => reject('no', { for: [addressOf(C)] }))]]
  const { client, taken } = open([edits({ add: [archive], remove: [b] })], { message })
  await client.begin(undefined, { prdr: true })
  for (const to of [A, B, C]) await client.rcpt(to)
  assert.deepEqual(codesOf(await client.data()), [250, 250, 550])
  assert.deepEqual(taken, ['from@client.test -> x: a@x.test; y: archive@y.test'])
})

test('where nobody of the client passes nobody is added; who is removed is set aside all the same', async () => {
  const kept: string[] = []
  const keep = handler('quarantine', ({ deliveries }) => {
    kept.push(...deliveries.flatMap(({ recipients }) => recipients.map(({ address }) => address.toString())))
    return { id: 'q' }
  })
  const { client, taken } = open([edits({ add: [archive], remove: [a] })], {
    quarantine: [keep],
    message: [[handler('message', () => quarantine('no'))]],
  })
  assert.deepEqual(await client.send(A), [250, 250])
  assert.deepEqual([taken, kept], [[], [A]])
})

test('a handler that runs in the shadow changes nothing; one that answers nonsense is a failure', async () => {
  const shadow = open([edits({ add: [archive], message: undefined as never }, { shadow: true })])
  assert.deepEqual(await shadow.client.send(A), [250, 250])
  assert.deepEqual(shadow.taken, ['from@client.test -> x: a@x.test'])
  const foreign = (): Message => messageFromBytes(Buffer.from('Subject: new\r\n\r\n'))
  for (const answer of [
    foreign,
    () => ({ kind: 'rewrite', message: foreign() }),
    () => ({ kind: 'rewrite', add: ['x@y.test'] }),
    () => reject('no'),
  ]) {
    const { client, taken } = open([edits(answer)])
    assert.deepEqual([await client.send(A), taken], [[250, 451], []])
  }
})

test('another body leaves with the envelope as it was, and is freed when nobody reads it any more', async () => {
  let changed: Message | undefined
  const body = handler('rewrite', async ({ message }) => {
    changed = await message.withBody([Buffer.from('new\r\n')])
    return changed
  })
  const gone = handler('accepted', async ({ message }) => {
    await new Promise((resolve) => setImmediate(resolve))
    assert.match(String(await readAll(message)), /new/)
  })
  const { client, taken } = open([body, edits({ add: [archive] })], { accepted: [[gone]] })
  assert.deepEqual(await client.send(A), [250, 250])
  assert.deepEqual(taken, ['from@client.test -> x: a@x.test; y: archive@y.test (new)'])
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  await assert.rejects(readAll(changed as Message), { code: 'ERR_BODY_DISPOSED' }) // it was just made
})

test('rewrite() takes what can be an edit', () => {
  const made: Rewrite = rewrite({ add: [archive] })
  assert.deepEqual(made, { kind: 'rewrite', add: [archive] })
  for (const [wrong, text] of [
    [{}, /no edit is given/],
    [{ drop: [] }, /there is no edit "drop"; there are message, from, add, remove/],
    [{ from: undefined }, /from must be an address, or null for <>/],
    [{ add: 'x' }, /add must be an array of addresses/],
    [null, /edits must be an object/],
  ] as const)
    assert.throws(() => rewrite(wrong as never), text)
})
