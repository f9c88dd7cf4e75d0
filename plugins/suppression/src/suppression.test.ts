import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeAddress } from '@postroad/mail'
import {
  type CommandIo,
  DeliveryHooks,
  definePlugin,
  type Feedback,
  feedback,
  Store,
  Suppressions,
} from '@postroad/plugin'
import { createTestServer, type FakeClock, fakeClock, memoryStore, sessionOn, type TestServer } from '@postroad/testing'
import { suppression } from './index.ts'
import { SuppressionList } from './list.ts'
import { options as schema } from './options.ts'

const DAY = 86_400_000

/** Says what it is told of messages, as the plugin that reads reports does; and lets the test have the service. */
function reporter(said: () => readonly Feedback[], got: (list: Suppressions) => void) {
  return definePlugin({
    name: 'bounces',
    needs: { list: Suppressions },
    setup: ({ list }) => {
      got(list)
      return {
        message: {
          provides: [feedback],
          handler(context) {
            context.set(feedback, said())
          },
        },
      }
    },
  })()
}

interface Fixture {
  readonly server: TestServer
  readonly clock: FakeClock
  readonly list: Suppressions
  /** A report comes in. */
  hear(...said: Partial<Feedback>[]): Promise<void>
  /** Reply to RCPT for a recipient, and its text. */
  rcpt(to: string, from?: string): Promise<string>
  run(
    command: string,
    ...args: string[]
  ): Promise<{ readonly code: number; readonly rows: Record<string, unknown>[]; readonly said: string[] }>
}

async function on(options: Parameters<typeof suppression>[0], use: (fixture: Fixture) => Promise<void>): Promise<void> {
  const clock = fakeClock()
  let told: readonly Feedback[] = []
  let list: Suppressions | undefined
  const store = memoryStore(clock)
  const server = await createTestServer(
    [suppression({ clients: 'all', ...options }), reporter(() => told, (one) => (list = one))], // biome-ignore format: short
    { clock, services: [[Store, store]] },
  )
  try {
    assert.ok(list)
    await use({
      server,
      clock,
      list,
      async hear(...said) {
        const usual = {
          kind: 'failed',
          recipient: 'a@x.test',
          reported: 'a@x.test',
          from: 'news@shop.test',
          transaction: 'T1',
        } as const
        told = said.map((one) => ({ ...usual, ...one }))
        const { reply } = await sessionOn(server).mail('<>').rcpt('bounce@b.test').data('report')
        assert.equal(reply?.code, 250)
      },
      async rcpt(to, from = 'news@shop.test') {
        const { reply } = await sessionOn(server).mail(from).rcpt(to)
        return `${reply?.code} ${reply?.status} ${reply?.text}`
      },
      async run(command, ...args) {
        const rows: Record<string, unknown>[] = []
        const said: string[] = []
        const signal = new AbortController().signal
        const io: CommandIo = {
          json: false,
          row: (fields) => void rows.push(fields),
          print: (line) => void said.push(line),
          signal,
        }
        const code = (await server.server.commands.get('suppression')?.[command]?.run(args, io)) ?? 0
        return { code, rows, said }
      },
    })
  } finally {
    await server.close()
  }
}

const NO_MAILBOX = /^550 5\.1\.1 Recipient is suppressed since 2026-01-01: there was no such mailbox$/

test('a recipient that is not there is refused at RCPT, in any case of letters, until the entry ends', () =>
  on({}, async ({ hear, rcpt, clock, list }) => {
    await hear({ fault: 'address', reply: { code: 550, status: '5.1.1', text: 'User unknown' } })
    assert.match(await rcpt('A@X.test'), NO_MAILBOX)
    assert.match(await rcpt('b@x.test'), /^250 /)
    assert.equal((await list.find('a@x.test', ''))?.detail, '550 5.1.1 User unknown')
    await clock.advance(181 * DAY)
    assert.match(await rcpt('a@x.test'), /^250 /)
  }))

