/** A real rspamd behind the plugin, all of it: `npm run interop -- rspamd`. */
import assert from 'node:assert/strict'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import type { UseOptions } from '@postroad/core'
import type { Plugin } from '@postroad/plugin'
import { type RspamdFact, rspamd } from '@postroad/rspamd'
import { createTestServer } from '@postroad/testing'
import { suiteFile } from '../identity/suite.ts'
import { requires } from '../runner/requires.ts'
import {
  CONTROLLER_PASSWORD,
  gtube,
  MAX_MESSAGE,
  OTHER_KEY,
  PUBLIC_KEY,
  type Rspamd,
  startRspamd,
} from './rspamd-daemon.ts'
import { offer, startScannerServer } from './scanner-server.ts'

const skip = requires('rspamd')
let daemon: Rspamd
before(async () => {
  if (!skip) daemon = await startRspamd()
})
after(() => daemon?.[Symbol.asyncDispose]())

const message = (body: string, fields = ''): Buffer =>
  Buffer.from(
    'From: a@client.test\r\nTo: rcpt@mx.test\r\nSubject: test\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n' +
      `Message-ID: <1@client.test>\r\n${fields}\r\n${body}\r\n`,
  )

type Options = NonNullable<Parameters<typeof rspamd>[0]>

const plugin = (options: Options = {}): Plugin => rspamd({ at: `127.0.0.1:${daemon.port}`, ...options })
const started = (options: Options = {}, use: UseOptions = {}) => startScannerServer(plugin(options), use)

type Started = Awaited<ReturnType<typeof started>>

/** What the canonical line of the last message has of rspamd. */
function factOf(server: Started): RspamdFact {
  const line = server.lines().at(-1) as { readonly facts: { readonly rspamd: RspamdFact } } // as: of a line that has it
  return line.facts.rspamd
}

function verdictOf(server: Started) {
  const fact = factOf(server)
  assert.ok(fact.scanned)
  const [verdict] = fact.verdicts
  assert.ok(verdict)
  return verdict
}

/** What would be greylisted is taken at once. */
const calm: Options = { actions: { greylist: 'none' } }
const reply = (code: string) => new RegExp(`^${code}`)

test('each action of a rule is obeyed', { skip }, async () => {
  await using server = await started()
  const said = (what: string) => offer(server.port, message('x', `X-Test: ${what}\r\n`))
  assert.match(await said('greylist'), reply('451 4.7.1 Greylisted'))
  assert.match(await said('discard'), reply('250'))
  assert.equal(server.taken.length, 0)
  assert.match(await said('quarantine'), reply('250'))
  assert.match(server.taken.at(-1)?.quarantined ?? '', /^rspamd: quarantine/)
})

test('edits of fields and of the envelope are made as a rule says', { skip }, async () => {
  await using server = await started()
  const fields = 'X-Test: edit\r\nX-Old: 1\r\nX-Old: 2\r\nX-Many: 1\r\nX-Many: 2\r\n'
  assert.match(await offer(server.port, message('x', fields), { to: ['bob@mx.test', 'carol@mx.test'] }), reply('250'))
  const [taken] = server.taken
  assert.match(taken?.text ?? '', /^X-Two: 2\r\nX-Three: 3a\r\nX-One: 1\r\nX-Three: 3b\r\nReceived: /)
  assert.doesNotMatch(taken?.text ?? '', /X-Old/)
  assert.deepEqual((taken?.text ?? '').match(/X-Many: \d/g), ['X-Many: 1'])
  assert.deepEqual(taken?.to.toSorted(), ['carol@mx.test', 'dave@mx.test'])
})

test('rspamd is told address, HELO, sender, recipients and our name', { skip }, async () => {
  await using server = await started()
  await offer(server.port, message('x', 'X-Test: echo\r\n'), { to: ['bob@mx.test', 'carol@mx.test'] })
  assert.match(
    server.taken.at(-1)?.text ?? '',
    /^X-Echo: 127\.0\.0\.1 client\.test sender@client\.test 2 - mx\.test -\r\n/,
  )
  await offer(server.port, message('x', 'X-Test: echo\r\n'))
  assert.match(server.taken.at(-1)?.text ?? '', /^X-Echo: .* 1 - mx\.test rcpt@mx\.test\r\n/)
})

test('settings count: given with the question, and by their name', { skip }, async () => {
  const spam = message('x', 'X-Test: symbol\r\n')
  {
    await using server = await started(calm)
    assert.match(await offer(server.port, spam), reply('250'))
    assert.equal(verdictOf(server).symbols['TEST_FIELD'], 3.5)
  }
  {
    await using server = await started({ settings: { actions: { reject: 3, 'add header': 2, greylist: 1 } } })
    assert.match(await offer(server.port, spam), reply('550'))
  }
  {
    await using server = await started({ ...calm, settings: { symbols_disabled: ['TEST_FIELD'] } })
    assert.match(await offer(server.port, spam), reply('250'))
    assert.equal(verdictOf(server).symbols['TEST_FIELD'], undefined)
  }
  {
    await using server = await started({ settingsId: 'strict' })
    assert.match(await offer(server.port, spam), reply('550'))
  }
})

