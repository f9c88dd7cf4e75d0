/** A real Postfix that asks a scope of plugins by milter, over TCP: refusals, edits of header, body and envelope, hold, discard, and a filter that is gone. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { test } from 'node:test'
import { createServer } from '@postroad/core'
import { parseAddress } from '@postroad/mail'
import { defer, definePlugin, discard, quarantine, reject, rewrite } from '@postroad/plugin'
import { certificate } from '../delivery/certificate.ts'
import { mails } from '../delivery/mailbox.ts'
import { startPostfix } from '../delivery/postfix.ts'
import { makeFolder } from '../kit/command.ts'
import { requires } from '../runner/requires.ts'
import { CLIENTS } from './client.ts'
import { freePorts } from './loopback.ts'

const skip = requires('postfix', 'swaks') || (process.getuid?.() === 0 ? false : 'Postfix needs root')

/** Does what the subject of a message says. */
const obedient = definePlugin({
  name: 'obedient',
  setup: () => ({
    rcpt: ({ recipient }) =>
      recipient.local === 'bob' ? reject('No such user: 100% %s', { status: '5.1.1' }) : undefined,
    message({ message }) {
      const subject = message.headers.get('Subject')
      if (subject === 'refuse') return reject('Not this, 50% sure', { status: '5.7.1' })
      if (subject === 'defer') return defer('Later', { status: '4.7.1' })
      if (subject === 'hold') return quarantine('to be looked at')
      return subject === 'discard' ? discard('not wanted') : undefined
    },
    async rewrite({ message }) {
      const marked = message.withHeader('X-Filter', 'was here')
      if (message.headers.get('Subject') !== 'edit') return marked
      const carol = parseAddress('carol@example.test')
      const alice = parseAddress('alice@example.test')
      assert.ok(carol && alice)
      const other = await marked.withReplacedHeader('Subject', 'edited').withBody([Buffer.from('another body\r\n')])
      return rewrite({ message: other, add: [carol], remove: [alice] })
    },
  }),
})

test('Postfix asks, and does what is said', { skip }, async (t) => {
  const [port = 0] = await freePorts(1)
  const folder = await makeFolder()
  t.after(() => rm(folder, { recursive: true, force: true }))
  const server = await createServer({
    hostname: 'filter.test',
    folder,
    log: { format: 'silent' },
    setup: (app) => void app.scope('filter', (scope) => scope.use(obedient()).listen({ protocol: 'milter', port })),
  })
  await server.listen()
  let isOpen = true
  t.after(() => (isOpen ? server.close() : undefined))
  await using postfix = await startPostfix({
    certificate,
    domain: 'example.test',
    main: `smtpd_milters = inet:127.0.0.1:${port}\nmilter_default_action = tempfail\n`,
  })
  const client = CLIENTS.get('swaks')
  assert.ok(client)
  const send = (subject: string, user = 'alice') =>
    client.send({
      port: postfix.port,
      from: 'sender@client.example',
      to: [`${user}@example.test`],
      data: Buffer.from(`From: sender@client.example\r\nSubject: ${subject}\r\n\r\n.dot\r\nHello\r\n`),
    })

  const taken = await send('plain')
  assert.ok(taken.isSent, taken.said)
  const [mail = ''] = (await mails(postfix.mailbox('alice'), 1)).map(String)
  // On top is above the trace field of Postfix.
  assert.match(mail, /X-Filter: was here\nReceived: [\s\S]*Subject: plain\n[\s\S]*\n\n\.dot\nHello\n/)
  assert.match((await send('plain', 'bob')).said, /550 5\.1\.1 .*No such user: 100% %s/)
  assert.match((await send('refuse')).said, /550 5\.7\.1 Not this, 50% sure/)
  assert.match((await send('defer')).said, /451 4\.7\.1 Later/)
  assert.ok((await send('discard')).isSent)
  assert.ok((await send('hold')).isSent)
  assert.ok((await send('edit')).isSent)
  const [edited = ''] = (await mails(postfix.mailbox('carol'), 1)).map(String)
  assert.match(edited, /Subject: edited\n[\s\S]*\n\nanother body\n/)
  // Discarded, held, and taken away from the envelope: none of them has come.
  assert.equal((await mails(postfix.mailbox('alice'), 1)).length, 1)
  assert.match(readFileSync(postfix.log, 'utf8'), /milter-hold: END-OF-MESSAGE/)

  await server.close()
  isOpen = false
  const gone = await send('plain')
  assert.ok(!gone.isSent)
  assert.match(gone.said, /4\d\d 4\.7\.1/)
})