test('policy, and the way between, never suppress; neither does a delay, nor what cannot be laid to mail of ours', () =>
  on({}, async ({ hear, rcpt, list }) => {
    for (let day = 0; day < 20; day++)
      await hear(
        { fault: 'policy', class: 'spam-block' },
        { fault: 'transport' },
        { fault: 'address', kind: 'delayed' },
        { fault: 'address', recipient: undefined },
        { kind: 'complaint', recipient: undefined, detail: 'abuse' },
        { kind: 'not-spam', detail: 'not-spam' },
        { kind: 'disposition', detail: 'deleted' },
      )
    assert.match(await rcpt('a@x.test'), /^250 /)
    for await (const entry of list.list(undefined)) assert.fail(JSON.stringify(entry))
  }))

test('a mailbox that cannot take mail is given up after so many days, not after so many mails', () =>
  on({ mailbox: { days: 3, within: '10 d' } }, async ({ hear, rcpt, clock }) => {
    for (let mail = 0; mail < 10; mail++) await hear({ fault: 'mailbox' })
    await clock.advance(DAY)
    await hear({ fault: 'mailbox' })
    assert.match(await rcpt('a@x.test'), /^250 /)
    await clock.advance(DAY)
    await hear({ fault: 'mailbox' })
    assert.match(await rcpt('a@x.test'), /^550 5\.1\.1 .* the mailbox could not take mail for long$/)
  }))

test('days that are too long ago do not count', () =>
  on({ mailbox: { days: 3, within: '10 d' } }, async ({ hear, rcpt, clock }) => {
    for (let time = 0; time < 5; time++) {
      await hear({ fault: 'mailbox' })
      await clock.advance(6 * DAY)
    }
    assert.match(await rcpt('a@x.test'), /^250 /)
  }))

test('a complaint is for ever, and no bounce of later makes it shorter', () =>
  on({}, async ({ hear, rcpt, clock }) => {
    await hear({ kind: 'complaint', detail: 'abuse' })
    await hear({ fault: 'address' })
    await clock.advance(2_000 * DAY)
    assert.match(await rcpt('a@x.test'), /^550 5\.7\.1 .* its owner has complained$/)
  }))

test('a list for each domain: what one sender has learned is not the other’s, what an operator says is everybody’s', () =>
  on({ tenant: 'domain' }, async ({ hear, rcpt, run }) => {
    await hear({ fault: 'address' })
    assert.match(await rcpt('a@x.test', 'other@SHOP.test'), NO_MAILBOX)
    assert.match(await rcpt('a@x.test', 'news@elsewhere.test'), /^250 /)
    assert.match(await rcpt('a@x.test', '<>'), /^250 /)
    assert.equal((await run('add', 'b@x.test')).code, 0)
    assert.match(await rcpt('b@x.test', 'news@elsewhere.test'), /^550 5\.7\.1 .* the operator has said so$/)
    assert.equal((await run('remove', 'a@x.test')).code, 66)
    assert.equal((await run('remove', 'a@x.test', '--tenant', 'shop.test')).code, 0)
    assert.match(await rcpt('a@x.test'), /^250 /)
  }))

test('clients that have not shown who they are are left alone: their recipients are ours', () =>
  on({ clients: 'authenticated' }, async ({ hear, rcpt }) => {
    await hear({ fault: 'address' })
    assert.match(await rcpt('a@x.test'), /^250 /)
  }))

test('when the store is away nobody is refused for good: 451', async () => {
  const store = memoryStore()
  let isAway = false
  const away: Store = {
    ...store,
    get: (...asked) => (isAway ? Promise.reject(new Error('away')) : store.get(...asked)),
  }
  const server = await createTestServer([suppression({ clients: 'all' })], { services: [[Store, away]] })
  isAway = true
  const { reply } = await sessionOn(server).rcpt('a@x.test')
  assert.equal(Math.floor((reply?.code ?? 0) / 100), 4)
  await server.close()
})

