/** `postroad why`, over real servers: greylisting that a client outlives, refusals by their id, several workers that are killed. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SmtpClient } from '../failure/smtp-client.ts'
import { collect, EXPORT, freePort, Operator, until } from './operator.ts'

const operator = await Operator.begin()
after(() => operator.end())

/** Greylisting forgives after a second; mail goes into Maildirs by way of the queue. */
const config = (
  port: number,
  folder: string,
  greylists: boolean,
): string => `import { greylist } from '@postroad/greylist'
import { history } from '@postroad/history'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'
${EXPORT} defineConfig({ hostname: 'mx.test', folder: '${folder}', setup(app) {
  app.use(history())${greylists ? '.use(greylist({ delay: 1000 }))' : ''}.use(routing({ domains: { 'ours.test': { via: 'maildir' } } }))
  app.use(queue({ minFree: 0, maildir: { folder: '${folder}-mail' } })).listen({ host: '127.0.0.1', port: ${port} })
} })
`

interface Running {
  readonly child: ChildProcess
  readonly port: number
  readonly file: string
  readonly out: () => string
}

async function start(context: TestContext, name: string, ...args: string[]): Promise<Running> {
  const port = await freePort()
  const file = await operator.config(`${name}.ts`, config(port, name, name === 'grey'))
  const child = operator.spawn(['start', file, '--log', 'json', ...args], { detached: true })
  context.after(() => kill(child))
  const out = collect(child.stdout)
  collect(child.stderr)
  await until(() => /Stop with Ctrl-C/.exec(out())?.[0])
  return { child, port, file, out }
}

function kill({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}

async function offer(port: number, from: string, to: string, subject: string): Promise<string> {
  const client = await SmtpClient.connect(port)
  await client.reply()
  await client.send('EHLO client.test')
  await client.send(`MAIL FROM:<${from}>`)
  const reply = await client.send(`RCPT TO:<${to}>`)
  const said = reply.startsWith('250')
    ? (await client.send('DATA')) &&
      (await client.send(`Message-ID: <${subject}@a.test>\r\nSubject: ${subject}\r\n\r\nx\r\n.`))
    : reply
  await client.quit()
  return said
}

test('a mail that was greylisted and came back: one sentence tells all of it, from records and from the log', async (t) => {
  const { port, file, out } = await start(t, 'grey')
  const refused = await offer(port, 'alice@a.test', 'bob@ours.test', 'first')
  assert.match(refused, /^451 4\.7\.1 .*\(id [0-9A-Z]{17}\.1\)$/)
  const id = /\(id (\S+)\)/.exec(refused)?.[1] ?? ''
  await sleep(1_200)
  assert.match(await offer(port, 'alice@a.test', 'bob@ours.test', 'first'), /^250 /)
  const expected =
    /^Mail from alice@a\.test to bob@ours\.test, brought by 127\.0\.0\.1 \(client\.test\): refused for now at RCPT by greylist with 451 4\.7\.1, because mail of this sender from this network was not known yet: “.*”; came back [\d.]+ s later and was accepted by queue under the id [0-9a-z]{20}; delivered to \S.* with 250 2\.\d\.\d [\d.]+ s after that\.\n/
  for (const words of [[id], ['<first@a.test>'], ['bob@ours.test', 'greylist']]) {
    const { code, out: said } = await until(async () => {
      const answer = await operator.run('why', ...words, '--config', file)
      return /delivered/.test(answer.out) ? answer : undefined
    })
    assert.equal(code, 0)
    assert.match(said, expected, words.join(' '))
  }
  await writeFile(path.join(operator.folder, 'mx.log'), `Nov 30 mx postroad: not JSON\n${out()}`)
  const fromLog = await operator.run('why', 'alice@a.test', '--log', 'mx.log')
  assert.match(fromLog.out, expected)
  const [story] = (await operator.run('why', 'alice@a.test', '--json', '--config', file)).out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    [story.id, story.finished, story.steps.map(({ kind }: { kind: string }) => kind)],
    [id, true, ['transaction', 'transaction', 'delivered']],
  )
})

test('what has no route is explained; what is not found, and where nothing is kept, is said with what to do', async (t) => {
  const { port, file } = await start(t, 'none')
  await offer(port, 'alice@a.test', 'x@elsewhere.test', 's')
  const { out } = await until(async () => {
    const answer = await operator.run('why', 'x@elsewhere.test', '--config', file)
    return answer.code === 0 ? answer : undefined
  })
  assert.match(out, /refused at RCPT with 550 5\.7\.1, because no plugin knows a way for that recipient/)
  const none = await operator.run('why', 'nobody@nowhere.test', '--config', file)
  assert.equal(none.code, 1)
  assert.match(
    none.err,
    /^Nothing in .*none.records has to do with "nobody@nowhere\.test" \(its newest record is of 20\d\d-/,
  )
  const missing = await operator.run('why', 'x', '--records', 'nowhere')
  assert.match(
    missing.err,
    /There are no records in .*nowhere\. The server keeps them when .*app\.use\(history\(\)\).*--log FILE/,
  )
  assert.match((await operator.run('why', 'x', '--log', 'nowhere.log')).err, /nowhere\.log cannot be read/)
  assert.match((await operator.run('why', '--help')).out, /app\.use\(history\(\)\)/)
})

test('records of several workers, all killed while they wrote, are one story book; a server that comes after goes on', async (t) => {
  const { child, port, file } = await start(t, 'many', '--workers', '2')
  const talk = async (n: number): Promise<void> => {
    for (let at = 0; at < 8; at++) await offer(port, `s${n}x${at}@a.test`, 'bob@ours.test', `m${n}x${at}`)
  }
  // The second worker begins when the first one serves.
  const segments = async () =>
    (await readdir(path.join(operator.folder, 'many', 'records')).catch(() => [])).filter((name) =>
      name.endsWith('.log'),
    )
  for (let tries = 0; tries < 600 && (await segments()).length < 2; tries++) {
    await offer(port, 'first@a.test', 'bob@ours.test', 'first')
    await sleep(200)
  }
  await Promise.all([1, 2, 3, 4].map(talk))
  await sleep(500)
  const rest = Promise.allSettled([5, 6, 7, 8].map(talk))
  await sleep(150)
  kill(child)
  await once(child, 'exit')
  await rest
  assert.ok((await segments()).length >= 2, 'each worker has its own')
  for (const who of ['s1x0', 's2x7'])
    assert.match(
      (await operator.run('why', `${who}@a.test`, '--config', file)).out,
      new RegExp(`Mail from ${who}@a\\.test`),
    )
  const again = await start(t, 'many')
  await offer(again.port, 'later@a.test', 'bob@ours.test', 'later')
  await until(async () =>
    (await operator.run('why', 'later@a.test', '--config', again.file)).code === 0 ? true : undefined,
  )
})
