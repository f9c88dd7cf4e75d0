/** From connect to RCPT: what is refused when, by whom, and what the log says of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  accept,
  defer,
  type HeloContext,
  type HookName,
  type RcptContext,
  type Refusal,
  type Route,
  reject,
  suspect,
} from '@postroad/plugin'
import { addressOf, Client, type Ground, ground, handler, withoutId } from '../fixture.test.ts'
import type { Handler, HookContexts } from '../plan/handler.ts'
import type { HookTable } from '../plan/hook-table.ts'
import type { Scope } from '../session/scope.ts'

const X: Route = Object.freeze({ via: 'x' })
const NO = reject('no', { status: '5.7.1', code: 554 })
const LATER = defer('later', { status: '4.7.1', code: 450 })
const NO_REPLY = { code: 554, status: '5.7.1', text: 'no', disconnect: false }
const LATER_REPLY = { code: 450, status: '4.7.1', text: 'later', disconnect: false }
const soonAndLate = (answer: unknown) => [() => answer, async () => answer]
const wave = <K extends HookName>(hook: K, run: (context: HookContexts[K]) => unknown, more: Partial<Handler> = {}) => [
  [handler(hook, run, more)],
]
const routes = [handler('route', () => X)]

function open(
  table: Partial<HookTable> = {},
  more: Partial<Scope> = {},
): { readonly client: Client; readonly made: Ground } {
  const made = ground({ route: routes, ...table }, more)
  return { client: new Client(made), made }
}

/** Hears of every refusal: hook, plugin, code, recipient. */
function listening() {
  const heard: string[] = []
  const refused = wave('refused', (context) => {
    const { hook, plugin, refusal, recipient } = context
    heard.push(`${hook} ${plugin} ${(refusal as Refusal).code} ${recipient}`)
  })
  return { heard, refused }
}

test('without plugins there is nothing to say, and no route', async () => {
  const made = ground()
  const client = new Client(made)
  assert.equal(client.stages.connect(), undefined)
  assert.equal(client.stages.helo('h', 'EHLO'), undefined)
  assert.equal(client.mail(), undefined)
  assert.deepEqual(withoutId(await client.stages.rcpt(addressOf('a@x.test'), {})), {
    code: 550,
    status: '5.7.1',
    text: 'Relaying denied',
    disconnect: false,
  })
})

test('a refusal in place of the banner is 554, or 421 for now, and closes', async () => {
  for (const [opinion, code] of [
    [reject('no', { status: '5.7.1', code: 550 }), 554],
    [defer('later', { status: '4.7.1', code: 450 }), 421],
    [reject('no', { status: '5.7.1', code: 599 }), 554],
  ] as const)
    for (const run of soonAndLate(opinion)) {
      const { client } = open({ connect: wave('connect', run) }, { refuseAt: 'now' })
      assert.deepEqual(withoutId(await client.stages.connect()), {
        code,
        status: opinion.status,
        text: opinion.text,
        disconnect: true,
      })
    }
  const { client } = open({ connect: wave('connect', () => accept()) }, { refuseAt: 'now' })
  assert.equal(await client.stages.connect(), undefined)
})

for (const hook of ['connect', 'helo', 'mail'] as const) {
  const ask = async (client: Client) => {
    const connected = await client.stages.connect()
    const greeted = await client.stages.helo('h', 'EHLO')
    return [connected, greeted, await client.mail()].map((reply) => reply?.code)
  }

  test(`what ${hook} refuses is said at RCPT, or at once where the operator wants that`, async () => {
    for (const run of soonAndLate(NO)) {
      const { heard, refused } = listening()
      const { client } = open({ [hook]: wave(hook, run), refused })
      assert.deepEqual(await ask(client), [undefined, undefined, undefined])
      assert.deepEqual(withoutId(await client.stages.rcpt(addressOf('a@x.test'), {})), NO_REPLY)
      assert.equal(await client.rcpt('b@x.test'), 554)
      assert.deepEqual(heard, [`${hook} p 554 a@x.test`, `${hook} p 554 b@x.test`])
      const now = open({ [hook]: wave(hook, run) }, { refuseAt: 'now' })
      assert.deepEqual(
        (await ask(now.client)).filter((code) => code !== undefined),
        [554],
      )
    }
  })

  test(`an opinion of ${hook} that refuses nothing stands in nobody’s way`, async () => {
    for (const opinion of [accept(), suspect(1, 'x'), undefined])
      for (const run of soonAndLate(opinion))
        for (const refuseAt of ['rcpt', 'now'] as const) {
          const { client } = open({ [hook]: wave(hook, run) }, { refuseAt })
          assert.deepEqual(await ask(client), [undefined, undefined, undefined])
          assert.equal(await client.rcpt('a@x.test'), 250)
        }
  })

  test(`a refusal of ${hook} that disconnects is said as soon as it is known`, async () => {
    const gone = reject('go', { status: '5.7.1', code: 554, disconnect: true })
    const soon = open({ [hook]: wave(hook, () => gone) })
    assert.deepEqual(
      (await ask(soon.client)).filter((code) => code !== undefined),
      [554],
    )
    const late = open({ [hook]: wave(hook, async () => gone) })
    assert.deepEqual(await ask(late.client), [undefined, undefined, undefined])
    assert.equal(await late.client.rcpt('a@x.test'), 250)
    assert.deepEqual(
      late.client.disconnected.map(({ code }) => code),
      [554],
    )
  })
}

