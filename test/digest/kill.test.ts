/** A process is killed in the middle of a round of digests: nobody's is lost, and one that was sent is not sent again, or is the same mail. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SmtpClient } from '../failure/smtp-client.ts'

const RECIPIENTS = Array.from({ length: 40 }, (_, n) => `user${n}`)
const DAY = 86_400_000
/** Digests that have arrived when the process is killed; the last round is left alone. */
const KILLED_AT = [1, 8, 17, 30]

interface Worker {
  readonly child: ChildProcess
  readonly lines: string[]
  readonly port: number
}

/** Resolves when it listens. */
async function begin(context: TestContext, folder: string, offset: number): Promise<Worker> {
  const child = fork(join(import.meta.dirname, 'kill-worker.ts'), [folder, String(offset)], {
    execArgv: ['--conditions=@postroad/source', '--no-warnings'],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  })
  context.after(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  const port = await new Promise<number>((resolve, reject) => {
    child.on('message', (message: { readonly line?: string; readonly port?: number }) => {
      if (message.line !== undefined) lines.push(message.line)
      if (message.port !== undefined) resolve(message.port)
    })
    child.once('exit', () => reject(new Error(`it has ended: ${lines.join('')}`)))
  })
  return { child, lines, port }
}

async function kill({ child }: Worker): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/** Message-IDs by recipient. */
async function digestsIn(folder: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const all = await Promise.all(
    RECIPIENTS.map(async (name) => {
      const inbox = join(folder, 'mail', name, 'new')
      const files = await readdir(inbox).catch(() => [])
      const mails = await Promise.all(files.map((file) => readFile(join(inbox, file), 'latin1')))
      return [name, mails.map((mail) => /^Message-ID: (.+)\r$/im.exec(mail)?.[1] ?? '')] as const
    }),
  )
  return new Map(all)
}

const sent = (digests: ReadonlyMap<string, readonly string[]>): number =>
  [...digests.values()].filter((ids) => ids.length > 0).length

test('kill -9 in the middle of a round of digests loses none, and repeats none under another Message-ID', {
  timeout: 300_000,
}, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-digest-kill-'))
  context.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const first = await begin(context, folder, 0)
  for (let from = 0; from < RECIPIENTS.length; from += 10) {
    const client = await SmtpClient.connect(first.port)
    await client.reply()
    await client.send('EHLO client.test')
    await client.send('MAIL FROM:<ann@example.test>')
    for (const name of RECIPIENTS.slice(from, from + 10)) await client.send(`RCPT TO:<${name}@example.com>`)
    await client.send('DATA')
    assert.match(await client.send(`Subject: number ${from}\r\n\r\nHello\r\n.`), /^250 /)
    await client.quit()
  }
  await kill(first)
  assert.equal(sent(await digestsIn(folder)), 0)
  // A day and a half later a round is due, whatever the time of the day is.
  for (const enough of KILLED_AT) {
    const worker = await begin(context, folder, 1.5 * DAY)
    while (sent(await digestsIn(folder)) < enough) await sleep(5)
    await kill(worker)
  }
  const last = await begin(context, folder, 1.5 * DAY)
  const isOver = (): boolean => last.lines.some((line) => /digests of the quarantine were sent/.test(line))
  while (!isOver() && sent(await digestsIn(folder)) < RECIPIENTS.length) await sleep(20)
  while (sent(await digestsIn(folder)) < RECIPIENTS.length) await sleep(20)
  await kill(last)
  const digests = await digestsIn(folder)
  for (const [name, ids] of digests) {
    assert.ok(ids.length > 0, `${name} was told`)
    assert.equal(new Set(ids).size, 1, `${name} was told once: ${ids}`)
    assert.match(ids[0] ?? '', /^<.+>$/)
  }
  const twice = [...digests.values()].filter((ids) => ids.length > 1).length
  // Four are on their way at the same time.
  assert.ok(twice <= 4 * KILLED_AT.length, `${twice} came twice`)
  context.diagnostic(`${KILLED_AT.length} kills: ${twice} of ${RECIPIENTS.length} digests came twice, as the same mail`)
})