test('with authentication: "postroad" the symbols of our results are counted', { skip }, async () => {
  await using server = await started({
    ...calm,
    authentication: 'postroad',
    settings: { symbols: ['R_SPF_FAIL'] },
  })
  assert.match(await offer(server.port, message('x')), reply('250'))
  // Nobody has results here, so nothing is disabled; the operator's own symbols must not be lost.
  assert.ok(Object.hasOwn(verdictOf(server).symbols, 'R_SPF_FAIL'), JSON.stringify(verdictOf(server)))
})

test('each recipient has a verdict of its own', { skip }, async () => {
  await using server = await started({ perRecipient: 'address' })
  const mail = message('x', 'X-Test: user\r\n')
  assert.match(await offer(server.port, mail, { to: ['bob@mx.test'] }), reply('250'))
  assert.match(await offer(server.port, mail, { to: ['carol@mx.test'] }), reply('550 5.7.1 Carol does not want this'))
  // Nothing is taken when the answers differ: the client sends to one at a time.
  assert.match(await offer(server.port, mail, { to: ['bob@mx.test', 'carol@mx.test'] }), reply('4'))
  const fact = factOf(server)
  assert.ok(fact.scanned)
  assert.deepEqual(
    fact.verdicts.map((one) => [one.for?.join(), one.action]),
    [
      ['bob@mx.test', 'no action'],
      ['carol@mx.test', 'reject'],
    ],
  )
})

test('compressed both ways the verdict is the same, and a new body too', { skip }, async () => {
  await using server = await started({ zstd: true })
  assert.match(await offer(server.port, message(gtube('X'))), reply('550'))
  assert.match(await offer(server.port, message('a secret', 'X-Test: body\r\n')), reply('250'))
  assert.match(server.taken.at(-1)?.text ?? '', /\r\n\r\na XXXXXX\r\n$/)
})

test('encrypted the verdict is the same, a new body too, and with another key nothing passes', { skip }, async () => {
  for (const zstd of [false, true]) {
    await using server = await started({ ...calm, key: PUBLIC_KEY, zstd })
    assert.match(await offer(server.port, message(gtube('X'))), reply('550'))
    assert.match(await offer(server.port, message('a secret', 'X-Test: body\r\n')), reply('250'))
    assert.match(server.taken.at(-1)?.text ?? '', /\r\n\r\na XXXXXX\r\n$/)
    assert.match(await offer(server.port, message('x\r\n'.repeat(200_000), 'X-Test: symbol\r\n')), reply('250'))
    assert.equal(verdictOf(server).symbols['TEST_FIELD'], 3.5)
    // Nobody who could stand in between may say that it was too large.
    const large = message(`${'x'.repeat(998)}\r\n`.repeat(Math.ceil(MAX_MESSAGE / 1_000)))
    if (!zstd) assert.match(await offer(server.port, large), reply('451 4.3.0'))
  }
  await using stranger = await started({ key: OTHER_KEY, deadline: '3 s' })
  assert.match(await offer(stranger.port, message('x')), reply('451 4.3.0'))
})

test('in the shadow it is heard and not obeyed, and changes nothing', { skip }, async () => {
  await using server = await started({}, { mode: 'shadow' })
  assert.match(await offer(server.port, message(gtube('X'))), reply('250'))
  assert.equal(verdictOf(server).action, 'reject')
  assert.match(await offer(server.port, message('a secret', 'X-Test: body\r\n')), reply('250'))
  assert.match(server.taken.at(-1)?.text ?? '', /\r\n\r\na secret\r\n$/)
})

test('what is larger than rspamd takes is never called good', { skip }, async () => {
  const large = message(`${'x'.repeat(998)}\r\n`.repeat(Math.ceil(MAX_MESSAGE / 1_000)))
  for (const zstd of [false, true]) {
    await using server = await started({ zstd })
    const said = await offer(server.port, large)
    if (said.startsWith('250') && !zstd) assert.equal(factOf(server).scanned, false)
    else if (!said.startsWith('250')) assert.match(said, reply('451 4.3.0'))
  }
  await using limited = await started({ maxSize: MAX_MESSAGE, unscanned: 'quarantine' })
  assert.match(await offer(limited.port, large), reply('250'))
  assert.match(limited.taken.at(-1)?.quarantined ?? '', /not scanned/)
})

const BATCH = 200

