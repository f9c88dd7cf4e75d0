/** The configuration of docs/operating.md as it stands, apart from its ports and a next hop: a bounce to its own user arrives. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { createSink, type Sink } from '@postroad/testing'
import nodemailer from 'nodemailer'
import { collect, freePort, Operator, until } from '../cli/operator.ts'
import { CERTIFICATE } from '../conformance/certificate.ts'
import { waitForBanner } from '../interop/loopback.ts'
import { readPage } from '../kit/markdown.ts'
import { ROOT } from '../structure/workspace.ts'

const operator = await Operator.begin()
const [mx, submission, submissions] = [await freePort(), await freePort(), await freePort()]
let sink: Sink
let password = ''
let server: ReturnType<Operator['spawn']> | undefined
let log = (): string => ''

before(async () => {
  // Whatever it is for, the next hop of the outside world does not want it.
  sink = await createSink({ script: ({ verb }) => (verb === 'RCPT' ? '550 5.1.1 User unknown' : undefined) })
  const page = readPage(await readFile(path.join(ROOT, 'docs/operating.md'), 'utf8'))
  const shown = page.find((one) => 'name' in one && one.name === 'server.config.ts')
  assert.ok(shown && 'text' in shown)
  const { port } = sink
  const text = shown.text
    .replaceAll('port: 25,', `host: '127.0.0.1', port: ${mx},`)
    .replaceAll('port: 587,', `host: '127.0.0.1', port: ${submission},`)
    .replaceAll('port: 465,', `host: '127.0.0.1', port: ${submissions},`)
    .replace("authenticated: true, via: 'smtp'", `authenticated: true, via: 'smtp', host: '127.0.0.1', port: ${port}`)
    .replace('queue({', 'queue({ minFree: 0,')
  assert.match(text, new RegExp(`port: ${submission}.*port: ${port}`, 's'))
  await operator.config('server.config.ts', text)
  await mkdir(path.join(operator.folder, 'tls'))
  await writeFile(path.join(operator.folder, 'tls/fullchain.pem'), CERTIFICATE.cert)
  await writeFile(path.join(operator.folder, 'tls/privkey.pem'), CERTIFICATE.key)
  const added = await operator.run(
    'auth-file',
    'add',
    'alice@example.test',
    '--generate',
    '--config',
    'server.config.ts',
  )
  password = /password[^:]*: *(\S+)/i.exec(added.out)?.[1] ?? added.out.trim().split(/\s+/).at(-1) ?? ''
  server = operator.spawn(['start', 'server.config.ts', '--log', 'json'])
  log = collect(server.stdout)
  await waitForBanner(mx)
})
after(async () => {
  if (server) {
    const gone = once(server, 'exit')
    server.kill('SIGTERM')
    await gone
  }
  await sink.close()
  await operator.end()
})

test('what a user of ours sent and nobody took comes back into the Maildir of the user', async () => {
  const client = nodemailer.createTransport({
    host: '127.0.0.1',
    port: submission,
    requireTLS: true,
    tls: { rejectUnauthorized: false },
    auth: { user: 'alice@example.test', pass: password },
  })
  await client.sendMail({
    from: 'alice@example.test',
    to: 'bob@elsewhere.test',
    subject: 'Are you there?',
    text: 'Hello',
  })
  client.close()
  const dsn = await until(async () => {
    const folder = path.join(operator.folder, 'mail/alice/new')
    const [name] = await readdir(folder).catch(() => [])
    return name === undefined ? undefined : readFile(path.join(folder, name), 'utf8')
  }).catch((error: unknown) => Promise.reject(new Error(log(), { cause: error })))
  assert.match(dsn, /^To: <alice@example\.test>\r?$/m)
  assert.match(dsn, /^Final-Recipient: rfc822; bob@elsewhere\.test\r?$/m)
  assert.match(dsn, /^Subject: Are you there\?\r?$/m)
})
