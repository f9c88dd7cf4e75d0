/** `postroad replay` and `postroad explain --format`, as an operator uses them. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { runDialogue } from '@postroad/testing'
import { collect, ended, makeFolder, startCommand, until } from './command.ts'

const folder = await makeFolder()
after(() => rm(folder, { recursive: true, force: true }))
const write = (name: string, text: string) => writeFile(path.join(folder, name), text)

const config = (rule: string) => `import { maildir } from '@postroad/maildir'
import { greylist } from '@postroad/greylist'
import { definePlugin, quarantine, reject } from '@postroad/plugin'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'
export default defineConfig({ hostname: 'mx.test', folder: 'kept', setup(app) {
  app.use(routing({ domains: { 'ours.test': { via: 'maildir' } } }))
  ${rule}
  app.use(maildir({ folder: 'mail' })).listen({ name: 'mx', host: '127.0.0.1', port: 0 })
} })
`
const refusing = (word: string) =>
  `app.use(definePlugin({ name: 'rule', hooks: { message: ({ message }) => (message.headers.get('subject')?.includes('${word}') ? reject('no ${word}') : undefined) } })())`

test('mail of the past against another rule: what would change, from log and Maildir', async () => {
  await write('old.config.ts', config(refusing('lottery')))
  await write('new.config.ts', config(refusing('Minutes')))
  const server = startCommand(folder, 'start', 'old.config.ts', '--log', 'json')
  const out = collect(server.stdout)
  const port = await until(() => /127\.0\.0\.1:(\d+)/.exec(out())?.[1])
  for (const subject of ['Minutes', 'lottery', 'Hello'])
    await ended(
      startCommand(
        folder,
        'send',
        '--server',
        `127.0.0.1:${port}`,
        '--to',
        'a@ours.test',
        'b@other.test',
        '--subject',
        subject,
      ),
    )
  server.kill('SIGTERM')
  await once(server, 'close')
  await write('mail.log', out())
  const same = await ended(
    startCommand(folder, 'replay', 'mail.log', '--config', 'old.config.ts', '--messages', 'mail', '--no-dns'),
  )
  assert.deepEqual(
    { code: same.code, out: same.out },
    {
      code: 0,
      out: '3 transactions, 0 would change; of 1 the message is not kept, and only the envelope was replayed.\n',
    },
  )
  const other = await ended(
    startCommand(folder, 'replay', 'mail.log', '--config', 'new.config.ts', '--messages', 'mail', '--no-dns'),
  )
  assert.equal(other.code, 1, other.err)
  assert.match(
    other.out,
    /<sender@example\.org>\n {2}- message: accepted\n {2}\+ message: 550 5\.7\.1 no Minutes\n {4}rule at message: reject/,
  )
  assert.match(other.out, /\n3 transactions, 1 would change/)
  const json = await ended(
    startCommand(
      folder,
      'replay',
      'mail.log',
      '--config',
      'new.config.ts',
      '--messages',
      'mail',
      '--since',
      '1d',
      '--json',
    ),
  )
  assert.deepEqual(
    json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).changed),
    [true, false, false],
  )
  assert.match(
    (await ended(startCommand(folder, 'replay', 'mail.log', '--config', 'new.config.ts', '--until', '7d'))).out,
    /^0 transactions/,
  )
  assert.equal((await readdir(path.join(folder, 'kept'))).includes('services'), false)
})

test('what the client asked for with HELO, MAIL and RCPT is recorded, and asked again', async () => {
  await write(
    'asked.config.ts',
    `import { queue } from '@postroad/queue'
import { definePlugin, suspect } from '@postroad/plugin'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'
const rule = definePlugin({ name: 'rule', hooks: {
  helo: ({ helo }) => suspect(0, 'extended ' + helo.extended),
  mail: ({ envelope }) => suspect(0, JSON.stringify(envelope.parameters)),
  rcpt: ({ parameters }) => suspect(0, JSON.stringify(parameters)),
} })
export default defineConfig({ hostname: 'mx.test', folder: 'asked', setup(app) {
  app.use(routing({ domains: { 'ours.test': { via: 'maildir' } } })).use(rule())
  app.use(queue({ maildir: { folder: 'mail' } })).listen({ name: 'mx', host: '127.0.0.1', port: 0 })
} })
`,
  )
  const server = startCommand(folder, 'start', 'asked.config.ts', '--log', 'json')
  const out = collect(server.stdout)
  const port = await until(() => /127\.0\.0\.1:(\d+)/.exec(out())?.[1])
  const lines = [
    'EHLO c.test',
    'MAIL FROM:<a@b.test> SIZE=20 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=e+2B1',
    'RCPT TO:<x@ours.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;y@ours.test',
    'RCPT TO:<z@other.test> NOTIFY=NEVER',
    'RCPT TO:<w@ours.test>',
    'RSET',
    'QUIT',
  ]
  const octets = ['HELO c.test', 'MAIL FROM:<a@b.test>', 'RCPT TO:<w@ours.test>', 'RSET', ...lines].map(
    (line) => `C: ${line}\nS: *\n`,
  )
  await runDialogue(
    `S: 220 *\n${octets.join('')}`.replace('C: EHLO c.test\nS: *', 'C: EHLO c.test\nS: 250-*\nS: 250 *'),
    {
      port: Number(port),
    },
  )
  server.kill('SIGTERM')
  await once(server, 'close')
  await write('asked.log', out())
  const recorded = out()
    .split('\n')
    .filter((line) => line.includes('"event":"transaction"'))
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    recorded.map(({ verb, mail }) => [verb, mail]),
    [
      ['HELO', undefined],
      [undefined, { size: 20, body: '8BITMIME', smtputf8: true, ret: 'HDRS', envid: 'e+1' }],
    ],
  )
  const { out: again } = await ended(
    startCommand(folder, 'replay', 'asked.log', '--config', 'asked.config.ts', '--json', '--no-dns'),
  )
  const repeated = again
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const reasons = (one: { opinions: { reason: string }[] }) => one.opinions.map(({ reason }) => reason).sort()
  assert.deepEqual(repeated.map(reasons), recorded.map(reasons))
  assert.match(JSON.stringify(repeated[1].opinions), /NEVER/)
  assert.equal(repeated[1].changed, false)
})

test('time is replayed: a greylisted client that came back after five minutes passes', async () => {
  await write('grey.config.ts', config('app.use(greylist({ delay: 300_000 }))'))
  const line = (minute: number, id: string) =>
    JSON.stringify({
      time: `2026-01-01T00:0${minute}:00.000Z`,
      event: 'transaction',
      id,
      listener: 'mx',
      remote: '203.0.113.7',
      port: 1,
      helo: 'c.test',
      from: 'a@b.test',
      to: ['x@ours.test'],
      reply: '250 2.0.0 Ok',
    })
  await write('grey.log', `${line(0, 'A')}\nno json\n${line(1, 'B')}\n${line(6, 'C')}\n`)
  const { code, out, err } = await ended(
    startCommand(folder, 'replay', 'grey.log', '--config', 'grey.config.ts', '--json', '--no-dns'),
  )
  assert.equal(code, 1, err)
  assert.deepEqual(
    out
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row))
      .map(({ id, changed }) => [id, changed]),
    [
      ['A', true],
      ['B', true],
      ['C', false],
    ],
  )
})

test('wrong times and absent files are said in a sentence', async () => {
  assert.match(
    (await ended(startCommand(folder, 'replay', 'grey.log', '--config', 'grey.config.ts', '--since', 'yesterday'))).err,
    /"yesterday" is neither a time .* nor an age/,
  )
  assert.match(
    (await ended(startCommand(folder, 'replay', 'none.log', '--config', 'grey.config.ts'))).err,
    /none\.log cannot be read/,
  )
})

test('explain draws', async () => {
  const mermaid = await ended(startCommand(folder, 'explain', 'old.config.ts', '--format', 'mermaid'))
  assert.match(mermaid.out, /^flowchart TB\n {2}subgraph s0\["server: 127\.0\.0\.1:0 \(smtp\)"\]\n/)
  assert.match((await ended(startCommand(folder, 'explain', 'old.config.ts', '--format', 'svg'))).out, /^<svg xmlns/)
  assert.equal((await ended(startCommand(folder, 'explain', 'old.config.ts', '--format', 'png'))).code, 2)
})
