/** Stop and reload while a next hop thinks about what it was sent: it gets each message once. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Config, createServer } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { Dns, definePlugin } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { createSink, type Sink } from '@postroad/testing'
import { SmtpClient } from '../failure/smtp-client.ts'

/** Longer than deliveries have, shorter than answers have. */
const ANSWER_MS = 3_000
const times = { stopGrace: 100, answerGrace: 60_000, retry: [200], retryByClass: { network: [200], other: [200] } }

interface Running extends AsyncDisposable {
  readonly sink: Sink
  /** Hands a message in, and waits until the sink has got it all. */
  send(to: string): Promise<void>
  reload(): Promise<void>
  close(): Promise<void>
}

/** Postroad before a sink that holds back its answer to a verb, for the recipient `slow@…` only. */
async function start(folder: string, verb: 'DOT' | 'RCPT'): Promise<Running> {
  const seen: string[] = []
  let isSlow = false
  const sink = await createSink({
    async script(step) {
      if (step.verb === 'RCPT') isSlow = step.argument.includes('slow@')
      if (step.verb !== verb) return undefined
      seen.push(step.argument)
      if (isSlow && seen.length === 1) await sleep(ANSWER_MS)
      return undefined
    },
  })
  const route = { via: 'smtp', host: '127.0.0.1', port: sink.port, settings: { tls: 'none' } } as const
  const road = definePlugin({ name: 'road', hooks: { route: () => route } })
  const config: Config = {
    hostname: 'middle.test',
    folder,
    log: { format: 'silent' },
    setup(app) {
      app.use(road()).use(queue({ minFree: 0, ...times }))
      app.listen({ name: 'mx', port: 0, host: '127.0.0.1' })
    },
  }
  const embedded = embeddedServices(join(folder, 'services'))
  const server = await createServer(config, {
    services: [...embedded.services, { service: Dns, create: () => zoneDns({}) }],
  })
  await server.listen()
  return {
    sink,
    async send(to) {
      const client = await SmtpClient.connect(server.addresses[0]?.port ?? 0)
      await client.reply()
      for (const line of [
        'EHLO client.test',
        'MAIL FROM:<a@b.test>',
        `RCPT TO:<${to}>`,
        'DATA',
        'Subject: x\r\n\r\nx\r\n.',
      ]) {
        assert.match(await client.send(line), /^[23]/)
      }
      await client.send('QUIT')
      const count = seen.length + 1
      while (seen.length < count) await sleep(10)
    },
    reload: () => server.reload(config),
    close: () => server.close({ grace: 1_000 }),
    async [Symbol.asyncDispose]() {
      await server.close({ grace: 0 })
      await embedded.close()
      await sink.close()
    },
  }
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-stop-'))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('RFC 5321 §4.5.3.2.6: who stops waits for the answer to a final dot', async () => {
  await inFolder(async (folder) => {
    await using first = await start(folder, 'DOT')
    await first.send('slow@to.test')
    await first.close()
    assert.equal(first.sink.transactions.length, 1)
    // Whoever comes next finds nothing to do.
    await using second = await start(folder, 'DOT')
    await second.send('next@to.test')
    await sleep(1_000)
    assert.deepEqual(
      second.sink.transactions.map(({ recipients }) => recipients),
      [['<next@to.test>']],
    )
  })
})

test('what has not sent its final dot is cut when the grace is over', async () => {
  await inFolder(async (folder) => {
    await using running = await start(folder, 'RCPT')
    await running.send('slow@to.test')
    const began = performance.now()
    await running.close()
    assert.ok(performance.now() - began < ANSWER_MS)
  })
})

test('a reload cuts nothing: the old generation ends what it began, and the new one does not begin it again', async () => {
  const each = (verb: 'DOT' | 'RCPT'): Promise<void> =>
    inFolder(async (folder) => {
      await using running = await start(folder, verb)
      await running.send('slow@to.test')
      await running.reload()
      await running.send('next@to.test')
      while (running.sink.transactions.length < 2) await sleep(20)
      await sleep(ANSWER_MS + 1_000)
      assert.deepEqual(running.sink.transactions.map(({ recipients }) => recipients[0]).toSorted(), [
        '<next@to.test>',
        '<slow@to.test>',
      ])
    })
  await Promise.all([each('DOT'), each('RCPT')])
})
