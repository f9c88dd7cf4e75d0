import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import { type CommandIo, Spool } from '@postroad/plugin'
import { pluginContract, testPlugin } from '@postroad/testing'
import { spamassassinCommands, spamassassinDesk } from './command.ts'
import { spamassassin } from './index.ts'
import { fakeSpamd } from './spamd-fixture.test.ts'

const spamd = await fakeSpamd()
const busy = await fakeSpamd(() => 'SPAMD/1.0 75 Temporary failure\r\n')
after(async () => {
  for (const one of [spamd, busy]) await one[Symbol.asyncDispose]()
})

const nobody = '127.0.0.1:1'
const kept = messageFromBytes(Buffer.from('Subject: y\r\n\r\nkept\r\n'))
const spool: Spool = {
  get: async (id) => (id === 'id-1' ? { message: kept, meta: {} } : undefined),
  put: async () => undefined,
  delete: async () => false,
  async *list() {},
}
const services = [[Spool, spool]] as const
const { at } = spamd
const symbols = ['A_TEST', 'ANOTHER']
const spam = { Subject: 'SCORE=7.5' }
const of = (result: string, score: number) => ({ result, score, required: 5, symbols, daemon: at, ms: 0 })
const cases: Parameters<typeof testPlugin<Parameters<typeof spamassassin>>>[1] = [
  {
    name: 'the score is points',
    data: spam,
    expect: { accepted: true, points: 7.5, facts: { spamassassin: of('spam', 7.5) } },
  },
  { name: 'ham may have fewer', data: { Subject: 'SCORE=-1.5' }, expect: { points: -1.5 } },
  { name: 'points weigh what the operator says', options: { weight: 0.5 }, data: spam, expect: { points: 3.75 } },
  {
    name: 'the message gets the fields of spamd, and none that the sender wrote in its name',
    data: { ...spam, 'X-Spam-Status': 'No', 'x-spam-flag': 'NO', 'X-Spam': 'No' },
    expect: {
      headers: {
        'X-Spam-Status': /^Yes, score=7\.5 .*ANOTHER/s,
        'X-Spam-Level': '',
        'X-Spam-Flag': undefined,
        'X-Spam': undefined,
        'Content-Type': undefined,
        Subject: 'SCORE=7.5',
      },
      check: ({ server }) => {
        const text = Buffer.from(server.delivered.at(-1)?.bytes ?? []).toString('latin1')
        assert.ok(!text.includes('by spamd') && text.match(/^x-spam-status:/gim)?.length === 1, text)
        assert.doesNotMatch(spamd.asked.at(-1)?.message ?? '', /x-spam/i)
        assert.match(
          spamd.asked.at(-1)?.message ?? '',
          /^X-Envelope-From: <sender@client\.test>\r\nReceived: from client\.test \(\[192\.0\.2\.1\]\)/,
        )
      },
    },
  },
  {
    name: 'the subject is changed where the operator says so',
    options: { headers: ['Subject'] },
    data: spam,
    expect: { headers: { Subject: '[SPAM] x', 'X-Spam-Status': undefined } },
  },
  {
    name: 'fields that are not for spamd to write are not taken, whatever the operator says',
    options: { headers: '*' },
    data: { Subject: 'x', 'Content-Type': 'text/plain' },
    expect: { headers: { 'Content-Type': 'text/plain', 'X-Spam-Status': /^No/ } },
  },
  {
    name: 'the verb symbols adds nothing',
    options: { verb: 'symbols' },
    data: spam,
    expect: { points: 7.5, facts: { spamassassin: of('spam', 7.5) }, headers: { 'X-Spam-Status': undefined } },
  },
  {
    name: 'the verb check tells the score alone',
    options: { verb: 'check' },
    data: spam,
    expect: { points: 7.5, facts: { spamassassin: { ...of('spam', 7.5), symbols: [] } } },
  },
  { name: 'the verdict of spamd is obeyed', options: { trust: 'verdict' }, data: spam, expect: '5.7.1' },
  {
    name: 'and only what it calls spam',
    options: { trust: 'verdict' },
    data: { Subject: 'SCORE=4.9' },
    expect: { accepted: true, points: 0 },
  },
  {
    name: 'levels of the operator go before it',
    options: { trust: 'verdict', levels: { quarantine: 6, reject: 10 } },
    data: spam,
    expect: { quarantined: /^spamassassin: 7\.5\/5 A_TEST,ANOTHER$/ },
  },
  {
    name: 'the highest level that is met counts',
    options: { trust: 'verdict', levels: { quarantine: 5, defer: 6, reject: 7 } },
    data: spam,
    expect: '5.7.1',
  },
  {
    name: 'a test may be worth something by itself',
    options: { symbols: { 'ANOTH*': 'reject' } },
    data: spam,
    expect: { refused: '5.7.1' },
  },
  {
    name: 'what is too large is not looked at, and not ham',
    options: { maxSize: 1_000, unscanned: 1 },
    data: `Subject: SCORE=9\r\nX-Spam-Status: No\r\n\r\n${'x'.repeat(2_000)}`,
    expect: {
      points: 1,
      facts: { spamassassin: { result: 'unscanned' } },
      headers: { 'X-Spam-Status': undefined },
    },
  },
  {
    name: 'a spamd that cannot say has no opinion: the message is not taken',
    options: { at: busy.at },
    data: spam,
    expect: { refused: '4.3.0', failure: /75 EX_TEMPFAIL/, facts: { spamassassin: undefined } },
  },
  {
    name: 'unless the operator lets it pass, without what the sender wrote in its name',
    options: { at: nobody },
    use: { onError: 'pass' },
    data: { Subject: 'x', 'X-Spam-Status': 'No' },
    expect: { delivered: true, failure: /ECONNREFUSED/, headers: { 'X-Spam-Status': undefined } },
  },
  { name: 'another one stands in', options: { at: [busy.at, nobody, at] }, data: spam, expect: { points: 7.5 } },
  {
    name: 'each recipient has preferences of its own: the verdict is of that one',
    protocol: 'lmtp',
    options: { trust: 'verdict', perRecipient: 'local' },
    rcpt: ['alice@mx.test', 'bob@mx.test'],
    data: { Subject: 'SCORE-alice=9 SCORE-bob=1' },
    expect: { codes: [550, 250], facts: { spamassassin: of('spam', 9) } },
  },
  {
    name: 'what is no name of a user is asked for as everybody',
    options: { trust: 'verdict', perRecipient: 'local' },
    rcpt: '"../x"@mx.test',
    data: { Subject: 'SCORE=9' },
    expect: { refused: '5.7.1', check: () => assert.equal(spamd.asked.at(-1)?.fields.has('User'), false) },
  },
  {
    name: 'where another server takes the mail spamd hears of its hop all the same',
    protocol: 'milter',
    data: { ...spam, 'X-Spam-Status': 'No' },
    expect: {
      outcome: 'pass',
      edits: [/^X-Spam-Level:/, /^X-Spam-Status: Yes/, '-X-Spam-Status'],
      check: () =>
        assert.match(
          spamd.asked.at(-1)?.message ?? '',
          /^X-Envelope-From: <sender@client\.test>\r\nReceived: from client\.test \(\[192\.0\.2\.1\]\)\r\n by mx\.test/,
        ),
    },
  },
  {
    name: 'points of one recipient are no points of the message',
    options: { perRecipient: 'address' },
    expect: { mistake: /perRecipient needs trust/ },
  },
  { name: 'levels are no thresholds', options: { levels: { reject: 5 } }, expect: { mistake: /levels need trust/ } },
  {
    name: 'CHECK tells no tests',
    options: { verb: 'check', symbols: { A: 1 } },
    expect: { mistake: /symbols need the verb/ },
  },
  {
    name: 'spamd does not speak HTTP',
    options: { at: 'http://127.0.0.1:783' },
    expect: { mistake: /spamd does not speak HTTP/ },
  },
]
testPlugin(
  spamassassin,
  cases.map((one) => ({ ...one, options: { at, ...one.options } })),
  { data: 'x', services },
)
pluginContract(spamassassin, { options: { at }, services })

