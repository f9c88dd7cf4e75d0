/**
 * What addresses of its own for bounces cost: the same mail without them, with one for each message, and for one in a hundred, in turns.
 *
 *   npx node --conditions=@postroad/source --no-warnings test/senders/verp-cost.ts [ROUNDS]
 *
 * CPU of this process, in which the receivers are too, in microseconds a message.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { bounces } from '@postroad/bounces'
import { createServer } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { Dns, definePlugin } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { startReceivers } from './receiver.ts'

const MAILS = 1_500
const WARM = 300
const CLIENTS = 20
const RECEIVERS = 4
const SENDER = 'news@day.test'

async function measure(every: number | undefined): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-verp-'))
  const services = embeddedServices(join(folder, 'services'))
  await using receivers = await startReceivers(RECEIVERS, () => ({}))
  let ended = 0
  const way = definePlugin({
    name: 'way',
    hooks: {
      route: ({ recipient }) => ({
        via: 'smtp',
        host: '127.0.0.1',
        port: receivers.ports[Number(recipient.domain[1])] ?? 0,
      }),
      delivered: ({ recipients }) => {
        ended += recipients.length
      },
    },
  })
  const server = await createServer(
    {
      hostname: 'mx.test',
      folder,
      log: { format: 'silent' },
      setup(app) {
        if (every !== undefined) app.use(bounces({ address: 'bounce@b.test', senders: [SENDER], every }))
        app.use(way()).use(queue({ minFree: 0 }))
        app.listen({ host: '127.0.0.1', port: 0 })
      },
    },
    { services: [...services.services, { service: Dns, create: () => zoneDns({}) }] },
  )
  await server.listen()
  const message = `From: ${SENDER}\r\nSubject: x\r\n\r\n${'Hello, and all the news.\r\n'.repeat(40)}`
  const send = async (count: number): Promise<void> => {
    const goal = ended + count
    let next = 0
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        for (let n = next++; n < count; n = next++)
          await server.queue.send({ from: SENDER, to: [`u${n}@r${n % RECEIVERS}.test`], message })
      }),
    )
    while (ended < goal) await sleep(5)
  }
  try {
    await send(WARM)
    const before = process.cpuUsage()
    await send(MAILS)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / MAILS
  } finally {
    await server.close()
    await services.close()
    await rm(folder, { recursive: true, force: true })
  }
}

const rounds = Number(process.argv[2] ?? 5)
const found = new Map<string, number[]>()
for (let round = 0; round < rounds; round++)
  for (const [name, every] of [['without', undefined], ['every: 1', 1], ['every: 100', 100]] as const) // biome-ignore format: short
    found.set(name, [...(found.get(name) ?? []), await measure(every)])
for (const [name, all] of found) {
  const sorted = all.toSorted((a, b) => a - b)
  process.stdout.write(
    `${name.padEnd(12)} ${Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)} µs a message (${all.map(Math.round).join(', ')})\n`,
  )
}
