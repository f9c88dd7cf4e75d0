/** `postroad queue …` as an operator runs it: beside a server that runs, and without one. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SmtpClient } from '../failure/smtp-client.ts'
import { freePorts, waitForBanner } from '../interop/loopback.ts'
import { makeTestFolder } from '../runner/folder.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const argv = ['--conditions=@postroad/source', join(root, 'packages/cli/src/bin.ts')]
/** In pieces, for the sake of the check that there are none in our code. */
const EXPORT = ['export', 'default'].join(' ')

let folder = ''
let port = 0
let server: ChildProcess | undefined

before(async () => {
  // Inside the repository, so that a configuration finds the packages as it does where they are installed.
  folder = makeTestFolder('queue-command')
  const [listen = 0, dead = 0] = await freePorts(2)
  port = listen
  await writeFile(join(folder, 'postroad.config.ts'), config(listen, dead))
})
after(async () => {
  await stop()
  await rm(folder, { recursive: true, force: true })
})

/** Mail for `dead.test` finds nobody, mail for `here.test` and notifications go into Maildirs. */
function config(listen: number, dead: number): string {
  return `import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'
${EXPORT} defineConfig({ hostname: 'mx.test', folder: 'kept', log: { format: 'silent' }, setup(app) {
  app.use(routing({ domains: { 'dead.test': { via: 'smtp', host: '127.0.0.1', port: ${dead} }, 'here.test': { via: 'maildir' } } }))
  app.use(queue({ minFree: 0, maildir: { folder: 'mail' } })).listen({ host: '127.0.0.1', port: ${listen} })
} })
`
}

async function start(): Promise<void> {
  server = spawn(process.execPath, [...argv, 'start'], { cwd: folder, stdio: 'ignore' })
  await waitForBanner(port)
}

async function stop(): Promise<void> {
  if (!server) return
  const gone = once(server, 'exit')
  server.kill('SIGTERM')
  await gone
  server = undefined
}

async function queue(
  ...args: readonly string[]
): Promise<{ code: number; out: string; rows: Record<string, unknown>[] }> {
  const run = (extra: readonly string[]) =>
    new Promise<{ code: number; out: string }>((resolve) => {
      execFile(process.execPath, [...argv, 'queue', ...args, ...extra], { cwd: folder }, (error, out, err) =>
        resolve({ code: error ? Number(error.code) : 0, out: `${out}${err}` }),
      )
    })
  const { code, out } = await run(['--json'])
  const rows = out.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
  return { code, out, rows }
}

async function send(local: string, from = `${local}@here.test`): Promise<void> {
  const client = await SmtpClient.connect(port)
  await client.reply()
  for (const line of ['EHLO client.test', `MAIL FROM:<${from}>`, `RCPT TO:<${local}@dead.test>`, 'DATA'])
    await client.send(line)
  assert.match(await client.send(`Subject: ${local}\r\n\r\nHello\r\n.`), /^250 .* queued as/)
  await client.quit()
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; !(await holds()); await sleep(100))
    if (Date.now() > end) assert.fail('it never came true')
}

const froms = (rows: readonly Record<string, unknown>[]) => rows.map(({ from }) => from)

test('--help of a command says what it takes, and of the plugin what there is', async () => {
  const all = await queue('--help')
  for (const name of [
    'list',
    'show',
    'body',
    'stats',
    'retry',
    'hold',
    'release',
    'delete',
    'bounce',
    'suspend',
    'resume',
    'corrupt',
  ])
    assert.match(all.out, new RegExp(`^ +postroad queue ${name}\\b`, 'm'))
  const one = await queue('delete', '--help')
  assert.match(one.out, /^ +postroad queue delete .*--older 4h/m)
  assert.doesNotMatch(one.out, /queue list/)
  assert.deepEqual(
    [all.code, one.code, (await queue('nonsense')).code, (await queue('list', '--nonsense')).code],
    [0, 0, 2, 2],
  )
})

test('a server that runs sees what the commands do, and they see what it does', async () => {
  await start()
  for (const local of ['one', 'two', 'three']) await send(local)
  await until(async () => (await queue('list', '--reason', 'refused')).rows.length === 3)
  assert.deepEqual(froms((await queue('list', '--from', 'TWO@')).rows), ['two@here.test'])
  const id = String((await queue('list', '--to', 'two')).rows[0]?.['id'])
  assert.equal((await queue('hold', id, '--text', 'look at it')).code, 0)
  assert.match((await queue('show', id)).out, /"reason":"look at it"/)
  assert.equal((await queue('bounce', '--from', 'one@')).code, 0)
  const mailbox = join(folder, 'mail', 'one', 'new')
  await until(async () => (await readdir(mailbox).catch(() => [])).length === 1)
  const [name = ''] = await readdir(mailbox)
  assert.match(
    await readFile(join(mailbox, name), 'latin1'),
    /^Final-Recipient: rfc822; one@dead\.test\r\nAction: failed/m,
  )
})

test('without a server they do the same, and the next start goes on from there', async () => {
  await stop()
  assert.deepEqual(froms((await queue('list')).rows), ['two@here.test', 'three@here.test'])
  assert.deepEqual(froms((await queue('list', '--state', 'held')).rows), ['two@here.test'])
  assert.equal((await queue('stats')).rows[0]?.['messages'], 2)
  assert.match((await queue('body', String((await queue('list')).rows[0]?.['id']))).out, /^Subject: two$/m)
  assert.equal((await queue('delete', '--from', 'three')).code, 0)
  assert.equal((await queue('release', '--all')).code, 0)
  assert.equal((await queue('bounce', '--all', '--text', 'So long')).code, 0)
  await start()
  await until(async () => (await readdir(join(folder, 'mail', 'two', 'new')).catch(() => [])).length === 1)
  assert.equal((await queue('stats')).rows[0]?.['messages'], 0)
})
