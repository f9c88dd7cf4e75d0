/** Judging for another server: what plugins say comes out as a value, and nothing is routed, taken or traced. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memorySource, readAll } from '@postroad/mail'
import {
  accept,
  defer,
  discard,
  type JudgedContext,
  type MessageContext,
  quarantine,
  reject,
  rewrite,
  suspect,
} from '@postroad/plugin'
import type { Judgement, Wire } from '@postroad/smtp'
import { addressOf, Client, type Ground, ground, handler } from '../fixture.test.ts'
import type { HookTable } from '../plan/hook-table.ts'
import { judging } from '../plan/judging.ts'
import type { Scope } from '../session/scope.ts'

const [A, B, C] = ['a@x.test', 'b@x.test', 'c@x.test'] as const
const fails = (): never => {
  throw new Error('x')
}
const never = (hook: string) => () => assert.fail(`${hook} was asked`)

/** What belongs to the server in charge fails when it is asked. */
function filter(table: Partial<HookTable> = {}, more: Partial<Scope> = {}): Ground {
  const belongs = {
    route: [handler('route', never('route'))],
    queue: [handler('queue', never('queue'))],
    quarantine: [handler('quarantine', never('quarantine'))],
    accepted: [[handler('accepted', never('accepted'))]],
  }
  return ground(judging({ ...belongs, ...table, plugins: ['p', 'q'] }), { role: 'filter', ...more })
}

async function begun(made: Ground, to: readonly string[] = [A], more: Partial<Wire> = {}): Promise<Client> {
  const client = new Client(made, { protocol: 'milter', ...more })
  await client.begin()
  for (const one of to) assert.equal(await client.rcpt(one), 250)
  return client
}

const at = (run: (context: MessageContext) => unknown, more = {}) => ({ message: [[handler('message', run, more)]] })
const shown = ({ outcome, reason, reply }: Judgement) =>
  [outcome, reason, reply && `${reply.code} ${reply.status}`].filter((one) => one !== undefined).join(' ')
const fields = ({ edits }: Judgement) =>
  edits?.headers.map((edit) => (edit.kind === 'delete' ? `-${edit.name}` : String(edit.raw).trim()))

test('the next hop is asked with a route of its own, and nobody else who belongs to the server in charge', async () => {
  const routes: string[] = []
  const made = filter({ nexthop: [[handler('nexthop', ({ route }) => void routes.push(route.via))]] })
  const judgement = await (await begun(made, [A, B])).judge()
  assert.deepEqual(shown(judgement), 'pass')
  assert.deepEqual(routes, ['elsewhere', 'elsewhere'])
  assert.deepEqual([judgement.edits, judgement.envelope], [undefined, undefined])
})

test('a recipient may be refused, and by what is asked about the next hop', async () => {
  const made = filter({ nexthop: [[handler('nexthop', () => defer('full', { status: '4.7.1', code: 450 }))]] })
  const client = new Client(made, { protocol: 'milter' })
  await client.begin()
  assert.equal(await client.rcpt(A), 450)
})

for (const [name, answer, expected] of [
  ['nothing', undefined, 'pass'],
  ['accept', accept(), 'pass'],
  ['reject', reject('no', { status: '5.7.1', code: 554 }), 'refuse 554 5.7.1'],
  ['defer', defer('later', { status: '4.7.1', code: 451 }), 'refuse 451 4.7.1'],
  ['quarantine', quarantine('odd'), 'quarantine odd'],
  ['discard', discard('spam'), 'discard spam'],
] as const)
  test(`${name} for all comes out as it is`, async () => {
    for (const run of [() => answer, async () => answer]) {
      const made = filter(at(run))
      assert.equal(shown(await (await begun(made, [A, B])).judge()), expected)
      const [line = assert.fail()] = made.lines
      assert.equal((line['judged'] as Judgement).outcome, expected.split(' ')[0])
      assert.equal(line['protocol'], 'milter')
    }
  })

