import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Job, Outcome, Transport } from '@postroad/mail'
import { type CommandIo, definePlugin, type PluginCommand, reject } from '@postroad/plugin'
import { createTestServer, sessionOn, type TestServer } from '@postroad/testing'
import { options as queueOptions } from './options.ts'
import { queue } from './queue.ts'

const routes = definePlugin({
  name: 'test-route',
  hooks: {
    route: ({ recipient }) => ({
      via: recipient.local === 'local' ? 'maildir' : recipient.local === 'other' ? 'elsewhere' : 'smtp',
    }),
  },
})

/** A next hop that answers what the recipient is called. */
class NextHop implements Transport {
  readonly jobs: Job[] = []

  async deliver(job: Job): Promise<Outcome[]> {
    this.jobs.push(job)
    return job.recipients.map((recipient): Outcome => {
      const { local } = recipient.address
      if (local === 'unknown')
        return {
          recipient,
          kind: 'failed',
          reply: { code: 550, status: '5.1.1', text: 'User unknown' },
          remote: 'mx.example.com',
        }
      if (local === 'later')
        return {
          recipient,
          kind: 'deferred',
          reply: { code: 450, status: '4.2.0', text: 'Greylisted' },
          remote: 'mx.example.com',
        }
      return {
        recipient,
        kind: 'delivered',
        reply: { code: 250, status: '2.0.0', text: 'OK' },
        remote: 'mx.example.com',
      }
    })
  }

  async close(): Promise<void> {}
}

interface World {
  readonly server: TestServer
  readonly hop: NextHop
  readonly folder: string
  run(command: string, ...args: string[]): Promise<{ code: number; lines: string[]; rows: Record<string, unknown>[] }>
}

