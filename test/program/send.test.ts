/** Mail of a program's and of plugins' own: by the plugins of a scope, as a client's; kept on disk before it is said to be. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { maildir } from '@postroad/maildir'
import { defer, definePlugin, Queue, reject, SendError, type SentMail, suspect } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { rateLimit } from '@postroad/rate-limit'
import { routing } from '@postroad/routing'
import MailComposer from 'nodemailer/lib/mail-composer'
import { type App, createServer, defineConfig, type Server } from 'postroad'

const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-send-'))
after(() => rm(folder, { recursive: true, force: true }))

let count = 0
/** Nothing listens: it sends. Mail for example.test goes into Maildirs while one waits. */
async function sender(fill: (app: App) => void = () => undefined): Promise<Server & { readonly mail: string }> {
  const own = path.join(folder, String(++count))
  const mail = path.join(own, 'mail')
  const server = await createServer(
    defineConfig({
      hostname: 'app.test',
      folder: own,
      log: { format: 'silent' },
      thresholds: { reject: 5 },
      setup(app) {
        fill(app)
        app.use(routing({ domains: { 'example.test': { via: 'maildir' } } })).use(maildir({ folder: mail }))
      },
    }),
  )
  await server.start()
  return Object.assign(server, { mail })
}

function delivered({ mail }: { readonly mail: string }): readonly string[] {
  return globSync(`${mail}/**/new/*`).map((file) => readFileSync(file, 'latin1'))
}

async function refusal(sending: Promise<SentMail>): Promise<SendError> {
  return sending.then(
    () => assert.fail('it was sent'),
    (error: unknown) => {
      assert.ok(error instanceof SendError, String(error))
      return error
    },
  )
}

test('what nodemailer composes is sent whole, to all of its recipients, hidden ones too; the result names it', async () => {
  await using server = await sender()
  const composed = new MailComposer({
    from: '"Änn" <ann@app.test>',
    to: 'bob@example.test',
    bcc: 'eve@example.test',
    subject: 'Grüße',
    text: 'Hello',
    attachments: [{ filename: 'a.bin', content: Buffer.alloc(300_000, 7) }],
  }).compile()
  const { id, reply, refused } = await server.queue.send(composed)
  assert.match(id, /^\w+/)
  assert.equal(reply.code, 250)
  assert.deepEqual(refused, [])
  const mails = delivered(server)
  assert.equal(mails.length, 2)
  for (const mail of mails) {
    assert.match(mail, /^Return-Path: <ann@app\.test>\r\n/)
    assert.match(mail, /^Subject: =\?UTF-8\?.*\?=\r$/m)
    assert.match(mail, /^Received: .*by app\.test.* with ESMTPA? id /ms)
    assert.doesNotMatch(mail, /^Bcc:/im)
  }
})

test('octets as they are given; a bare LF gets its CR wherever a piece ends; a last line without its end gets one', async () => {
  await using server = await sender()
  const text = 'From: a@app.test\nSubject: x\r\n\n.dot\nGrüße\r\n\r\nend'
  async function* inPieces() {
    for (const octet of Buffer.from(text)) yield Buffer.of(octet)
  }
  const to = ['bob@example.test']
  await server.queue.send({ from: null, to, message: text })
  await server.queue.send({ from: null, to, message: Buffer.from(text) })
  await server.queue.send({ from: null, to, message: inPieces() })
  await server.queue.send({ from: null, to, message: `${text}\r` })
  const [first, ...others] = delivered(server).map((mail) => mail.slice(mail.indexOf('From: a@app.test')))
  assert.equal(
    Buffer.from(first ?? '', 'latin1').toString(),
    'From: a@app.test\r\nSubject: x\r\n\r\n.dot\r\nGrüße\r\n\r\nend\r\n',
  )
  assert.deepEqual(others, [first, first, first])
})

