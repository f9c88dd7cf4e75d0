/** `postroad sendmail` under the programs that have always called it: a shell, nodemailer, PHP, Python; and what they are told when it fails. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { maildir } from '@postroad/maildir'
import { definePlugin } from '@postroad/plugin'
import { routing } from '@postroad/routing'
import nodemailer from 'nodemailer'
import { createServer } from 'postroad'
import { freePorts } from '../interop/loopback.ts'
import { ended, makeFolder } from '../kit/command.ts'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'
import { ROOT } from '../structure/workspace.ts'

const skip = requires('php-cli', 'python3')
const folder = await makeFolder()
const me = os.userInfo().username
const [closed = 0] = await freePorts(1)

/** A link of that name, as administrators make one. */
const sendmail = path.join(folder, 'sendmail')
const bin = path.join(ROOT, 'packages/cli/src/bin.ts')
await writeFile(
  path.join(folder, 'run'),
  `#!/bin/sh\nexec '${process.execPath}' --conditions=@postroad/source --no-warnings '${path.join(folder, 'bin', 'sendmail')}' "$@"\n`,
  { mode: 0o755 },
)
await mkdir(path.join(folder, 'bin'))
await symlink(bin, path.join(folder, 'bin', 'sendmail'))
await symlink(path.join(folder, 'run'), sendmail)
await writeFile(
  path.join(folder, 'postroad.config.ts'),
  `import { maildir } from '@postroad/maildir'
import { defer, definePlugin, reject } from '@postroad/plugin'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'
const house = definePlugin({ name: 'house', hooks: {
  rcpt: ({ recipient, session }) => recipient.local === 'who' ? reject('I am ' + session.identity?.name) : recipient.local === 'later' ? defer('Not now') : undefined,
} })
export default defineConfig({
  hostname: 'host.test',
  setup: (app) => void app.use(house()).use(routing({ domains: { 'example.test': { via: 'maildir' } } })).use(maildir({ folder: 'mail' })).listen({ port: 0 }),
})
`,
)

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