async function inWorld(
  work: (world: World) => Promise<void>,
  prepare: (folder: string) => Promise<void> = async () => {},
  options: Parameters<typeof queue>[0] = {},
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-queue-'))
  const hop = new NextHop()
  await prepare(folder)
  const plugin = queue({
    folder: join(folder, 'queue'),
    maildir: { folder: join(folder, 'mail') },
    transports: { smtp: hop },
    minFree: 0,
    ...options,
  })
  const server = await createTestServer([routes(), plugin], {})
  try {
    await work({ server, hop, folder, run: (command, ...args) => runCommand(server, command, args) })
  } finally {
    await server.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function runCommand(server: TestServer, name: string, args: readonly string[]) {
  const command: PluginCommand | undefined = server.server.commands.get('queue')?.[name]
  assert.ok(command, `there is no command ${name}`)
  const lines: string[] = []
  const rows: Record<string, unknown>[] = []
  const io: CommandIo = {
    json: false,
    row: (fields) => void rows.push({ ...fields }),
    print: (line) => void lines.push(line),
    signal: new AbortController().signal,
  }
  return { code: (await command.run(args, io)) ?? 0, lines, rows }
}

/** Until it holds: lets a little time pass again and again. */
async function until({ clock }: TestServer, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 300; turn++) {
    if (await holds()) return
    await clock.advance(20)
    // The disk has a time of its own.
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  assert.fail('it never came true')
}

test('RFC 5321 §4.2.5: 250 is said with a queue id, and the mail arrives in its mailbox and at its next hop', async () => {
  await inWorld(async ({ server, hop, folder }) => {
    await sessionOn(server)
      .mail('s@client.test')
      .rcpt('local@mx.test')
      .rcpt('a@example.com')
      .data('Subject: x\n\nHi\n')
      .expectCode(250)
    const mailbox = join(folder, 'mail', 'local', 'new')
    await until(server, async () => (await readdir(mailbox).catch(() => [])).length === 1 && hop.jobs.length === 1)
    const [name = ''] = await readdir(mailbox)
    assert.match(await readFile(join(mailbox, name), 'latin1'), /Subject: x\r\n\r\nHi\r\n$/)
  })
})

test('a failure comes back to the sender as a notification; the null reverse-path gets none', async () => {
  await inWorld(async ({ server, hop }) => {
    await sessionOn(server).mail('s@client.test').rcpt('unknown@example.com').data('Subject: x\n\nHi\n').expectCode(250)
    await until(server, () => hop.jobs.length === 2)
    const [, report] = hop.jobs
    assert.deepEqual(
      [report?.from, report?.recipients.map(({ address }) => String(address))],
      [undefined, ['s@client.test']],
    )
    await sessionOn(server).mail('').rcpt('unknown@example.com').data('Subject: x\n\nHi\n').expectCode(250)
    await until(server, () => hop.jobs.length === 3)
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(hop.jobs.length, 3)
  })
})

test('a route that nobody here carries is left to the next plugin', async () => {
  await inWorld(async ({ server, hop }) => {
    await sessionOn(server).mail('s@client.test').rcpt('other@mx.test').data('Subject: x\n\nHi\n')
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(hop.jobs.length, 0)
  })
})

test('the commands list, show, hold, release, retry, bounce and delete', async () => {
  await inWorld(async ({ server, hop, folder, run }) => {
    await sessionOn(server).mail('s@client.test').rcpt('later@example.com').data('Subject: x\n\nHi\n').expectCode(250)
    await until(server, async () => (await run('list', '--state', 'scheduled')).rows.length === 1)
    const [row] = (await run('list', '--domain', 'example.com', '--reason', 'greylist')).rows
    const id = String(row?.['id'])
    assert.deepEqual(
      [row?.['from'], row?.['to'], row?.['reason'], row?.['attempts']],
      ['s@client.test', 'later@example.com', '450 4.2.0 Greylisted', 1],
    )
    assert.match((await run('show', id)).lines.join('\n'), /mx\.example\.com said 450 4\.2\.0 Greylisted/)
    assert.match((await run('body', id)).lines.join('\n'), /Subject: x/)
    assert.equal((await run('body', id, join(folder, 'x.eml'))).code, 0)
    assert.match(await readFile(join(folder, 'x.eml'), 'latin1'), /\r\nSubject: x\r\n\r\nHi\r\n$/)
    const again = await run('body', id, join(folder, 'x.eml'))
    assert.deepEqual([again.code, again.lines.length], [1, 1], 'a file is never overwritten')
    assert.equal((await run('hold', id)).code, 0)
    assert.equal((await run('list', '--state', 'held')).rows.length, 1)
    assert.equal((await run('release', '--all')).code, 0)
    await until(server, () => hop.jobs.length === 2)
    await until(server, async () => (await run('list', '--state', 'scheduled')).rows.length === 1)
    assert.equal((await run('bounce', id, '--text', 'We give up')).code, 0)
    await until(
      server,
      async () => (await run('stats')).rows[0]?.['messages'] === 0 || hop.jobs.some(({ from }) => from === undefined),
    )
    assert.match((await run('show', id)).lines.join('\n'), /cancelled \(policy\): 550 5\.7\.0 We give up/)
  })
})

test('commands refuse what they do not understand, and change nothing without being told what', async () => {
  await inWorld(async ({ run }) => {
    for (const [name, ...args] of [
      ['retry'],
      ['delete'],
      ['list', '--older', 'soon'],
      ['list', '--state', 'lost'],
      ['hold', '../x'],
      ['list', '--what'],
      ['list', '--limit', 'many'],
      ['list', '--limit', '0'],
      ['delete', '01m8b4byahqyx2vsk2c9', '--from', 'x'],
      ['show'],
      ['show', '01m8b4byahqyx2vsk2c9', '--all'],
      ['body'],
      ['stats', 'everything'],
      ['suspend', '--all'],
      ['resume'],
      ['corrupt', '--delete'],
    ] as const) {
      const { code, lines } = await run(name, ...args)
      assert.equal(code, 2, `${name} ${args.join(' ')}`)
      assert.equal(lines.length, 1)
    }
    for (const name of ['show', 'list', 'retry', 'body']) {
      const { code, lines } = await run(name, '01m8b4byahqyx2vsk2c9')
      assert.equal(code, 1, name)
      assert.match(lines[0] ?? '', /There is no message/, name)
    }
    assert.equal((await run('show', 'x')).code, 1)
  })
})

test('a message whose content is damaged can be looked at, and given up: its sender hears of it', async () => {
  await inWorld(async ({ server, hop, folder, run }) => {
    const octets = `Subject: x\n\n${'y'.repeat(70)}\n`.repeat(2_000)
    await sessionOn(server).mail('s@client.test').rcpt('later@example.com').data(octets).expectCode(250)
    await until(server, async () => (await run('list', '--state', 'scheduled')).rows.length === 1)
    const id = String((await run('list')).rows[0]?.['id'])
    const [file = ''] = (await readdir(join(folder, 'queue', 'bodies'), { recursive: true })).filter((name) =>
      name.endsWith(id),
    )
    await truncate(join(folder, 'queue', 'bodies', file), 1_000)
    const { code, lines } = await run('body', id)
    assert.equal(code, 1)
    assert.match(lines.join('\n'), /is not what was written$/)
    assert.equal((await run('bounce', id)).code, 0)
    await until(server, () => hop.jobs.some(({ from }) => from === undefined))
    assert.match((await run('show', id)).lines.join('\n'), /cancelled/)
  })
})

test('a domain can be suspended and resumed', async () => {
  await inWorld(async ({ server, hop, run }) => {
    await run('suspend', 'Example.com', 'under', 'repair')
    assert.deepEqual(
      (await run('suspend')).rows.map(({ target, reason }) => [target, reason]),
      [['example.com', 'under repair']],
    )
    await server.clock.advance(1_100)
    await sessionOn(server).mail('s@client.test').rcpt('a@example.com').data('Subject: x\n\nHi\n').expectCode(250)
    await until(server, async () => (await run('list', '--state', 'waiting')).rows.length === 1)
    assert.equal(hop.jobs.length, 0)
    assert.equal((await run('resume', 'example.com')).code, 0)
    await until(server, () => hop.jobs.length === 1)
    assert.equal((await run('resume', 'example.com')).code, 1)
  })
})

test('a queue that cannot be opened means 451, not a crash: the server runs, and says so', async () => {
  await inWorld(
    async ({ server }) => {
      await sessionOn(server).mail('s@client.test').rcpt('a@example.com').data('Subject: x\n\nHi\n').expectCode(451)
    },
    async (folder) => {
      await mkdir(join(folder, 'queue'), { recursive: true })
      await writeFile(join(folder, 'queue', 'data.mdb'), Buffer.alloc(16_384, 'this is not a database'))
    },
  )
})

test('the delivery hook of another plugin is asked', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-queue-'))
  const hop = new NextHop()
  const told: string[] = []
  const judge = definePlugin({
    name: 'judge',
    hooks: {
      delivery: ({ recipients }) =>
        recipients.some(({ address }) => address.local === 'forbidden') ? reject('Not to them') : undefined,
      bounced: ({ reply, recipients }) => void told.push(`${recipients[0]?.address} ${reply.code} ${reply.text}`),
    },
  })
  const server = await createTestServer(
    [routes(), judge(), queue({ folder, transports: { smtp: hop }, minFree: 0 })],
    {},
  )
  try {
    await sessionOn(server).mail('').rcpt('forbidden@example.com').data('Subject: x\n\nHi\n').expectCode(250)
    await until(server, () => told.length === 1)
    assert.deepEqual([told, hop.jobs.length], [['forbidden@example.com 550 Not to them'], 0])
  } finally {
    await server.close()
    await rm(folder, { recursive: true, force: true })
  }
})

test('destinations have schedules of their own, and what makes no sense is refused', async () => {
  const lanes = [{ match: '*.example.com' }, { match: 'example.com', retry: ['1s'], perSecond: 100 }]
  await inWorld(
    async ({ server, hop }) => {
      await sessionOn(server).mail('s@client.test').rcpt('later@example.com').data('Subject: x\n\nHi\n').expectCode(250)
      await until(server, () => hop.jobs.length === 1)
      await until(server, () => hop.jobs.length === 2)
    },
    async () => {},
    { lanes },
  )
  for (const wrong of [
    { retry: ['soon'] },
    { lanes: [{ concurrency: 1 }] },
    { retryByClass: { nonsense: ['5m'] } },
    { concurrency: 0 },
    { unknown: 1 },
  ])
    assert.ok(!queueOptions.safeParse(wrong).success, JSON.stringify(wrong))
})