test('plugins judge it as a client’s: refusals, points, limits of its name, rules in the shadow', async () => {
  const house = definePlugin({
    name: 'house',
    hooks: {
      rcpt: ({ recipient, session }) =>
        recipient.local === 'later'
          ? defer('Not now')
          : recipient.local === 'me'
            ? reject(`No, ${session.identity?.name}`)
            : undefined,
      message: ({ message }) => (message.subject === 'lottery' ? suspect(9, 'a lottery') : undefined),
    },
  })
  const shadow = definePlugin({ name: 'shadow', hooks: { message: () => reject('Never') } })
  await using server = await sender((app) =>
    app
      .use(house())
      .use(shadow(), { mode: 'shadow' })
      .use(rateLimit({ limits: [{ of: 'messages', by: 'identity', limit: '3/h', clients: 'all' }] })),
  )
  const send = (to: readonly string[], subject = 'x', identity?: string) =>
    server.queue.send(
      { from: 'a@app.test', to, message: `Subject: ${subject}\r\n\r\nx\r\n` },
      identity === undefined ? {} : { identity },
    )
  const some = await send(['bob@example.test', 'me@example.test', 'later@example.test', 'x@elsewhere.test'])
  assert.deepEqual(
    some.refused.map(({ recipient, reply }) => `${recipient} ${reply.code} ${reply.status} ${reply.text}`),
    [
      'me@example.test 550 5.7.1 No, program',
      'later@example.test 451 4.7.1 Not now',
      'x@elsewhere.test 550 5.7.1 Relaying denied',
    ],
  )
  assert.equal(delivered(server).length, 1)
  const all = await refusal(send(['me@example.test', 'later@example.test']))
  assert.equal(all.isTemporary, true, 'one of them may be taken later')
  assert.equal(all.refused.length, 2)
  assert.equal((await refusal(send(['x@elsewhere.test']))).isTemporary, false)
  const points = await refusal(send(['bob@example.test'], 'lottery'))
  assert.match(points.message, /^550 5\.7\.1 /)
  await send(['bob@example.test'])
  const limited = await refusal(send(['bob@example.test']))
  assert.match(limited.message, /^451 4\.7\.28 Too many messages/)
  await send(['bob@example.test'], 'x', 'another')
})

test('a plugin sends by the scope it is in, or by another; its name is that of the client', async () => {
  const seen: string[] = []
  const sent: SentMail[] = []
  const notice = definePlugin({
    name: 'notice',
    needs: { queue: Queue },
    setup: ({ queue: own }) => ({
      async accepted({ envelope }) {
        if (envelope.from === undefined) return
        const mail = { from: null, to: ['boss@example.test'], message: 'Subject: notice\r\n\r\nx\r\n' }
        sent.push(await own.send(mail))
        await assert.rejects(own.send(mail, { scope: 'nowhere' }), /there is no scope "nowhere"/)
        await assert.rejects(own.send(mail, { scope: 'closed' }), /550 5\.7\.1 Relaying denied/)
      },
    }),
  })
  const witness = definePlugin({
    name: 'witness',
    hooks: {
      mail: ({ session, envelope }) =>
        void seen.push(`${session.scope} ${session.identity?.name} ${envelope.from ?? '<>'}`),
    },
  })
  await using server = await sender((app) => {
    app.use(witness()).use(notice())
    app.scope('closed', (closed) =>
      closed.use(definePlugin({ name: 'deaf', hooks: { route: () => reject('Relaying denied') } })(), {
        before: ['routing'],
      }),
    )
  })
  await server.queue.send({ from: 'a@app.test', to: ['bob@example.test'], message: 'Subject: x\r\n\r\nx\r\n' })
  for (let turn = 0; turn < 200 && (seen.length < 3 || sent.length < 1); turn++)
    await new Promise((resolve) => setTimeout(resolve, 25))
  assert.deepEqual(seen, ['server program a@app.test', 'server notice <>', 'closed notice <>'])
  assert.equal(delivered(server).length, 2)
})