async function run(args: readonly string[], input: string, env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const child = spawn(sendmail, args, {
    cwd: folder,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.on('error', () => undefined).end(input)
  return ended(child)
}

/** The mails that have come for an address, oldest first. */
function mails(local: string): readonly string[] {
  return globSync(`${folder}/mail/**/${local}/**/new/*`)
    .toSorted()
    .map((file) => readFileSync(file, 'latin1'))
}

test('as cron calls it: -i, a name, an address; what is missing is added, and a line with a dot stays', async () => {
  const { code, err } = await run(
    ['-i', '-FCronDæmon', '-f', 'cron@host.test', 'ann@example.test'],
    'Subject: done\n\n.\nlast\n',
  )
  assert.equal(`${code} ${err}`, '0 ')
  const [mail = ''] = mails('ann')
  assert.match(mail, /^Return-Path: <cron@host\.test>\r\n/)
  assert.match(mail, /^From: =\?UTF-8\?B\?Q3JvbkTDpm1vbg==\?= <cron@host\.test>\r$/m)
  assert.match(mail, /^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r$/m)
  assert.match(mail, /^Message-ID: <[^@]+@host\.test>\r$/m)
  assert.match(mail, /\r\n\r\n\.\r\nlast\r\n$/)
})

test('-t: everybody the message names, hidden ones too, and nobody sees them; without -i a dot ends it; text alone is a body', async () => {
  const message =
    'From: Bob <bob@host.test>\nTo: "A, b" <to@example.test>,\n friends: cc1@example.test;\nBcc: hidden@example.test\nSubject: x\n\nbody\n.\nnot this\n'
  const { code, err } = await run(['-t', '-oem', 'more@example.test'], message)
  assert.equal(`${code} ${err}`, '0 ')
  for (const local of ['to', 'cc1', 'hidden', 'more']) assert.equal(mails(local).length, 1, local)
  const [mail = ''] = mails('hidden')
  assert.doesNotMatch(mail, /^Bcc:/im)
  assert.match(mail, /\r\n\r\nbody\r\n$/)
  assert.match(mail, new RegExp(`^Return-Path: <${me}@host\\.test>`))
  assert.equal((await run(['plain@example.test'], 'just words\n')).code, 0)
  assert.match(mails('plain')[0] ?? '', /\r\n\r\njust words\r\n$/)
})

test('nodemailer’s transport of that name: attachments and envelope arrive', async () => {
  // It is started where this process is.
  process.env['POSTROAD_CONFIG'] = folder
  const transport = nodemailer.createTransport({ sendmail: true, path: sendmail })
  await transport.sendMail({
    from: 'shop@host.test',
    to: 'node@example.test',
    subject: 'Grüße',
    text: '.\nHello',
    attachments: [{ filename: 'a.bin', content: Buffer.alloc(100_000, 3) }],
  })
  const [mail = ''] = mails('node')
  assert.match(mail, /^Return-Path: <shop@host\.test>/)
  assert.ok(mail.length > 130_000)
})

test('Python’s smtplib hands in its mail: STARTTLS, a login, two recipients', { skip }, async () => {
  const anybody = definePlugin({
    name: 'anybody',
    hooks: { auth: { mechanisms: ['PLAIN', 'LOGIN'], handler: ({ attempt }) => ({ name: attempt.username }) } },
  })
  const place = path.join(folder, 'submission')
  const server = await createServer({
    hostname: 'localhost',
    folder: path.join(place, 'var'),
    log: { format: 'silent' },
    setup: (app) =>
      void app
        .use(anybody())
        .use(routing({ domains: { 'example.test': { via: 'maildir' } } }))
        .use(maildir({ folder: path.join(folder, 'mail') }))
        .listen({ port: 0, host: '127.0.0.1', selfSigned: true, tls: 'required', auth: 'required' }),
  })
  await using _ = server
  await server.listen()
  const script = `
import smtplib, ssl
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
with smtplib.SMTP('127.0.0.1', ${server.addresses[0]?.port}) as s:
    s.starttls(context=context); s.login('ann', 'any')
    s.sendmail('ann@host.test', ['smtplib1@example.test', 'smtplib2@example.test'], 'Subject: Hi\\r\\n\\r\\n.dot\\r\\n')
`
  const python = spawn(programPath('python3'), ['-c', script], { stdio: ['ignore', 'pipe', 'pipe'] })
  assert.deepEqual(await ended(python), { code: 0, out: '', err: '' })
  for (const local of ['smtplib1', 'smtplib2']) assert.match(mails(local)[0] ?? '', /\r\n\r\n\.dot\r\n$/)
})

test('PHP’s mail() and Python’s subprocess, as their pages say', { skip }, async () => {
  const php = spawn(
    programPath('php'),
    [
      '-d',
      `sendmail_path=${sendmail} -t -i`,
      '-r',
      "exit(mail('php@example.test', 'Hi', \"one\\n.\\ntwo\", 'From: web@host.test') ? 0 : 1);",
    ],
    { cwd: folder, env: { ...process.env, NODE_TEST_CONTEXT: undefined }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  assert.deepEqual(await ended(php), { code: 0, out: '', err: '' })
  assert.match(mails('php')[0] ?? '', /\r\n\r\none\r\n\.\r\ntwo\r\n$/)
  const script = `
import subprocess, sys
from email.message import EmailMessage
m = EmailMessage(); m['From'] = 'py@host.test'; m['To'] = 'python@example.test'; m['Subject'] = 'Hi'; m.set_content('Hällo')
sys.exit(subprocess.run([${JSON.stringify(sendmail)}, '-t', '-oi'], input=m.as_bytes()).returncode)
`
  const python = spawn(programPath('python3'), ['-c', script], {
    cwd: folder,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  assert.deepEqual(await ended(python), { code: 0, out: '', err: '' })
  assert.equal(mails('python').length, 1)
})

test('what goes wrong has the exit code that programs look at, and one line that says it', async () => {
  const message = 'Subject: x\n\nx\n'
  const cases: readonly (readonly [args: readonly string[], code: number, err: RegExp])[] = [
    [['-t'], 64, /^sendmail: the message names nobody it is for/],
    [['a b@example.test'], 65, /^sendmail: "a b@example\.test" is not an address/],
    [['x@elsewhere.test'], 69, /^sendmail: 550 5\.7\.1 Relaying denied/],
    [['later@example.test'], 75, /^sendmail: 451 4\.7\.1 Not now/],
    [
      ['some@example.test', 'who@example.test'],
      69,
      /^sendmail: taken for 1 of 2; refused: who@example\.test: 550 5\.7\.1 I am /,
    ],
    [['-C', '/nowhere', 'ann@example.test'], 75, /^sendmail: There is no configuration at/],
    [['--server', `127.0.0.1:${closed}`, 'ann@example.test'], 75, /^sendmail: 127\.0\.0\.1:\d+ cannot be reached/],
    [['--sever', 'x'], 64, /^sendmail: There is no option --sever; there are --server/],
  ]
  for (const [args, code, text] of cases) {
    const ran = await run(args, message)
    assert.match(ran.err, text, args.join(' '))
    assert.equal(ran.code, code, args.join(' '))
    assert.equal(ran.err.trimEnd().split('\n').length, 1)
  }
  assert.match((await run(['--help'], '')).out, /Usage: postroad sendmail/)
  assert.equal((await run(['-bi'], '')).code, 0)
})

test('over SMTP to a server, with reports asked for; what it refuses is told', async () => {
  const heard: string[] = []
  const { createServer } = await import('node:net')
  const server = createServer((socket) => {
    let inData = false
    socket.write('220 there\r\n')
    socket.setEncoding('latin1').on('data', (text: string) => {
      for (const line of text.split('\r\n').filter(Boolean)) {
        heard.push(line)
        if (inData) {
          if (line !== '.') continue
          inData = false
          socket.write('250 2.0.0 Ok\r\n')
        } else if (line.startsWith('EHLO')) socket.write('250-there\r\n250-DSN\r\n250 8BITMIME\r\n')
        else if (line === 'DATA') {
          inData = true
          socket.write('354 go\r\n')
        } else socket.write(/TO:<bad@/.test(line) ? '550 5.1.1 No such user\r\n' : '250 2.0.0 Ok\r\n')
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const args = ['-f', 'a@host.test', '-N', 'failure,delay', '-R', 'hdrs', '-V', 'job-7', 'ann@example.test']
  const env = { POSTROAD_SENDMAIL_SERVER: `127.0.0.1:${address.port}` }
  assert.equal((await run(args, 'Subject: x\n\nx\n', env)).code, 0)
  assert.ok(
    heard.some((line) => /^MAIL FROM:<a@host\.test>.* RET=HDRS ENVID=job-7/.test(line)),
    heard.join('\n'),
  )
  assert.ok(heard.some((line) => /^RCPT TO:<ann@example\.test> NOTIFY=FAILURE,DELAY/.test(line)))
  const some = await run(['ann@example.test', 'bad@example.test'], 'Subject: x\n\nx\n', env)
  assert.match(some.err, /taken for 1 of 2; refused: bad@example\.test: 550 5\.1\.1 No such user/)
  assert.equal(some.code, 69)
  server.close()
  assert.match(await readFile(sendmail, 'utf8'), /^#!/)
})