test('messages of files and of the quarantine are learned, by every spamd', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pr-spamassassin-'))
  const file = join(folder, 'a.eml')
  writeFileSync(file, 'Subject: x\r\n\r\nbuy\r\n')
  const rows: Readonly<Record<string, unknown>>[] = []
  const io: CommandIo = {
    json: true,
    row: (row) => rows.push(row),
    print: () => undefined,
    signal: new AbortController().signal,
  }
  const commands = spamassassinCommands({ at: [spamd.daemon, busy.daemon], deadline: 5_000, spool, user: 'all' })
  const run = async (command: string, ...args: string[]) => {
    rows.length = 0
    return commands[command]?.run(args, io)
  }
  try {
    assert.equal(await run('learn', 'spam', file, 'id-1'), 69)
    assert.deepEqual(
      rows.map(({ message, learned, daemon }) => [message, learned, daemon]),
      [file, 'id-1'].flatMap((name) => [
        [name, true, spamd.at],
        [name, false, busy.at],
      ]),
    )
    assert.match(spamd.asked.at(-1)?.message ?? '', /kept/)
    assert.equal(spamd.asked.at(-1)?.fields.get('User'), 'all')
    assert.equal(await run('learn', 'ham', '--user', 'bob', 'nowhere'), 66)
    assert.equal(await run('learn', 'nonsense', file), 64)
    assert.equal(await run('learn', 'ham'), 64)
    assert.equal(await run('status'), 69)
    assert.deepEqual(
      rows.map(({ answers }) => answers),
      [true, false],
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('as a desk it teaches every spamd, once for each user that the recipients are', async () => {
  const message = (await spool.get('id-1'))?.message
  assert.ok(message)
  const lesson = {
    as: 'spam',
    recipients: ['Bob@a.test', 'ann@a.test', 'bob@b.test'],
    signal: AbortSignal.timeout(9_000),
  } as const
  const usersOf = (recipients: readonly string[]) => [
    ...new Set(recipients.map((one) => one.toLowerCase().split('@')[0])),
  ]
  spamd.asked.length = 0
  const taught = spamassassinDesk({ at: [spamd.daemon], deadline: 5_000 }, usersOf)
  assert.equal(await taught.learn(message, lesson), 'learned')
  assert.deepEqual(
    spamd.asked.map(({ fields }) => fields.get('User')),
    ['bob', 'ann'],
  )
  const both = spamassassinDesk({ at: [spamd.daemon, busy.daemon], deadline: 5_000 }, () => [undefined])
  await assert.rejects(both.learn(message, lesson), new RegExp(`^Error: ${busy.at}: `))
})
