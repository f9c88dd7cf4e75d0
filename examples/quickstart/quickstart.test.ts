/** The quickstart, run as `npm start` runs it: mail in, Maildir out. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import nodemailer from 'nodemailer'

/** The command of the package that is installed here: its source in the repository, what was built of it elsewhere. */
const postroad = import.meta.resolve('postroad')
const bin = fileURLToPath(new URL(`bin${path.extname(postroad)}`, postroad))
const conditions = postroad.endsWith('.ts') ? ['--conditions=@postroad/source'] : []
const config = fileURLToPath(new URL('postroad.config.ts', import.meta.url))

test('prints what it listens on, speaks TLS with a certificate of its own making, delivers into Maildirs, refuses the lottery and strangers’ domains, and stops on Ctrl-C with 0', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-quickstart-'))
  const env = {
    ...process.env,
    POSTROAD_PORT: '0',
    POSTROAD_FOLDER: path.join(folder, 'var'),
    POSTROAD_MAIL: path.join(folder, 'mail'),
  }
  const child = spawn(process.execPath, [...conditions, bin, 'start', config], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  while (!out.includes('Stop with Ctrl-C')) await once(child.stdout, 'data')
  assert.match(out, /"hostname":"mx\.postroad\.test","listeners":\{"mx":"127\.0\.0\.1:\d+","page":"127\.0\.0\.1:\d+"\}/)
  assert.match(out, /Mail for anyone@postroad\.test goes to .*\\n +npx postroad send /)
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(out)?.[1])
  const made = await readFile(path.join(folder, 'var', 'certificates', 'mx.postroad.test.pem'), 'utf8')
  // The certificate that the server has made itself is the one that it shows.
  const tls = { ca: made, servername: 'mx.postroad.test' }
  const transport = nodemailer.createTransport({ host: '127.0.0.1', port, requireTLS: true, tls })
  const from = 'bob@example.org'
  const sent = await transport.sendMail({ from, to: 'alice@postroad.test', subject: 'Hello', text: 'It works.' })
  assert.match(sent.response, /^250 2\.0\.0 Ok/)
  await assert.rejects(
    transport.sendMail({ from, to: 'alice@postroad.test', subject: 'You have won', text: 'x' }),
    /550 5\.7\.1 We did not buy a ticket/,
  )
  await assert.rejects(transport.sendMail({ from, to: 'alice@elsewhere.test', subject: 'x', text: 'x' }), /550 5\.7\.1/)
  transport.close()
  const box = path.join(folder, 'mail', 'alice', 'new')
  const files = await deliveredTo(box)
  assert.equal(files.length, 1)
  const text = await readFile(path.join(box, files[0] ?? ''), 'utf8')
  assert.match(text, /^Return-Path: <bob@example\.org>\r\nReceived: from /)
  assert.match(text, /\r\n\r\nIt works\.\r\n$/)
  const [, pagePort = ''] = /"page":"127\.0\.0\.1:(\d+)"/.exec(out) ?? []
  assert.equal(await (await fetch(`http://127.0.0.1:${pagePort}/healthz`)).text(), 'ok\n')
  assert.equal((await fetch(`http://127.0.0.1:${pagePort}/v1/status`)).status, 401)
  child.kill('SIGINT')
  assert.deepEqual(await once(child, 'exit'), [0, null])
  await rm(folder, { recursive: true, force: true })
})

/** With a queue in between, delivery follows the reply. */
async function deliveredTo(box: string): Promise<string[]> {
  for (let tries = 0; tries < 500; tries++) {
    const files = await readdir(box).catch(() => [])
    if (files.length > 0) return files
    await new Promise((wake) => setTimeout(wake, 10))
  }
  return []
}