test('commands: add, list, export, and an import that takes all or nothing and says which line is wrong', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-suppression-'))
  const file = join(folder, 'list')
  try {
    await on({}, async ({ run, rcpt }) => {
      await writeFile(
        file,
        '# ours\na@x.test\n"b@x.test","complaint"\nc@x.test\tadress\nnobody\nd@x.test\tmanual\tsoon\n',
      )
      const refused = await run('import', file)
      assert.equal(refused.code, 65)
      assert.deepEqual(refused.said, [
        `${file}:4: "adress" is no reason; there are manual, unsubscribe, complaint, address, mailbox. Did you mean "address"?`,
        `${file}:5: "nobody" is not an address such as "user@example.com"`,
        `${file}:6: "soon" is not a time such as "2027-01-31T12:00:00Z", and not "never"`,
        '3 of 5 lines are wrong; nothing was imported',
      ])
      assert.match(await rcpt('a@x.test'), /^250 /)
      await writeFile(file, 'a@x.test\n"b@x.test","complaint"\nc@x.test\taddress\t2026-03-01T00:00:00Z\t550 gone\n')
      assert.deepEqual((await run('import', file, '--reason', 'unsubscribe')).rows, [{ imported: 3 }])
      assert.match(await rcpt('a@x.test'), /its owner has unsubscribed$/)
      const exported = await run('export')
      assert.deepEqual(exported.said, [
        'a@x.test\tunsubscribe\tnever',
        'b@x.test\tcomplaint\tnever',
        'c@x.test\taddress\t2026-03-01T00:00:00.000Z\t550 gone',
      ])
      // What was exported is taken back as it was.
      await writeFile(file, `${exported.said.join('\n')}\n`)
      for (const { address } of (await run('list')).rows) await run('remove', String(address))
      await run('import', file)
      assert.deepEqual((await run('export')).said, exported.said)
      assert.deepEqual(
        (await run('list', 'C@X')).rows.map(({ address, reason }) => [address, reason]),
        [['c@x.test', 'address']],
      )
      assert.deepEqual((await run('add', 'd@x.test', '--reason', 'complain')).said, [
        '"complain" is no reason; there are manual, unsubscribe, complaint, address, mailbox. Did you mean "complaint"?',
      ])
      assert.equal((await run('add', 'd@x.test', 'nobody')).code, 65)
      assert.match(await rcpt('d@x.test'), /^250 /)
      assert.equal((await run('add', 'd@x.test', '--for', '2 moons')).code, 64)
      assert.equal((await run('import', join(folder, 'none'))).code, 66)
      // Without a tenant it would be everybody's list.
      assert.equal((await run('remove', 'b@x.test', '--tenant')).code, 64)
      assert.match(await rcpt('b@x.test'), /^550 /)
    })
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a delivery is refused for those who may not be written to, and for nobody else; deferred when the store cannot say', async () => {
  const store = memoryStore()
  let isAway = false
  const away: Store = {
    ...store,
    get: (...asked) => (isAway ? Promise.reject(new Error('away')) : store.get(...asked)),
  }
  let hooks: DeliveryHooks | undefined
  let list: Suppressions | undefined
  const asker = definePlugin({
    name: 'asker',
    needs: { own: DeliveryHooks, suppressions: Suppressions },
    setup: ({ own, suppressions }) => {
      hooks = own
      list = suppressions
      return {}
    },
  })
  const server = await createTestServer([suppression(), asker()], { services: [[Store, away]] })
  const ask = (...to: string[]) =>
    hooks?.ask({
      id: 'Q1',
      envelope: { id: 'T1', from: makeAddress('news', 'shop.test'), parameters: {} },
      route: { via: 'smtp' },
      recipients: to.map((local) => ({ address: makeAddress(local, 'x.test'), parameters: {} })),
      attempt: 1,
      queuedAt: 0,
    })
  await list?.add({ address: 'a@x.test', tenant: '', reason: 'complaint' })
  await list?.add({ address: 'b@x.test', tenant: '', reason: 'address' })
  const said = async (...to: string[]) =>
    (await ask(...to))?.map((one) => [one.kind, one.kind === 'reroute' ? undefined : one.for?.join(' ')])
  assert.deepEqual(await said('a'), [['reject', 'a@x.test']])
  assert.deepEqual(await said('a', 'c', 'b'), [
    ['reject', 'a@x.test'],
    ['reject', 'b@x.test'],
  ])
  assert.deepEqual(await said('c'), [])
  isAway = true
  assert.deepEqual(await said('a', 'c'), [['defer', undefined]])
  await server.close()
})

test('an address that is none is a mistake of the caller, and found by nobody', async () => {
  const list = new SuppressionList({ options: schema.parse({}), store: memoryStore(), clock: fakeClock() })
  await assert.rejects(list.add({ address: 'nobody', tenant: '', reason: 'manual' }), /not an address: "nobody"/)
  assert.equal(await list.find('nobody', ''), undefined)
  assert.equal(await list.remove('nobody', ''), false)
})