test('a handler that fails is worth what the operator said', async () => {
  assert.equal(shown(await (await begun(filter(at(fails)))).judge()), 'refuse 451 4.3.0')
  assert.equal(shown(await (await begun(filter(at(fails, { onError: 'reject' })))).judge()), 'refuse 554 5.3.0')
  assert.equal(shown(await (await begun(filter(at(fails, { onError: 'pass' })))).judge()), 'pass')
  assert.equal(shown(await (await begun(filter(at(() => reject('x'), { shadow: true })))).judge()), 'pass')
})

test('thresholds decide, with the mark as an edit; where only the envelope is asked about by points alone', async () => {
  const thresholds = { tag: 2, quarantine: 5, reject: 9 }
  const of = (points: number) =>
    filter(
      at(() => suspect(points, 'odd')),
      { thresholds },
    )
  const tagged = await (await begun(of(3))).judge()
  assert.equal(shown(tagged), 'pass')
  assert.deepEqual(fields(tagged)?.toReversed(), ['X-Spam-Flag: YES', 'X-Spam-Score: 3 (p=3 odd)'])
  assert.match(shown(await (await begun(of(6))).judge()), /^quarantine /)
  assert.match(shown(await (await begun(of(9))).judge()), /^refuse 55\d /)
  const rcpt = { rcpt: [[handler('rcpt', () => suspect(9, 'odd'))]] }
  const policy = await begun(filter(rcpt, { thresholds }), [A], { protocol: 'policy' })
  assert.match(shown(await policy.stages.judge()), /^refuse 55\d /)
  assert.equal(shown(await (await begun(filter(), [A], { protocol: 'policy' })).stages.judge()), 'pass')
  const mild = { rcpt: [[handler('rcpt', () => suspect(3, 'odd'))]] }
  const marked = await (await begun(filter(mild, { thresholds }), [A], { protocol: 'policy' })).stages.judge()
  assert.deepEqual([shown(marked), fields(marked)], ['pass', ['X-Spam-Flag: YES']])
})

test('where answers differ the client comes again one by one; a discard for some removes them', async () => {
  for (const some of [reject('no', { for: [addressOf(A)] }), quarantine('odd', { for: [addressOf(A)] })]) {
    const made = filter(at(() => some))
    const client = await begun(made, [A, B])
    assert.equal(shown(await client.judge()), 'refuse 451 4.5.3')
    await client.mail()
    assert.deepEqual([await client.rcpt(A), await client.rcpt(B)], [250, 452])
  }
  const held = filter(
    at(() => quarantine('odd', { for: [addressOf(A)] })),
    { mixed: 'strictest' },
  )
  assert.equal(shown(await (await begun(held, [A, B])).judge()), 'quarantine odd')
  const judgement = await (await begun(filter(at(() => discard('spam', { for: [addressOf(B)] }))), [A, B, C])).judge()
  assert.equal(shown(judgement), 'pass')
  assert.deepEqual(judgement.envelope?.remove.map(String), [B])
})

test('edits of header, body and envelope are the difference to what came', async () => {
  const run = async ({ message }: MessageContext) =>
    rewrite({
      message: (await message.withBody(memorySource([Buffer.from('other\r\n')]).raw()))
        .withHeader('X-New', 'y')
        .withoutHeader('Subject'),
      from: null,
      add: [addressOf(C)],
      remove: [addressOf(B)],
    })
  let open = 0
  const memory = { open: () => ++open * 65_536, close: () => void open--, share: () => 65_536 }
  const made = filter({ rewrite: [handler('rewrite', run)] }, { memory })
  const judgement = await (await begun(made, [A, B])).judge()
  assert.equal(open, 1, 'the other body is not read yet')
  assert.deepEqual(fields(judgement), ['-Subject', 'X-New: y'])
  const { envelope, edits } = judgement
  assert.deepEqual([envelope?.from, envelope?.add.map(({ address }) => String(address))], [null, [C]])
  assert.deepEqual(envelope?.remove.map(String), [B])
  const octets: Uint8Array[] = []
  for await (const chunk of edits?.body?.() ?? assert.fail()) octets.push(chunk)
  assert.equal(Buffer.concat(octets).toString(), 'other\r\n')
  judgement.dispose()
  judgement.dispose()
  assert.equal(open, 0, 'once')
  await (await begun(made, [A, B])).judge('Subject: y\r\n\r\n').then(({ edits }) => assert.ok(edits?.body))
  const plain = await (await begun(filter({}, { memory }), [A])).judge()
  assert.deepEqual([open, plain.edits], [1, undefined], 'without another body nothing is kept')
})

