/** The example `mx-gateway-full` as its operator sees it, before a real Dovecot: what arrives, what is set aside, what is refused and why. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import nodemailer, { type SendMailOptions } from 'nodemailer'
import { serveZone, type ZoneServer } from '../identity/dns-server.ts'
import { type Dovecot, startDovecot } from '../interop/dovecot.ts'
import { freePorts } from '../interop/loopback.ts'
import { readInbox } from '../interop/mailbox.ts'
import { requires } from '../runner/requires.ts'
import { command, type Example, startExample } from './run.ts'

const skip = requires('dovecot-lmtpd', 'dovecot-imapd')
const CONFIG = ['--config', 'examples/mx-gateway-full']
const ALICE = 'alice@example.test'
/** Worth 8 points and more of content alone, and no program is in it. */
const PHISH = {
  subject: 'Your account',
  text: 'Please sign in at http://3405803783/login today',
  html: '<html><body>Please <a href="http://far.example/x">https://www.bank.example/</a><form action="http://far.example/f"><input type="password"></form></body></html>',
}
const PROGRAM = { filename: 'bill.pdf.exe', content: Buffer.from('MZ\x90\0', 'latin1') }

let folder = ''
let dovecot: Dovecot
let dns: ZoneServer
let example: Example
let env: Record<string, string> = {}

if (!skip) {
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-full-'))
    dovecot = await startDovecot([ALICE])
    dns = await serveZone({})
    const [release = 0, admin = 0, metrics = 0] = await freePorts(3)
    env = {
      POSTROAD_FOLDER: folder,
      POSTROAD_DNS: `${dns.address}:${dns.port}`,
      POSTROAD_LMTP: `127.0.0.1:${dovecot.lmtp.port}`,
      POSTROAD_PORT: '0',
      POSTROAD_RELEASE_PORT: `${release}`,
      POSTROAD_ADMIN_PORT: `${admin}`,
      POSTROAD_METRICS_PORT: `${metrics}`,
      POSTROAD_DELAY: '1 s',
    }
    example = await startExample('mx-gateway-full', env)
  })
  after(async () => {
    assert.equal(await example?.stop(), 0)
    await dns?.[Symbol.asyncDispose]()
    await dovecot?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })
}

async function send(mail: SendMailOptions = {}): Promise<string> {
  const port = example.ports['mx'] ?? 0
  const transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port,
    name: 'client.example',
    requireTLS: true,
    tls: { rejectUnauthorized: false },
  })
  const from = 'Someone <someone@else.example>'
  try {
    return (await transport.sendMail({ from, to: ALICE, subject: 'Hello', text: 'x', ...mail })).response
  } catch (error) {
    return error instanceof Error && 'response' in error ? String(error.response) : String(error)
  }
}

async function inbox(subject: string): Promise<readonly string[]> {
  const all = await readInbox(dovecot.imapPort, ALICE)
  return all.map((message) => message.toString('latin1')).filter((text) => text.includes(`\r\nSubject: ${subject}\r\n`))
}

test('nothing is wrong with it, with scanners and without', async () => {
  const scanners = {
    POSTROAD_CLAMAV: '127.0.0.1:3310',
    POSTROAD_RSPAMD: '127.0.0.1:11333',
    POSTROAD_SPAMD: '127.0.0.1:783',
  }
  const empty = await mkdtemp(path.join(os.tmpdir(), 'postroad-full-'))
  try {
    for (const more of [{}, scanners])
      assert.equal(
        await command(['check', 'examples/mx-gateway-full'], { POSTROAD_FOLDER: empty, ...more }),
        'The configuration is fine.\n',
      )
  } finally {
    await rm(empty, { recursive: true, force: true })
  }
})

test('an honest mail comes by TLS to the mailbox, with the results of the checks', { skip }, async () => {
  assert.match(await send(), /^250/)
  const [message = ''] = await inbox('Hello')
  assert.match(message, /^Authentication-Results: mx\.example\.test;/m)
  assert.match(message, /^Received: from client\.example [^:]*?\bby mx\.example\.test [^:]*?\bwith ESMTPS /ms)
})

test('an unknown user is refused, and another domain is none of ours', { skip }, async () => {
  assert.match(await send({ to: 'mallory@example.test' }), /^550 5\.1\.1 No such user here/)
  assert.match(await send({ to: 'alice@elsewhere.example' }), /^550 5\.7\.1/)
})

test('a program is refused, and its sender is told which file it is', { skip }, async () => {
  const said = await send({ from: 'program@else.example', subject: 'Program', attachments: [PROGRAM] })
  assert.match(said, /^550 5\.7\.1 The message has an attachment that is not taken here: \w+, bill\.pdf\.exe/)
  assert.deepEqual(await inbox('Program'), [])
})

test('what looks odd waits, is set aside when it comes back, and arrives when the operator releases it', {
  skip,
}, async () => {
  let said = await send(PHISH)
  assert.match(said, /^451 4\.7\.1 Greylisted/)
  for (let tries = 0; tries < 200 && !said.startsWith('250'); tries++) {
    await new Promise((wake) => setTimeout(wake, 100))
    said = await send(PHISH)
  }
  assert.match(said, /^250/)
  assert.deepEqual(await inbox(PHISH.subject), [])
  const listed = await command(['quarantine', 'list', '--json', ...CONFIG], env)
  const [held = {}, ...others] = listed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.equal(others.length, 0, listed)
  assert.match(await command(['quarantine', 'release', held.id, ...CONFIG], env), /true +250/)
  assert.equal((await inbox(PHISH.subject)).length, 1)
})

test('postroad try prints the weight and the evidence of each signal', { skip }, async () => {
  const file = path.join(folder, 'phish.eml')
  const lines = [
    'From: a@else.example',
    `To: ${ALICE}`,
    'Subject: x',
    'MIME-Version: 1.0',
    'Content-Type: text/html',
    '',
    PHISH.html,
    '',
  ]
  await writeFile(file, lines.join('\r\n'))
  // It is not taken: greylisted for now, which the exit code says, too.
  const args = ['try', file, '--to', ALICE, '--from', 'a@else.example', ...CONFIG]
  const tried = await command(args, env).catch(({ message }: Error) => message)
  assert.match(tried, /^ {2}message +html +suspect 4 html: password: a field for a password$/m)
  assert.match(tried, /^ {2}message +html +suspect 1\.5 html: mismatch: www\.bank\.example → far\.example$/m)
  assert.match(
    tried,
    /^ {2}html +\[\{"signal":"mismatch","weight":1\.5,"evidence":\["www\.bank\.example → far\.example"\]\}/m,
  )
})

test('the operator sees what happened: why, numbers, and that it is well', { skip }, async () => {
  const why = await command(['why', 'program@else.example', ...CONFIG], env)
  assert.match(why, /refused at the end of the message by attachments .*bill\.pdf\.exe/)
  const metrics = await (await fetch(`http://127.0.0.1:${env['POSTROAD_METRICS_PORT']}/metrics`)).text()
  assert.match(metrics, /^postroad_messages_accepted_total\{listener="mx"\} [1-9]/m)
  assert.equal((await fetch(`http://127.0.0.1:${env['POSTROAD_ADMIN_PORT']}/healthz`)).status, 200)
})
