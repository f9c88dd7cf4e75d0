/** Mail to a real Postfix that takes it and bounces it later: the notification finds its way to what was sent. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bounces } from '@postroad/bounces'
import { createServer, type Server } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { Dns, definePlugin } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { suppression } from '@postroad/suppression'
import { freePort } from '../cli/operator.ts'
import { requires } from '../runner/requires.ts'
import { certificate } from './certificate.ts'
import { type NextHop, startPostfix } from './postfix.ts'

const skip = requires('postfix')

type Line = Readonly<Record<string, unknown>>

/** A notification of a failure comes after two processes have had their turn. */
const PATIENCE = 60_000
const folder = mkdtempSync(join(tmpdir(), 'pr-bounces-'))
const lines: Line[] = []
const embedded = embeddedServices(join(folder, 'services'))
let postfix: NextHop
let server: Server

before(async () => {
  if (skip) return
  const port = await freePort()
  postfix = await startPostfix({
    certificate,
    relayTo: port,
    // It is there, and leads nowhere.
    main: 'virtual_alias_maps = inline:{ {gone@to.test = nobody@to.test} }\n',
  })
  const byDomain = definePlugin({
    name: 'by-domain',
    hooks: {
      route: ({ recipient }) =>
        recipient.domain === 'to.test' ? { via: 'smtp', host: '127.0.0.1', port: postfix.port } : undefined,
    },
  })
  server = await createServer(
    {
      hostname: 'shop.test',
      folder,
      log: {
        format: 'json',
        write: (text) => void lines.push(...text.trimEnd().split('\n').map((line) => JSON.parse(line))), // biome-ignore format: short
      },
      setup(app) {
        app.use(bounces({ address: 'bounce@b.shop.test', senders: ['news@shop.test'] }))
        app
          .use(suppression())
          .use(byDomain())
          .use(queue({ minFree: 0 }))
        app.listen({ port, host: '127.0.0.1' })
      },
    },
    { services: [...embedded.services, { service: Dns, create: () => zoneDns({}) }] },
  )
  await server.listen()
})
after(async () => {
  await server?.close({ grace: 2_000 })
  await embedded.close()
  await postfix?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

async function untilLine(fits: (line: Line) => boolean): Promise<Line> {
  const end = performance.now() + PATIENCE
  for (;;) {
    const found = lines.find(fits)
    if (found) return found
    assert.ok(performance.now() < end, lines.map((line) => JSON.stringify(line)).join('\n'))
    await sleep(50)
  }
}

const SUPPRESSED = /550 5\.1\.1 Recipient is suppressed since \S+: there was no such mailbox/

const sendTo = (recipient: string) =>
  server.queue.send({
    from: 'news@shop.test',
    to: [recipient],
    message: 'From: news@shop.test\r\nSubject: News\r\n\r\nHello\r\n',
  })

const factsOf = ({ facts }: Line) => (facts as Line | undefined)?.['feedback'] // a record of the log

test('Postfix bounces what it took: the bounce is laid to the mail, its recipient, and whose fault it is', {
  skip,
}, async () => {
  const { id } = await sendTo('gone@to.test')
  const sent = await untilLine(({ text, to }) => text === 'delivered' && to === 'gone@to.test')
  assert.equal(sent['id'], id)
  const report = await untilLine((line) => factsOf(line) !== undefined)
  const [said] = factsOf(report) as readonly Line[] // as it was just found
  assert.equal(report['from'], '')
  assert.match(
    String((report['to'] as string[])[0]),
    /^bounce\+[0-9a-z]+-[0-9a-z]+-[a-z2-7]{12}-[a-z2-7]{16}@b\.shop\.test$/,
  )
  assert.deepEqual(
    { ...said, reply: undefined },
    {
      kind: 'failed',
      recipient: 'gone@to.test',
      reported: 'gone@to.test',
      from: 'news@shop.test',
      transaction: sent['transaction'],
      reply: undefined,
      class: 'invalid-mailbox',
      fault: 'address',
    },
  )
  await assert.rejects(sendTo('gone@to.test'), SUPPRESSED)
})

test('what Postfix refuses at once is learned as well, and nothing else of it: a mailbox that is there is written to', {
  skip,
}, async () => {
  await sendTo('nobody@to.test')
  await untilLine(({ text, to }) => text === 'bounced' && to === 'nobody@to.test')
  // Hooks of what has happened are not waited for.
  for (const end = performance.now() + PATIENCE; ; await sleep(50)) {
    const refused = await sendTo('nobody@to.test').then(
      () => false,
      (error: unknown) => SUPPRESSED.test(String(error)) || Promise.reject(error),
    )
    if (refused) break
    assert.ok(performance.now() < end)
  }
  await sendTo('alice@to.test')
  await untilLine(({ text, to }) => text === 'delivered' && to === 'alice@to.test')
  await sendTo('alice@to.test')
})