test('a plugin that answers each mail with one stops after a few', async () => {
  let sends = 0
  const errors: string[] = []
  const echo = definePlugin({
    name: 'echo',
    needs: { queue: Queue },
    setup: ({ queue: own }) => ({
      async accepted() {
        sends++
        await own
          .send({ from: null, to: ['bob@example.test'], message: 'Subject: again\r\n\r\nx\r\n' })
          .catch((error: unknown) => errors.push(String(error)))
      },
    }),
  })
  await using server = await sender((app) => app.use(echo()))
  await server.queue.send({ from: 'a@app.test', to: ['bob@example.test'], message: 'Subject: x\r\n\r\nx\r\n' })
  for (let turn = 0; turn < 200 && errors.length === 0; turn++) await new Promise((resolve) => setTimeout(resolve, 25))
  assert.equal(sends, 3)
  assert.deepEqual(errors, ['SendError: 554 5.4.6 Sending this made plugins send mail again and again'])
})

test('what is given up, or breaks off, leaves nothing: a stream that fails, a signal, an address that is none', async () => {
  await using server = await sender()
  const to = ['bob@example.test']
  async function* broken() {
    yield Buffer.from('Subject: x\r\n\r\n')
    throw new Error('disk gone')
  }
  await assert.rejects(server.queue.send({ from: null, to, message: broken() }), /disk gone/)
  const stop = new AbortController()
  async function* endless() {
    for (;;) {
      yield Buffer.alloc(1_000, 65)
      stop.abort(new Error('the user left'))
    }
  }
  await assert.rejects(
    server.queue.send({ from: null, to, message: endless() }, { signal: stop.signal }),
    /the user left/,
  )
  await assert.rejects(server.queue.send({ from: 'no address', to, message: 'x' }), /"no address" is not an address/)
  await assert.rejects(server.queue.send({ from: null, to: ['a b'], message: 'x' }), /"a b" is not an address/)
  await assert.rejects(server.queue.send({ from: null, to: [], message: 'x' }), /nobody is to get it/)
  assert.deepEqual(delivered(server), [])
})

test('what was sent is on disk: a process that is killed the moment after has lost nothing', async () => {
  const own = path.join(folder, 'killed')
  const program = `
    import { definePlugin } from '@postroad/plugin'
    import { queue } from '@postroad/queue'
    import { routing } from '@postroad/routing'
    import { createServer, defineConfig } from 'postroad'
    const hold = definePlugin({ name: 'hold', hooks: { rcpt: () => undefined } })
    const server = await createServer(defineConfig({
      hostname: 'app.test', folder: ${JSON.stringify(own)}, log: { format: 'silent' },
      setup: (app) => void app.use(routing({ domains: { 'example.test': { via: 'smtp', host: '127.0.0.1', port: 1 } } })).use(queue({})).use(hold()),
    }))
    await server.start()
    const { id } = await server.queue.send({ from: 'a@app.test', to: ['bob@example.test'], message: 'Subject: kept\\n\\nx\\n' })
    process.stdout.write(id, () => process.kill(process.pid, 'SIGKILL'))
  `
  const child = spawn(process.execPath, ['--conditions=@postroad/source', '--input-type=module', '-e', program], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let id = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (id += text))
  await once(child, 'close')
  assert.match(id, /^\w+/)
  await using server = await createServer(
    defineConfig({
      hostname: 'app.test',
      folder: own,
      log: { format: 'silent' },
      setup: (app) => void app.use(routing({ domains: {} })).use(queue({})),
    }),
  )
  let out = ''
  const io = {
    json: false,
    print: (line: string) => void (out += `${line}\n`),
    row: (fields: object) => void (out += `${JSON.stringify(fields)}\n`),
    signal: AbortSignal.timeout(20_000),
  }
  await server.commands.get('queue')?.['list']?.run?.([], io)
  assert.match(out, new RegExp(`${id}[\\s\\S]*bob@example\\.test`))
})