test('who listens for content, and none comes, hears that it is over', async () => {
  const heard: string[] = []
  const sink = {
    write: () => void heard.push('write'),
    end: () => void heard.push('end'),
    abort: () => void heard.push('abort'),
  }
  const made = filter({ receive: [handler('receive', () => sink)] })
  const client = await begun(made, [A], { protocol: 'policy' })
  assert.equal(await client.stages.data(), undefined)
  assert.equal(shown(await client.stages.judge()), 'pass')
  assert.deepEqual(heard, ['abort'])
  client.close()
  assert.deepEqual(heard, ['abort'])
})

test('edits that undo each other are none, and a message that goes to nobody is discarded', async () => {
  const same = (): unknown => rewrite({ from: addressOf('from@client.test'), add: [addressOf(A)] })
  const judgement = await (await begun(filter({ rewrite: [handler('rewrite', same)] }))).judge()
  assert.deepEqual([shown(judgement), judgement.envelope], ['pass', undefined])
  const none = filter({ rewrite: [handler('rewrite', () => rewrite({ remove: [addressOf(A)] }))] })
  assert.equal(shown(await (await begun(none)).judge()), 'discard no recipient was left')
})

test('who listens at judged hears of it, and reads the message as long as it likes', async () => {
  const heard: unknown[] = []
  let done = (): void => undefined
  const isHeard = new Promise<void>((resolve) => {
    done = resolve
  })
  const judged = async ({ outcome, queueId, message, points }: JudgedContext) => {
    await new Promise((resolve) => setImmediate(resolve))
    heard.push(outcome, queueId, points, message && String(await readAll(message)))
    done()
  }
  const made = filter({ ...at(() => suspect(1, 'x')), judged: [[handler('judged', judged)]] })
  const judgement = await (await begun(made, [A], { queueId: '4XQ' })).judge()
  judgement.dispose()
  await isHeard
  assert.deepEqual(made.logged, [])
  assert.deepEqual(heard, ['pass', '4XQ', 1, 'Subject: x\r\n\r\nx\r\n'])
  assert.deepEqual(
    made.lines.map((line) => line['judged']),
    [{ outcome: 'pass', reason: undefined, queueId: '4XQ' }],
  )
})

test('an identity is that of the message with which the server in charge says it', async () => {
  const seen: unknown[] = []
  const made = filter({ mail: [[handler('mail', ({ session }) => void seen.push(session.identity?.name))]] })
  const said: { identity?: { name: string } | undefined } = { identity: { name: 'alice' } }
  const client = new Client(made, { protocol: 'milter' }, () => said)
  await client.begin()
  await client.rcpt(A)
  ;(await client.judge()).dispose()
  said.identity = undefined
  await client.mail()
  assert.deepEqual(seen, ['alice', undefined])
})

test('what fails here is refused for now, and what was not begun cannot be judged', async () => {
  const client = await begun(
    filter({}, { spool: '/dev/null/none', memory: { ...ground().scope.memory, open: () => 0 } }),
  )
  assert.equal(
    shown(await client.judge(`A: b\r\n\r\n${'x'.repeat(200_000)}`).catch(() => client.stages.judge())),
    'refuse 451 4.3.0',
  )
  await assert.rejects(new Client(filter(), { protocol: 'milter' }).stages.judge(), {
    message: 'there is no transaction',
  })
  const looping = await begun(filter())
  assert.equal(shown(await looping.judge('Received: x\r\n'.repeat(101))), 'refuse 554 5.4.6')
})

test('the session says its role, and a session of ours has the other one', async () => {
  const roles: string[] = []
  const connect = { connect: [[handler('connect', ({ session }) => void roles.push(session.role))]] }
  await new Client(filter(connect), { protocol: 'milter' }).stages.connect()
  await new Client(ground(connect)).stages.connect()
  assert.deepEqual(roles, ['filter', 'mta'])
})
