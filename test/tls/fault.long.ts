/** `npm run matrix -- --faults`. Broken DNSSEC under load: everything waits, nothing is lost, nobody else gets it, and it is said once. With a real resolver and real servers. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer } from '@postroad/core'
import { dane } from '@postroad/dane'
import { createDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { Clock, Dns, definePlugin } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { createSink, type Sink } from '@postroad/testing'
import { proveResolver } from '@postroad/tls-policy'
import { freePorts } from '../interop/loopback.ts'
import { requires } from '../runner/requires.ts'
import { cell, server as hostState } from './cell.ts'
import { identities } from './certificate.ts'
import { DNS_PACKAGES, DnsLab } from './dns-lab.ts'
import { FIRST } from './place.ts'
import { type RealDns, realDns } from './real-zone.ts'

const skip = requires(...DNS_PACKAGES, 'faketime')
const open = new AsyncDisposableStack()
after(() => open.disposeAsync())

/** Messages of each phase. */
const LOAD = 50
const PROBE = { signed: 'dane.test', bogus: 'bogus.test' }

/** A host with a record, and a name whose signatures are wrong. */
function zones(port: number): RealDns {
  const dns = realDns(cell('dane-ee', '', { server: hostState('ee') }), port)
  const bogus = { name: 'bogus.test', signing: 'wrong DS', records: ['bogus.test. TXT "x"'], flaws: [] } as const
  return { ...dns, zones: [...dns.zones, { ...bogus, records: [...bogus.records], flaws: [] }] }
}

/** Our server, with what it has logged. */
async function startPostroad(dnsPort: number, hostPort: number) {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-fault-'))
  const embedded = embeddedServices(join(folder, 'services'))
  const lines: { readonly level?: string; readonly plugin?: string; readonly text?: string }[] = []
  const everywhere = definePlugin({ name: 'everywhere', hooks: { route: () => ({ via: 'smtp' }) } })
  // Little is remembered, so that each message meets what is broken; a refused host is tried again soon.
  const servers = [`127.0.0.1:${dnsPort}`]
  const dns = createDns({ servers, maxTtl: 1, maxNegativeTtl: 1, failureTtl: 1, timeoutMs: 1_000, attemptMs: 500 })
  const [port = 0] = await freePorts(1)
  const postroad = await createServer(
    {
      hostname: 'client.test',
      folder,
      log: { format: 'json', level: 'info', write: (line) => void lines.push(JSON.parse(String(line))) },
      setup(app) {
        app.use(everywhere()).use(dane({ probe: PROBE }))
        app.use(queue({ minFree: 0, retry: [500], retryByClass: { network: [500] }, smtp: { port: hostPort } }))
        app.listen({ port, host: '127.0.0.1' })
      },
    },
    { services: [...embedded.services.filter(({ service }) => service !== Clock), ...services(dns)] },
  )
  await postroad.listen()
  open.defer(async () => {
    await postroad.close({ grace: 2_000 })
    await embedded.close()
    await rm(folder, { recursive: true, force: true })
  })
  const alerts = () => lines.filter(({ level }) => level === 'error').map(({ plugin, text }) => `${plugin}: ${text}`)
  return { port, lines, alerts }
}

/** The resolver is looked at every 200 ms in place of five minutes; all else takes its time. */
function services(dns: Dns) {
  const clock: Clock = {
    now: () => Date.now(),
    sleep: (ms, signal) => sleep(ms === 300_000 ? 200 : ms, undefined, { ref: false, ...(signal && { signal }) }),
  }
  return [
    { service: Dns, create: () => dns },
    { service: Clock, create: () => clock },
  ]
}

/** Gives messages to a server, which takes each of them. */
async function submit(port: number, ids: readonly number[]): Promise<void> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  const lines = ids.flatMap((id) => [
    'MAIL FROM:<sender@from.test>',
    'RCPT TO:<someone@dane.test>',
    'DATA',
    `Subject: ${id}\r\n\r\nHello\r\n.`,
  ])
  const rest = ['EHLO load.test', ...lines, 'QUIT']
  let text = ''
  socket.on('data', (chunk: string) => {
    text += chunk
    if (!/^\d{3} .*\r\n$/m.test(text)) return
    if (!/^[23]/.test(text)) socket.destroy(new Error(text))
    text = ''
    const next = rest.shift()
    if (next !== undefined) socket.write(`${next}\r\n`)
  })
  await once(socket, 'close')
  assert.deepEqual(rest, [], 'each message was taken')
}

const { key, cert } = identities.ee
/** The host of the records; one that is not, with and without TLS. */
const hosts = {
  good: { certificate: { key, cert } },
  'of another certificate': { certificate: identities.leaf },
  'without TLS': {},
} as const

function startHost(port: number, kind: keyof typeof hosts): Promise<Sink> {
  return createSink({ host: FIRST, port, ...hosts[kind] })
}