test('RCPT waits for all that is still being found out', async () => {
  for (const hook of ['connect', 'helo', 'mail'] as const) {
    let say: (opinion: unknown) => void = () => undefined
    const given = new Promise((resolve) => {
      say = resolve
    })
    const { client } = open({ [hook]: wave(hook, () => given) })
    await client.stages.connect()
    await client.begin()
    const reply = client.stages.rcpt(addressOf('a@x.test'), {})
    assert.ok(reply instanceof Promise)
    say(LATER)
    assert.deepEqual(withoutId(await reply), LATER_REPLY)
  }
  const { client } = open()
  await client.begin()
  assert.equal('code' in client.stages.rcpt(addressOf('a@x.test'), {}), true)
})

test('of several refusals that were delayed the earliest is said', async () => {
  const { heard, refused } = listening()
  const { client } = open({
    connect: wave('connect', () => NO),
    helo: wave('helo', () => LATER),
    mail: wave('mail', () => LATER),
    refused,
  })
  await client.stages.connect()
  await client.begin()
  assert.equal(await client.rcpt('a@x.test'), 554)
  const second = open({ helo: wave('helo', () => NO), mail: wave('mail', () => LATER), refused })
  await second.client.begin()
  assert.equal(await second.client.rcpt('a@x.test'), 554)
  assert.deepEqual(heard, ['connect p 554 a@x.test', 'helo p 554 a@x.test'])
})

test('a client that proved who it is has outlived connect and helo, and not mail', async () => {
  const { client } = open({ connect: wave('connect', () => NO), helo: wave('helo', () => NO) })
  client.stages.authenticated('alice')
  await client.stages.connect()
  await client.begin()
  assert.equal(await client.rcpt('a@x.test'), 250)
  const other = open({ mail: wave('mail', () => LATER) }).client
  other.stages.authenticated('alice')
  await other.begin()
  assert.equal(await other.rcpt('a@x.test'), 450)
})

test('what was said of a name goes with it, also when it comes late', async () => {
  const says = ({ helo }: HeloContext) => (helo?.name === 'bad' ? NO : undefined)
  for (const run of [says, async (context: HeloContext) => says(context)]) {
    const { client } = open({ helo: wave('helo', run) })
    await client.stages.helo('bad', 'EHLO')
    await client.begin()
    assert.equal(await client.rcpt('a@x.test'), 250)
  }
})

test('STARTTLS forgets what was learned of the client, RFC 3207 §4.2', async () => {
  const { client, made } = open({ helo: wave('helo', () => NO) })
  client.stages.authenticated('alice')
  await client.begin()
  client.stages.secured({ version: 'TLSv1.3', cipher: 'x' })
  await client.mail()
  assert.equal(await client.rcpt('a@x.test'), 250)
  client.stages.reset()
  assert.deepEqual([made.lines[0]?.['helo'], made.lines[0]?.['identity'], made.lines.length], [undefined, undefined, 1])
})

test('a recipient is refused by its own plugins, and by what the next hop says', async () => {
  for (const hook of ['rcpt', 'nexthop'] as const)
    for (const run of soonAndLate(NO)) {
      const { heard, refused } = listening()
      const asked: unknown[] = []
      const { client } = open({
        [hook]: wave(hook, (context) => {
          asked.push(`${context.recipient} ${'route' in context ? context.route.via : undefined}`)
          return run()
        }),
        refused,
      })
      await client.begin()
      assert.deepEqual(withoutId(await client.stages.rcpt(addressOf('a@x.test'), {})), NO_REPLY)
      assert.deepEqual(heard, [`${hook} p 554 a@x.test`])
      assert.deepEqual(asked, [`a@x.test ${hook === 'nexthop' ? 'x' : undefined}`])
      const passes = open({ [hook]: wave(hook, () => accept()) }).client
      await passes.begin()
      assert.deepEqual(await passes.stages.rcpt(addressOf('a@x.test'), {}), {
        code: 250,
        status: '2.1.5',
        text: 'Recipient ok',
      })
    }
})

test('whoever has no route is refused: by nobody, by a plugin, or because a plugin failed', async () => {
  const fails = (): never => {
    throw new Error('x')
  }
  const cases: [unknown, string][] = [
    [() => undefined, 'route undefined 550 a@x.test'],
    [async () => undefined, 'route undefined 550 a@x.test'],
    [() => LATER, 'route p 450 a@x.test'],
    [fails, 'route p 451 a@x.test'],
  ]
  for (const [run, expected] of cases) {
    const { heard, refused } = listening()
    const { client } = open({ route: [handler('route', run as () => unknown)], refused })
    await client.begin()
    assert.equal(String(await client.rcpt('a@x.test')), expected.split(' ')[2])
    assert.deepEqual(heard, [expected])
  }
})

