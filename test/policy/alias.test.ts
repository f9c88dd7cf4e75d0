/** An alias with addresses here and elsewhere, through the real queue: each copy goes its own way, once. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { createSink, runDialogue } from '@postroad/testing'
import { startServer } from './server.ts'

const DIALOGUE = `S: 220 *
C: EHLO client.test
S: 250-*
S: 250 *
C: MAIL FROM:<a@client.test>
S: 250 *
C: RCPT TO:<team@mx.test>
S: 250 *
C: DATA
S: 354 *
C: Subject: for all\\r\\n\\r\\nx\\r\\n.
S: 250 *
C: QUIT
S: 221 *
`

test('a copy into the mailbox, a copy to the other server', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  const sink = await createSink()
  const rules = routing({
    routes: [{ match: 'fax@mx.test', via: 'smtp', host: '127.0.0.1', port: sink.port }],
    addresses: { 'team@mx.test': ['alice@mx.test', 'fax@mx.test', 'friend@elsewhere.test'] },
    domains: { 'mx.test': { via: 'maildir' } },
    relay: { via: 'smtp', host: '127.0.0.1', port: sink.port },
  })
  const clock = {
    now: () => Date.now(),
    sleep: (ms: number, signal?: AbortSignal) => wait(ms, undefined, signal ? { signal } : {}),
  }
  const mailboxes = join(folder, 'mail')
  {
    await using server = await startServer(
      [rules, queue({ folder: join(folder, 'queue'), maildir: { folder: mailboxes } })],
      {},
      clock,
    )
    await runDialogue(DIALOGUE, { port: server.port })
    const arrived = async () => (await readdir(join(mailboxes, 'alice', 'new')).catch(() => [])).length
    for (let i = 0; i < 500 && (sink.transactions.length === 0 || (await arrived()) === 0); i++) await wait(10)
  }
  assert.deepEqual(
    sink.transactions.map(({ recipients }) => recipients.map((recipient) => recipient.split(' ')[0])),
    [['<fax@mx.test>', '<friend@elsewhere.test>']],
  )
  const [file, ...others] = await readdir(join(mailboxes, 'alice', 'new'))
  assert.equal(others.length, 0)
  assert.match(await readFile(join(mailboxes, 'alice', 'new', file ?? ''), 'utf8'), /Subject: for all/)
  await sink.close()
  await rm(folder, { recursive: true })
})