function subjectsOf(sinks: readonly Sink[]): readonly number[] {
  return sinks.flatMap(({ transactions }) =>
    transactions.map(({ message }) => Number(/^Subject: (\d+)/m.exec(message.toString('latin1'))?.[1])),
  )
}

async function until(condition: () => boolean, what: () => string): Promise<void> {
  for (const end = performance.now() + 90_000; performance.now() < end; await sleep(50)) if (condition()) return
  assert.fail(what())
}

test('a resolver that is killed, silent zones and a clock that was moved: mail waits, and nobody else gets it', {
  skip,
  // A destination that failed is left alone for 30 seconds, and then for a minute.
  timeout: 480_000,
}, async () => {
  const [hostPort = 0] = await freePorts(1)
  const lab = open.use(await DnsLab.open())
  await lab.serve(zones(hostPort))
  let host = await startHost(hostPort, 'good')
  open.defer(() => host.close())
  const good: Sink[] = [host]
  const { port, alerts } = await startPostroad(lab.port, hostPort)
  let count = 0
  const load = async () =>
    await submit(
      port,
      Array.from({ length: LOAD }, () => ++count),
    )
  const arrived = async () =>
    await until(
      () => subjectsOf(good).length >= count,
      () => `${subjectsOf(good).length} of ${count} have arrived; ${alerts().join('; ')}`,
    )
  const replace = async (kind: keyof typeof hosts) => {
    await host.close()
    host = await startHost(hostPort, kind)
    if (kind === 'good') good.push(host)
  }

  /** While it is broken another server stands in the place of the host. */
  const outage = async (
    kind: Exclude<keyof typeof hosts, 'good'>,
    fault: () => Promise<void>,
    mend: () => Promise<void>,
  ) => {
    const before = alerts().length
    await fault()
    await replace(kind)
    await load()
    await until(
      () => alerts().length > before,
      () => 'nothing was said of the outage',
    )
    await sleep(2_000)
    assert.deepEqual(subjectsOf([host]), [], 'mail has gone to another server')
    assert.equal(alerts().length, before + 1, alerts().join('\n'))
    await replace('good')
    await mend()
    await arrived()
  }

  await load()
  await arrived()
  assert.deepEqual(alerts(), [])
  await outage(
    'without TLS',
    () => lab.stopResolver('SIGKILL'),
    () => lab.startResolver(),
  )
  await outage(
    'of another certificate',
    async () => {
      await lab.stopServers('SIGKILL')
      // What it knows already it would still answer.
      await lab.stopResolver()
      await lab.startResolver()
    },
    () => lab.startServers(),
  )
  await outage(
    'without TLS',
    async () => {
      await lab.stopResolver()
      await lab.startResolver({ clock: '+60d' })
    },
    async () => {
      await lab.stopResolver()
      await lab.startResolver()
    },
  )
  await load()
  await arrived()
  const all = subjectsOf(good).toSorted((a, b) => a - b)
  assert.deepEqual(
    all,
    Array.from({ length: 5 * LOAD }, (_, at) => at + 1),
    'each message has arrived, and once',
  )
  assert.ok(good.every(({ transactions }) => transactions.every(({ isSecure }) => isSecure)))
})

test('a resolver that validates nothing, or says so of everything, is found out at start', {
  skip,
  timeout: 60_000,
}, async () => {
  const lab = open.use(await DnsLab.open())
  await lab.serve(zones(25))
  const proof = async (port: number) =>
    await proveResolver(createDns({ servers: [`127.0.0.1:${port}`], timeoutMs: 3_000 }), PROBE)
  assert.equal((await proof(lab.port)).state, 'validates')
  await lab.stopResolver()
  await lab.startResolver({ isBlind: true })
  const blind = await proof(lab.port)
  assert.deepEqual([blind.state, /does not say that dane.test is signed/.test(blind.reason)], ['blind', true])
  const liar = await startLiar(lab.port)
  const lie = await proof(liar)
  assert.deepEqual([lie.state, /answers for bogus.test/.test(lie.reason)], ['blind', true])
  const { alerts } = await startPostroad(liar, 25)
  await until(
    () => alerts().length > 0,
    () => 'nothing was said',
  )
  await sleep(1_000)
  assert.deepEqual(alerts(), ['dane: DANE is off: the resolver does not validate DNSSEC'])
})

/** Passes questions on, and sets the AD bit of every answer. */
async function startLiar(resolver: number): Promise<number> {
  const front = createSocket('udp4')
  front.on('message', (question, { port, address }) => {
    const back = createSocket('udp4')
    back.once('message', (answer) => {
      // RFC 4035 §3.2.3: the AD bit is in the fourth octet.
      answer[3] = (answer[3] ?? 0) | 0x20
      front.send(answer, port, address)
      back.close()
    })
    back.send(question, resolver, '127.0.0.1')
  })
  front.bind(0, '127.0.0.1')
  await once(front, 'listening')
  open.defer(() => void front.close())
  return front.address().port
}
