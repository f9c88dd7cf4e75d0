/** Two nodes that share Redis: what both have counted is one report, and one of them sends it. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createServer, type Server } from '@postroad/core'
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import { dmarcReport } from '@postroad/dmarc-report'
import { zoneDns } from '@postroad/dns'
import { messageFromBytes } from '@postroad/message'
import { Clock, type DefaultService, Dns } from '@postroad/plugin'
import { redis } from '@postroad/redis'
import { readReport } from '@postroad/report'
import { routing } from '@postroad/routing'
import { spf } from '@postroad/spf'
import { createSink, fakeClock, runDialogue } from '@postroad/testing'
import { startRedis } from '../cluster/redis.ts'
import { freePorts } from '../interop/loopback.ts'
import { requires } from '../runner/requires.ts'

const HOUR = 3_600_000

const forged = [
  'S: 220 *',
  'C: EHLO client.test',
  'S: 250-*',
  'S: 250 HELP',
  'C: MAIL FROM:<x@forger.test>',
  'S: 250 2.1.0 *',
  'C: RCPT TO:<bob@alpha.test>',
  'S: 250 2.1.5 *',
  'C: DATA',
  'S: 354 *',
  'C: From: boss@beta.test',
  'C:',
  'C: Hello',
  'C: .',
  'S: 550 5.7.26 *',
].join('\n')

test('two nodes with one Redis make one report, with the sum of what both have seen, though one of them was restarted', {
  skip: requires('redis-server'),
}, async (t) => {
  const server = await startRedis()
  const sink = await createSink()
  const folder = await mkdtemp(join(tmpdir(), 'postroad-nodes-'))
  const clock = fakeClock(Date.UTC(2026, 10, 28, 12))
  const dns = zoneDns({ '_dmarc.beta.test': { TXT: ['v=DMARC1; p=reject; rua=mailto:d@beta.test'] } }, { clock })
  const open: Server[] = []
  t.after(async () => {
    for (const one of open) await one.close()
    await sink.close()
    await server[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })
  const services = [
    { service: Clock, create: () => clock },
    { service: Dns, create: () => dns },
  ] as DefaultService[] // as the services are declared
  const start = async (hostname: string, port: number): Promise<Server> => {
    const node = await createServer(
      {
        hostname,
        folder: join(folder, hostname),
        refuseAt: 'now',
        log: { format: 'silent' },
        setup(app) {
          app.use(redis({ url: server.url }))
          app.use(spf()).use(dkim()).use(dmarc())
          app.use(dmarcReport({ from: 'dmarc@alpha.test', submit: { host: '127.0.0.1', port: sink.port } }))
          app.use(routing({ domains: { 'alpha.test': { via: 'discard' } } }))
          app.listen({ name: 'mx', host: '127.0.0.1', port })
        },
      },
      { now: clock.now, services },
    )
    await node.listen()
    open.push(node)
    return node
  }
  const [one = 0, two = 0] = await freePorts(2)
  const first = await start('mx1.alpha.test', one)
  await start('mx2.alpha.test', two)
  for (const port of [one, two, two]) await runDialogue(forged, { port })
  // What it has counted is written down when it ends.
  await first.close()
  open.splice(open.indexOf(first), 1)
  await start('mx1.alpha.test', one)
  await runDialogue(forged, { port: one })
  for (let hour = 0; hour < 20; hour++) {
    await clock.advance(HOUR)
    await pause(20)
  }
  for (let turn = 0; turn < 200 && sink.transactions.length === 0; turn++) {
    await clock.advance(60_000)
    await pause(50)
  }
  const { attachments } = await messageFromBytes(sink.transactions[0]?.message ?? assert.fail('no report')).mime()
  const read = await readReport(attachments[0]?.content ?? assert.fail())
  const { records } = read.kind === 'dmarc' ? read.report : assert.fail(JSON.stringify(read))
  assert.deepEqual(records.map(({ count, disposition }) => [count, disposition]), [[4, 'reject']]) // biome-ignore format: one line
  for (let hour = 0; hour < 30; hour++) {
    await clock.advance(HOUR)
    await pause(20)
  }
  assert.equal(sink.transactions.length, 1)
})