test('who is named twice gets the message once, and is checked twice', async () => {
  let [checked, routed] = [0, 0]
  const { client, made } = open({
    rcpt: wave('rcpt', () => void checked++),
    route: [handler('route', () => (routed++ < 0 ? undefined : X))],
  })
  await client.begin()
  for (const to of ['a@x.test', 'a@x.test', 'b@x.test', 'a@x.test']) assert.equal(await client.rcpt(to), 250)
  assert.equal(await client.rcpt('a@x.test', { notify: ['NEVER'] }), 250)
  assert.deepEqual([checked, routed], [5, 3])
  client.stages.reset()
  assert.deepEqual(made.lines[0]?.['to'], ['a@x.test', 'b@x.test', 'a@x.test'])
  assert.deepEqual(made.lines[0]?.['rcpt'], [{ to: 'a@x.test', notify: ['NEVER'] }])
})

test('ways that no plugin takes, or none takes together, are refused at RCPT', async () => {
  const via = ({ recipient }: RcptContext): Route => ({ via: String(recipient?.local) })
  const takes = (...vias: readonly string[]) =>
    handler('queue', () => ({ id: '1' }), { carries: (way) => vias.includes(way) })
  const codes = async (queue: readonly Handler[], ...locals: readonly string[]) => {
    const { client, made } = open({ route: [handler('route', via)], queue })
    await client.begin()
    const said: number[] = []
    for (const local of locals) said.push(await client.rcpt(`${local}@x.test`))
    return [...said, ...made.logged.map(([level]) => level)]
  }
  assert.deepEqual(await codes([takes('a'), takes('b')], 'a', 'b', 'a'), [250, 452, 250])
  assert.deepEqual(await codes([takes('a', 'b')], 'a', 'b'), [250, 250])
  assert.deepEqual(await codes([takes('a')], 'c'), [451, 'error'])
  assert.deepEqual(await codes([takes('a')], 'a', 'discard'), [250, 250])
  assert.deepEqual(await codes([takes('a'), handler('queue', () => ({ id: '1' }))], 'c', 'a'), [250, 250])
  const shadow = handler('queue', () => ({ id: '1' }), { shadow: true })
  assert.deepEqual(await codes([shadow], 'a'), [451, 'error'])
  assert.deepEqual((await codes([takes()], ...Array(60).fill('c'))).filter((one) => one === 'error').length, 50)
})

test('a client whose answers differed sends to one recipient at a time', async () => {
  const { client, made } = open({ route: routes })
  made.scope.singleRecipientClients.add('192.0.2.1 from@client.test', made.scope.now())
  await client.begin()
  assert.equal(await client.rcpt('a@x.test'), 250)
  assert.deepEqual(withoutId(await client.stages.rcpt(addressOf('b@x.test'), {})), {
    code: 452,
    status: '4.5.3',
    text: 'One recipient at a time, please: send the others separately',
    disconnect: false,
  })
  client.stages.reset()
  await client.begin('other@client.test')
  assert.deepEqual([await client.rcpt('a@x.test'), await client.rcpt('b@x.test')], [250, 250])
})

test('a refused MAIL begins nothing', async () => {
  const { client, made } = open({ mail: wave('mail', () => NO) }, { refuseAt: 'now' })
  await client.stages.helo('client.test', 'EHLO')
  assert.deepEqual(withoutId(await client.mail()), NO_REPLY)
  assert.deepEqual(
    [made.lines.length, made.lines[0]?.['reply'], made.lines[0]?.['id']],
    [1, '554 5.7.1 no', `${made.lines[0]?.['id']}`],
  )
  client.stages.reset()
  assert.equal(made.lines.length, 1)
})

test('points of a connection, of a name and of MAIL are in the line of the transaction', async () => {
  const gives = (points: number) => () => suspect(points, 'x')
  const table = {
    connect: wave('connect', gives(1)),
    helo: wave('helo', gives(2)),
    mail: wave('mail', gives(4)),
    rcpt: wave('rcpt', gives(8)),
  }
  const { client, made } = open(table)
  await client.stages.connect()
  await client.begin()
  await client.rcpt('a@x.test')
  client.stages.reset()
  assert.equal(made.lines[0]?.['points'], 7)
})

test('points of a recipient who was refused are not the next one’s', async () => {
  const judges = ({ recipient }: RcptContext) => (recipient.local === 'b' ? [suspect(4, 'x'), NO] : undefined)
  const { client } = open(
    { rcpt: wave('rcpt', judges), queue: [handler('queue', () => ({ id: '1' }))] },
    { thresholds: { reject: 4 } },
  )
  assert.deepEqual(await client.send('b@x.test', 'a@x.test'), [554, 250, 250])
})
