/** SRS and masquerading, through the real queue: what the next hop hears as the reverse-path. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { createSink, runDialogue } from '@postroad/testing'
import { startServer } from './server.ts'

const dialogue = (from: string, to: string) => `S: 220 *
C: EHLO client.test
S: 250-*
S: 250 *
C: MAIL FROM:<${from}>
S: 250 *
C: RCPT TO:<${to}>
S: 250 *
C: DATA
S: 354 *
C: Subject: on its way\\r\\n\\r\\nx\\r\\n.
S: 250 *
C: QUIT
S: 221 *
`

test('what an alias sends on has a reverse-path of ours, and a bounce to it finds its way back to the sender', {
  timeout: 30_000,
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-srs-'))
  t.after(() => rm(folder, { recursive: true }))
  const sink = await createSink()
  t.after(() => sink.close()) // what listens on would keep a test that failed from ending
  const rules = routing({
    addresses: { 'friend@mx.test': ['friend@elsewhere.test'] },
    domains: { 'mx.test': { via: 'smtp', host: '127.0.0.1', port: sink.port } },
    relay: { via: 'smtp', host: '127.0.0.1', port: sink.port },
    srs: { domain: 'mx.test', secret: 'only for this test' },
  })
  const clock = {
    now: () => Date.now(),
    sleep: (ms: number, signal?: AbortSignal) => wait(ms, undefined, signal ? { signal } : {}),
  }
  {
    await using server = await startServer([rules, queue({ folder: join(folder, 'queue') })], {}, clock)
    await runDialogue(dialogue('alice@client.test', 'friend@mx.test'), { port: server.port })
    for (let i = 0; i < 500 && sink.transactions.length < 1; i++) await wait(10)
    const from = /^<(SRS0=[^@]+@mx\.test)>/.exec(sink.transactions[0]?.from ?? '')?.[1]
    assert.ok(from, `the reverse-path is ${sink.transactions[0]?.from}`)
    await runDialogue(dialogue('', from), { port: server.port })
    for (let i = 0; i < 500 && sink.transactions.length < 2; i++) await wait(10)
  }
  assert.match(sink.transactions[1]?.from ?? '', /^<>/)
  assert.deepEqual(
    sink.transactions.map(({ recipients }) => recipients.map((recipient) => recipient.split(' ')[0])),
    [['<friend@elsewhere.test>'], ['<alice@client.test>']],
  )
})