test('who unsubscribes does so from a stream: of all mail of its senders, and of no other mail', async () => {
  const streams = { news: ['news@shop.test', '*@news.shop.test'] }
  for (const tenant of ['none', 'domain', 'sender'] as const)
    await on({ tenant, streams }, async ({ list, rcpt, hear }) => {
      await list.add({ address: 'a@x.test', from: 'news@shop.test', reason: 'unsubscribe' })
      await hear({ kind: 'complaint', recipient: 'b@x.test', detail: 'opt-out', from: 'weekly@news.shop.test' })
      for (const to of ['a@x.test', 'b@x.test']) {
        assert.match(await rcpt(to), /^550 5\.7\.1 .* unsubscribed/)
        assert.match(await rcpt(to, 'weekly@news.shop.test'), /^550 /)
        assert.match(await rcpt(to, 'receipts@shop.test'), /^250 /)
      }
      // Of a sender that is in no stream, that sender alone.
      await list.add({ address: 'c@x.test', from: 'tips@shop.test', reason: 'unsubscribe' })
      assert.match(await rcpt('c@x.test', 'TIPS@shop.test'), /^550 /)
      assert.match(await rcpt('c@x.test'), /^250 /)
      const left: string[] = []
      for await (const { address } of list.list('news')) left.push(address)
      assert.deepEqual(left, ['a@x.test', 'b@x.test'])
    })
})

test('an entry ends as the class of its failure says, else as its reason says', async () => {
  await on({ classes: { 'invalid-domain': '7 d', 'inactive-mailbox': 'never' } }, async ({ hear, clock, rcpt }) => {
    const failed = { kind: 'failed', fault: 'address' } as const
    await hear(
      { ...failed, recipient: 'a@x.test', class: 'invalid-domain' },
      { ...failed, recipient: 'b@x.test', class: 'invalid-mailbox' },
      { ...failed, recipient: 'c@x.test', class: 'inactive-mailbox' },
    )
    const codes = async () => (await Promise.all(['a', 'b', 'c'].map((one) => rcpt(`${one}@x.test`)))).map((one) => one.slice(0, 3)) // biome-ignore format: short
    assert.deepEqual(await codes(), ['550', '550', '550'])
    await clock.advance(8 * DAY)
    assert.deepEqual(await codes(), ['250', '550', '550'])
    await clock.advance(180 * DAY)
    assert.deepEqual(await codes(), ['250', '250', '550'])
  })
  assert.match(schema.safeParse({ classes: { quoat: '7 d' } }).error?.message ?? '', /quoat/)
})

test('hashed: no address and no reply stands in the store, and all is found, removed, exported and imported all the same', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-suppression-'))
  const keys = join(folder, 'keys')
  await writeFile(keys, `k1 ${Buffer.alloc(32, 5).toString('base64url')}\n`, { mode: 0o600 })
  try {
    await on({ hashed: true, keys }, async ({ hear, rcpt, run, list }) => {
      const reply = { code: 550, status: '5.1.1', text: '<dead@x.test> unknown' }
      await hear({ fault: 'address', recipient: 'dead@x.test', reply })
      await hear(...[1, 2].map(() => ({ fault: 'mailbox' as const, recipient: 'full@x.test', reply })))
      assert.match(await rcpt('DEAD@x.test'), /^550 5\.1\.1/)
      const { said } = await run('export')
      assert.equal(said.length, 1)
      assert.match(said[0] ?? '', /^#[\w-]{27}\taddress\t/)
      assert.doesNotMatch(JSON.stringify([said, (await run('list')).rows]), /dead|x\.test/)
      const file = join(folder, 'list.tsv')
      await writeFile(file, `${said.join('\n')}\n# a comment\n`)
      assert.deepEqual((await run('remove', 'dead@x.test')).rows[0]?.['removed'], true)
      assert.match(await rcpt('dead@x.test'), /^250 /)
      assert.equal((await run('import', file)).rows[0]?.['imported'], 1)
      assert.match(await rcpt('dead@x.test'), /^550 /)
      assert.match((await list.find('dead@x.test', ''))?.address ?? '', /^#/)
    })
    // Where addresses are kept, a mark is none.
    await on({}, async ({ run }) => assert.equal((await run('add', `#${'A'.repeat(27)}`)).code, 65))
  } finally {
    await rm(folder, { recursive: true })
  }
})