test('200 messages at once while rspamd is killed and started: each is judged or comes again, none passes by accident', {
  skip,
  timeout: 300_000,
}, async () => {
  await using server = await started({ failures: 1_000 })
  const mails = Array.from({ length: BATCH }, (_, i) => ({
    isSpam: i % 2 === 0,
    octets: message(i % 2 === 0 ? gtube('X') : 'Hello', `X-Number: ${i}\r\n`),
  }))
  const left = new Set(mails)
  let rounds = 0
  while (left.size > 0 && rounds < 10) {
    rounds++
    const answers = [...left].map(async (mail) => {
      const said = await offer(server.port, mail.octets)
      if (said.startsWith('451')) return
      assert.match(said, reply(mail.isSpam ? '550' : '250'))
      left.delete(mail)
    })
    if (rounds === 1) {
      // While some are answered and others are not.
      while (left.size > BATCH - 10 && server.lines().length < BATCH) await new Promise((go) => setTimeout(go, 5))
      await daemon.kill()
    }
    await Promise.all(answers)
    if (rounds === 1) {
      assert.ok(left.size > 0, 'it was killed before all were judged')
      await daemon.start()
    }
  }
  assert.equal(left.size, 0)
  const numbers = server.taken.map(({ text }) => Number(/X-Number: (\d+)/.exec(text)?.[1]))
  assert.deepEqual(
    numbers.toSorted((a, b) => a - b),
    mails.flatMap(({ isSpam }, i) => (isSpam ? [] : [i])),
  )
})

test('two daemons: when one is killed the other answers', { skip }, async () => {
  await using other = await startRspamd()
  await using server = await startScannerServer(
    rspamd({ at: [`127.0.0.1:${other.port}`, `127.0.0.1:${daemon.port}`], deadline: '60 s' }),
  )
  const all = Array.from({ length: 40 }, (_, i) => offer(server.port, message(i % 2 === 0 ? gtube('X') : 'Hello')))
  await other.kill()
  const codes = (await Promise.all(all)).map((said) => said.slice(0, 3))
  assert.deepEqual(
    codes,
    codes.map((_, i) => (i % 2 === 0 ? '550' : '250')),
  )
})

test('every message of the suite has the verdict that rspamc has', { skip }, async () => {
  // As it was seen: nothing is added, and nothing refused.
  await using server = await started({ strip: [] }, { mode: 'shadow' })
  const files = globSync('**/*', { cwd: suiteFile('mime/messages') }).map((name) =>
    join(suiteFile('mime/messages'), name),
  )
  let compared = 0
  for (const file of files) {
    const octets = octetsOf(file)
    if (!octets) continue
    const before = server.taken.length
    const said = await offer(server.port, octets)
    const [taken] = server.taken.slice(before)
    // What the wire refuses by itself, a line that is too long for one, rspamd does not see.
    if (!taken) {
      assert.match(said, /^5(?:54 5\.6\.0|52)/, basename(file))
      continue
    }
    const text = daemon.rspamc(
      ['--json', '-i', '127.0.0.1', '--helo', 'client.test', '-F', 'sender@client.test', '-r', 'rcpt@mx.test'],
      Buffer.from(taken.text, 'latin1'),
    )
    const theirs = JSON.parse(text.slice(text.indexOf('{'))) as {
      readonly action: string
      readonly score: number
      readonly symbols: Readonly<Record<string, unknown>>
    }
    const ours = verdictOf(server)
    assert.deepEqual(
      [ours.action, ours.score.toFixed(1), Object.keys(ours.symbols).toSorted()],
      [theirs.action, theirs.score.toFixed(1), Object.keys(theirs.symbols).toSorted()],
      basename(file),
    )
    compared++
  }
  assert.ok(compared > 10, `${compared} messages`)
})

/** With the line ends of SMTP; undefined for what is no message. */
function octetsOf(file: string): Buffer | undefined {
  try {
    return Buffer.from(readFileSync(file, 'latin1').replace(/\r?\n/g, '\r\n'), 'latin1')
  } catch {
    return undefined // a folder
  }
}

test('it learns from files by the command line', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pr-learn-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'spam.eml')
  writeFileSync(file, message('Cheap watches for everybody, buy them now and here, cheap watches'))
  const rows = await learned('spam', [file, 'no-such-id'], { key: PUBLIC_KEY })
  assert.deepEqual(rows, [
    { message: file, learned: true, reply: 'learned' },
    { message: 'no-such-id', learned: false, reply: 'neither a file nor in the quarantine' },
  ])
  assert.match(daemon.log(), /learned message as spam/)
})

async function learned(as: string, names: readonly string[], { key = '' } = {}): Promise<object[]> {
  const controller = {
    ...(key !== '' && { key }),
    at: `127.0.0.1:${daemon.controllerPort}`,
    password: CONTROLLER_PASSWORD,
  }
  const server = await createTestServer([plugin({ controller })])
  try {
    const rows: object[] = []
    const io = {
      json: true,
      row: (row: object) => void rows.push(row),
      print: () => undefined,
      signal: new AbortController().signal,
    }
    assert.equal(await server.server.commands.get('rspamd')?.['learn']?.run([as, ...names], io), 66)
    return rows
  } finally {
    await server.close()
  }
}
