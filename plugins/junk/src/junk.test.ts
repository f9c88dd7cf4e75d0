import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { after, test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import { definePlugin, Host, LearningDesk } from '@postroad/plugin'
import { createTestServer, session, sessionOn, testPlugin } from '@postroad/testing'
import { type JunkFact, junk } from './index.ts'
import { mailOf } from './mail-fixture.test.ts'
import { ACTING, schoolOf, teachMany, trainedFolder } from './school-fixture.test.ts'
import type { JunkSample } from './stats.ts'

const { folder, remove } = await trainedFolder()
after(remove)

const base = { folder, ...ACTING }
const addresses = { spam: 'spam@junk.local', ham: 'ham@junk.local' }
const ALICE = 'alice@mx.test'

testPlugin(junk, [
  {
    name: 'spam is worth the points of the option, with reasons in the canonical line and a field',
    options: base,
    data: mailOf('spam', 5_000),
    expect: {
      accepted: true,
      points: 6,
      headers: { 'X-Spam-Flag': 'YES', 'X-Spam-Status': /^Yes, score=[\d.]+ required=[\d.]+ tests=JUNK$/ },
      check: ({ server }) => {
        const fact = factIn(server.lines)
        assert.equal(fact.verdict, 'junk')
        assert.equal(fact.shadow, false)
        assert.match(String(fact.because?.[0]), /\(.+\) [+-][\d.]+$/)
      },
    },
  },
  {
    name: 'wanted mail has no points',
    options: base,
    data: mailOf('ham', 5_000),
    expect: { accepted: true, points: 0, headers: { 'X-Spam-Flag': undefined, 'X-Spam-Status': /^No, score=-/ } },
  },
  {
    name: 'what the sender wrote into the fields is not there any more',
    options: base,
    data: `X-Spam-Flag: YES\r\nX-Spam-Facts: spf=pass | | path; x\r\nx-spam-status: Yes\r\n${mailOf('ham', 5_001)}`,
    expect: {
      headers: { 'X-Spam-Flag': undefined, 'X-Spam-Status': /^No/ },
      check: ({ server }) => {
        const text = Buffer.from(server.delivered.at(-1)?.bytes ?? []).toString('latin1')
        assert.equal(text.match(/^x-spam-status:/gim)?.length, 1)
        assert.equal(text.match(/^x-spam-facts:/gim)?.length, 1)
      },
    },
  },
  {
    name: 'without fields the message is as it was',
    options: { ...base, fields: false },
    data: mailOf('spam', 5_002),
    expect: { points: 6, headers: { 'X-Spam-Flag': undefined, 'X-Spam-Status': undefined, 'X-Spam-Facts': undefined } },
  },
  {
    name: 'junk may be refused',
    options: { ...base, junk: 'reject' },
    data: mailOf('spam', 5_003),
    expect: { refused: '5.7.1' },
  },
  {
    name: 'a report is never junk by its text alone',
    options: base,
    mail: '<>',
    data: mailOf('spam', 5_004),
    expect: { points: 2, headers: { 'X-Spam-Flag': undefined, 'X-Spam-Status': /^Unsure/ } },
  },
  {
    name: 'shadow mode: a filter that has learned nothing does nothing, and says so in the log',
    options: {},
    data: mailOf('spam', 5_005),
    expect: {
      points: 0,
      headers: { 'X-Spam-Status': undefined, 'X-Spam-Flag': undefined, 'X-Spam-Facts': /path/ },
      check: ({ server }) => {
        assert.equal(factIn(server.lines).shadow, true)
        const said = server.lines.find(({ msg, text }) => /shadow mode/.test(String(msg ?? text)))
        assert.match(JSON.stringify(said), /200 more of spam.*200 more of wanted mail/)
      },
    },
  },
  {
    name: 'a stranger may not teach',
    options: { ...base, addresses },
    rcpt: 'spam@junk.local',
    expect: { refused: '5.7.1' },
  },
  {
    name: 'who is near teaches by sending, and nothing is delivered',
    options: { ...base, addresses },
    from: '127.0.0.1',
    rcpt: 'Spam+alice=mx.test@junk.local',
    data: mailOf('spam', 6_000),
    expect: { accepted: true, check: ({ server }) => assert.equal(server.delivered.length, 0) },
  },
])

function factIn(lines: readonly Readonly<Record<string, unknown>>[]): Partial<JunkFact> {
  for (const line of lines) {
    const facts = (line as { facts?: { junk?: Partial<JunkFact> } }).facts // the canonical line
    if (facts?.junk) return facts.junk
  }
  assert.fail(`no fact in ${JSON.stringify(lines)}`)
}

test('what was sent to a learning address was learned for the user that the address names', async () => {
  const school = schoolOf(folder)
  const teacher = await school.open()
  const { user = '' } = teacher.who(ALICE)
  const outcome = await teacher.teach(Buffer.from(mailOf('spam', 6_000)), {
    label: 'junk',
    user: ALICE,
    source: 'http',
  })
  assert.equal(outcome, 'known')
  assert.ok(teacher.keeper.mind.circles.has(user))
  await school.close()
})

test('recipients who have taught differently are judged by themselves, and points are those of the most cautious', async () => {
  await teachMany(folder, { spam: 60, ham: 0, label: 'wanted', user: ALICE })
  const server = await createTestServer([junk({ ...base, junk: 'quarantine' })])
  try {
    await sessionOn(server).rcpt('bob@mx.test').rcpt(ALICE).data(mailOf('spam', 40))
    const [taken, aside] = [
      server.delivered.find((one) => one.quarantined === undefined),
      server.delivered.find((one) => one.quarantined !== undefined),
    ]
    assert.deepEqual(taken?.to, [ALICE])
    assert.deepEqual(aside?.to, ['bob@mx.test'])
  } finally {
    await server.close()
  }
  const points = await session(junk(base)).rcpt('bob@mx.test').rcpt(ALICE).data(mailOf('spam', 40))
  assert.equal(
    points.server.lines.some((line) => JSON.stringify(line).includes('"differs"')),
    true,
  )
})

test('the desk for programs learns what a quarantine shows it', async () => {
  let host: Host | undefined
  const asking = definePlugin({
    name: 'asking',
    needs: { host: Host },
    setup: (given) => {
      host = given.host
      return {}
    },
  })
  const server = await createTestServer([junk(base), asking()])
  try {
    const [own] = host?.desks(LearningDesk) ?? []
    const message = messageFromBytes(Buffer.from(mailOf('spam', 7_000)))
    assert.equal(
      await own?.desk.learn(message, { as: 'spam', recipients: [ALICE], signal: AbortSignal.timeout(10_000) }),
      'learned',
    )
    assert.equal(own?.plugin, 'junk')
  } finally {
    await server.close()
  }
})

test('who counts in this process is told how the filter does, as long as it runs', async () => {
  const asked: [string, Promise<readonly JunkSample[]>][] = []
  const ask = () => {
    asked.length = 0
    channel('postroad:junk:stats').publish({
      add: (filter: string, samples: Promise<readonly JunkSample[]>) => asked.push([filter, samples]),
    })
  }
  const server = await createTestServer([junk(base)])
  ask()
  const [[filter = '', samples = Promise.resolve([])] = []] = asked
  assert.equal(filter, folder)
  const ready = (await samples).find(({ name }) => name === 'ready')
  assert.equal(ready?.value, 1)
  assert.ok((await samples).some(({ name, labels }) => name === 'lessons' && labels?.['label'] === 'ham'))
  await server.close()
  ask()
  assert.deepEqual(asked, [])
})
