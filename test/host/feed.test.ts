/** Who watches what happens hears of it, in order, from real sessions; who throws harms nobody. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createServer, type LogOptions } from '@postroad/core'
import { definePlugin, Feed, type FeedWatcher, reject, suspect } from '@postroad/plugin'
import { runDialogue } from '@postroad/testing'

const house = definePlugin({
  name: 'house',
  hooks: {
    mail: () => suspect(1.5, 'odd'),
    rcpt: ({ recipient }) => (recipient.local === 'nobody' ? reject('No such user', { status: '5.1.1' }) : undefined),
    route: () => ({ via: 'house' }),
    async message() {
      throw new Error('broken')
    },
    queue: () => ({ id: 'taken' }),
  },
})

async function heard(log: LogOptions, watcher: FeedWatcher, session: string) {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-feed-'))
  const watching = definePlugin({
    name: 'watching',
    needs: { feed: Feed },
    setup: ({ feed }) => {
      const stop = feed.watch(watcher)
      return { close: () => stop() }
    },
  })
  await using server = await createServer(
    {
      folder,
      log,
      setup(app) {
        app.use(watching())
        app.use(house())
        app.listen({ port: 0, host: '127.0.0.1', protocol: 'smtp' })
      },
    },
    { services: [] },
  )
  await server.listen()
  await runDialogue(session, { port: server.addresses[0]?.port ?? 0 })
  await rm(folder, { recursive: true, force: true })
}

const SESSION = [
  'S: 220 *',
  'C: EHLO client.test',
  'S: 250-*',
  'S: 250 *',
  'C: MAIL FROM:<alice@a.test>',
  'S: 250 *',
  'C: RCPT TO:<nobody@b.test>',
  'S: 550 5.1.1 No such user (id *.1)',
  'C: RCPT TO:<bob@b.test>',
  'S: 250 *',
  'C: DATA',
  'S: 354 *',
  'C: Message-ID: <1@a.test>\\r\\nSubject: hello\\r\\n\\r\\nhi\\r\\n.',
  'S: 451 4.3.0 Local error in processing, try again later (id *.1)',
  'C: QUIT',
  'S: 221 *',
].join('\n')

test('a session is told as it happens, also where nothing is logged: connection, runs with what they said, record', async () => {
  const events: string[] = []
  const watcher: FeedWatcher = {
    opened: ({ id, remote, scope }) => events.push(`${id.length} open ${remote} ${scope}`),
    ran: ({ hook, plugin, from, to, opinions, ms }) => {
      assert.ok(ms >= 0)
      events.push(
        `${hook} ${plugin} ${from} ${to} ${opinions.map((one) => `${one['kind']} ${one['points'] ?? one['text'] ?? one['reason']}`)}`,
      )
    },
    recorded: (record) => {
      events.push(`${record.event} ${record['messageId']} ${record['subject']} ${record['reply']}`)
      assert.match(record.time, /^\d{4}-\d\d-\d\dT/)
      assert.equal(typeof (record['plugins'] as Record<string, number>)['house'], 'number')
    },
  }
  await heard({ format: 'silent' }, watcher, SESSION)
  assert.deepEqual(events, [
    '17 open 127.0.0.1 server',
    'mail house alice@a.test undefined suspect 1.5',
    'rcpt house alice@a.test nobody@b.test reject No such user',
    'rcpt house alice@a.test bob@b.test ',
    'route house alice@a.test bob@b.test ',
    'message house alice@a.test undefined error broken',
    'transaction 1@a.test hello 451 4.3.0 Local error in processing, try again later',
  ])
})

test('a record is as the log has it, addresses hashed; who throws when it is told harms nobody', async () => {
  const records: object[] = []
  const lines: string[] = []
  const watcher: FeedWatcher = {
    ran: () => {
      throw new Error('boo')
    },
    recorded: (record) => {
      records.push(record)
      throw new Error('boo')
    },
  }
  await heard(
    { format: 'json', addresses: 'hashed', message: 'none', write: (text) => lines.push(text) },
    watcher,
    SESSION,
  )
  const logged = lines
    .join('')
    .split('\n')
    .filter((line) => line.includes('"event":"transaction"'))
    .map((line) => JSON.parse(line))
  const [{ level, ...line }] = logged
  assert.equal(level, 'info')
  assert.deepEqual({ ...JSON.parse(JSON.stringify(records[0])), time: '' }, { ...line, time: '' })
  assert.doesNotMatch(JSON.stringify(records), /alice|bob|hello|1@a/)
})
