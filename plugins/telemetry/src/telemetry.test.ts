import assert from 'node:assert/strict'
import { hasSubscribers, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { createDns } from '@postroad/dns'
import {
  type DeliveryFacts,
  DeliveryHooks,
  type DeliveryResultContext,
  Dns,
  defer,
  definePlugin,
  type Hooks,
  quarantine,
  reject,
  suspect,
} from '@postroad/plugin'
import { createTestServer, sessionOn, type TestServer, type Used } from '@postroad/testing'
import { telemetry } from './index.ts'

const plugin = (name: string, hooks: Hooks) => definePlugin({ name, hooks })()

function portOf({ lines, server }: TestServer): number {
  server.log.flush()
  const served = lines.find(({ text }) => text === 'metrics are served')
  assert.ok(served, 'metrics are served')
  return Number(served['port'])
}

/** One scrape, as Prometheus makes it: samples by name and labels as they are written. */
async function scrape(port: number): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`)
  assert.equal(response.status, 200)
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

type Work = (server: TestServer, samples: () => ReturnType<typeof scrape>) => Promise<void>

async function withServer(
  others: readonly Used[],
  work: Work,
  options: Parameters<typeof createTestServer>[1] = {},
): Promise<void> {
  const server = await createTestServer([telemetry({ prometheus: { port: 0 } }), ...others], options)
  try {
    await work(server, () => scrape(portOf(server)))
  } finally {
    await server.close()
  }
}

const data = 'Subject: x\n\nx\n'

test('connections, messages, recipients and octets are counted by listener', () =>
  withServer([], async (server, samples) => {
    await sessionOn(server).rcpt('a@mx.test').rcpt('b@mx.test').data(data).quit()
    await sessionOn(server).helo().quit()
    const seen = await samples()
    assert.equal(seen.get('postroad_connections_total{listener="test"}'), 2)
    assert.equal(seen.get('postroad_connections_open{listener="test"}'), 0)
    assert.equal(seen.get('postroad_connections_closed_total{listener="test",reason="quit"}'), 2)
    assert.equal(seen.get('postroad_messages_accepted_total{listener="test"}'), 1)
    assert.equal(seen.get('postroad_recipients_accepted_total{listener="test"}'), 2)
    assert.equal(seen.get('postroad_message_octets_count{listener="test"}'), 1)
    assert.ok((seen.get('postroad_message_octets_sum{listener="test"}') ?? 0) >= data.length)
    assert.equal(seen.get('postroad_receipts_total{plugin="test-sink",hook="queue"}'), 1)
    assert.ok((seen.get('process_resident_memory_bytes') ?? 0) > 1_000_000)
  }))

test('what was said of messages to a server that takes them is counted by outcome', () => {
  const strict = plugin('strict', {
    message: ({ message }) => {
      const subject = message.headers.get('subject')
      if (subject === 'odd') return quarantine('odd')
      return subject === 'no' ? reject('No') : undefined
    },
  })
  return withServer(
    [strict],
    async (server, samples) => {
      for (const subject of ['x', 'y', 'odd', 'no']) await sessionOn(server).data({ Subject: subject }).quit()
      const seen = await samples()
      const judged = (outcome: string) => seen.get(`postroad_judgements_total{listener="test",outcome="${outcome}"}`)
      assert.deepEqual(['pass', 'quarantine', 'refuse', 'discard'].map(judged), [2, 1, 1, undefined])
      assert.equal(seen.get('postroad_refusals_total{listener="test",hook="message",plugin="strict",kind="reject"}'), 1)
      assert.equal(seen.get('postroad_message_octets_count{listener="test"}'), 4)
      assert.equal(seen.get('postroad_messages_accepted_total{listener="test"}'), undefined)
    },
    { protocol: 'milter' },
  )
})

test('where only envelopes are asked about, judgements have no size', () =>
  withServer(
    [],
    async (server, samples) => {
      await sessionOn(server).data(data).expectOutcome('pass').quit()
      const seen = await samples()
      assert.equal(seen.get('postroad_judgements_total{listener="test",outcome="pass"}'), 1)
      assert.equal(seen.get('postroad_message_octets_count{listener="test"}'), undefined)
    },
    { protocol: 'policy' },
  ))

test('refusals are counted by hook, by whose they were, and by kind; opinions also where they are not obeyed', () => {
  const strict = plugin('strict', {
    rcpt: ({ recipient }) => (recipient.local === 'nobody' ? reject('No') : undefined),
    message: () => defer('Later'),
  })
  const shy = plugin('shy', { mail: () => reject('No') })
  const doubting = plugin('doubting', { helo: () => suspect(1, 'who knows') })
  return withServer([strict, [shy, { mode: 'shadow' }], doubting], async (server, samples) => {
    await sessionOn(server).rcpt('nobody@mx.test').rcpt('b@mx.test').data(data).quit()
    const seen = await samples()
    assert.equal(seen.get('postroad_refusals_total{listener="test",hook="rcpt",plugin="strict",kind="reject"}'), 1)
    assert.equal(seen.get('postroad_refusals_total{listener="test",hook="message",plugin="strict",kind="defer"}'), 1)
    assert.equal(seen.get('postroad_opinions_total{plugin="shy",hook="mail",kind="reject",shadow="true"}'), 1)
    assert.equal(seen.get('postroad_opinions_total{plugin="doubting",hook="helo",kind="suspect",shadow="false"}'), 1)
    assert.equal(seen.get('postroad_messages_accepted_total{listener="test"}'), undefined)
  })
})

test('runs have their time and their failures, those that are never answered too', () => {
  const broken = plugin('broken', { mail: () => assert.fail('broken') })
  const silent = plugin('silent', { rcpt: { handler: () => new Promise<undefined>(() => {}), timeout: 30 } })
  const used: Used[] = [broken, silent].map((one) => [one, { onError: 'pass' }])
  return withServer(used, async (server, samples) => {
    await sessionOn(server).rcpt('a@mx.test').quit()
    const seen = await samples()
    assert.equal(seen.get('postroad_plugin_failures_total{plugin="broken",hook="mail"}'), 1)
    assert.equal(seen.get('postroad_plugin_failures_total{plugin="silent",hook="rcpt"}'), 1)
    assert.equal(seen.get('postroad_hook_seconds_count{plugin="silent",hook="rcpt"}'), 1)
    assert.ok((seen.get('postroad_hook_seconds_sum{plugin="silent",hook="rcpt"}') ?? 0) >= 0.029)
    assert.equal(seen.get('postroad_hook_seconds_count{plugin="broken",hook="mail"}'), 1)
    assert.equal(
      seen.get('postroad_hook_seconds_count{plugin="telemetry",hook="connect"}'),
      undefined,
      'our own are not counted',
    )
  })
})

test('logins are counted by outcome', () => {
  const users = plugin('users', {
    auth: {
      mechanisms: ['PLAIN'],
      handler: ({ attempt: { username } }) => (username === 'ann' ? { name: 'ann' } : reject('No')),
    },
  })
  return withServer([users], async (server, samples) => {
    for (const username of ['ann', 'eve', 'eve']) await sessionOn(server).tls().auth({ username, password: 'x' }).quit()
    const seen = await samples()
    assert.equal(seen.get('postroad_auth_total{plugin="users",outcome="succeeded"}'), 1)
    assert.equal(seen.get('postroad_auth_total{plugin="users",outcome="failed"}'), 2)
  })
})

test('ends of delivery attempts are counted by transport, outcome and class of the failure', () => {
  type Told = DeliveryFacts<DeliveryResultContext>
  let tell: DeliveryHooks['tell'] | undefined
  const queue = definePlugin({
    name: 'some-queue',
    needs: { hooks: DeliveryHooks },
    setup: ({ hooks }) => ({ start: () => void (tell = hooks.tell) }),
  })
  return withServer([queue()], async ({ clock }, samples) => {
    const recipients = ['a', 'b'].map((local) => ({ address: { local, domain: 'x.test' } as never, parameters: {} }))
    const envelope = { id: '1', from: undefined, parameters: {} }
    const reply = { code: 550, status: '5.1.1', text: 'No "such\nuser' }
    const told: Told = {
      id: '1',
      envelope,
      route: { via: 'smtp' },
      recipients,
      attempt: 1,
      queuedAt: clock.now() - 40_000,
      reply,
      class: undefined,
    }
    tell?.('delivered', told)
    tell?.('bounced', { ...told, recipients: recipients.slice(1), class: 'invalid-mailbox' })
    tell?.('deferred', { ...told, class: 'no-answer' })
    const seen = await samples()
    assert.equal(seen.get('postroad_deliveries_total{via="smtp",outcome="delivered",class=""}'), 2)
    assert.equal(seen.get('postroad_deliveries_total{via="smtp",outcome="bounced",class="invalid-mailbox"}'), 1)
    assert.equal(seen.get('postroad_unreturned_total{via="smtp"}'), 1)
    assert.equal(seen.get('postroad_deliveries_total{via="smtp",outcome="deferred",class="no-answer"}'), 2)
    assert.equal(seen.get('postroad_delivery_seconds_sum{via="smtp"}'), 40)
  })
})

test('a resolver that counts is read at each scrape', () => {
  const dns = createDns({ servers: ['127.0.0.1:9'], rounds: 1, attemptMs: 1 })
  return withServer(
    [],
    async (_, samples) => {
      await assert.rejects(dns.a('a.test'))
      await assert.rejects(dns.a('a.test'))
      const seen = await samples()
      assert.equal(seen.get('postroad_dns_events_total{event="questions"}'), 2)
      assert.equal(seen.get('postroad_dns_events_total{event="hits"}'), 1)
      assert.equal(seen.get('postroad_dns_entries{state="cached"}'), 1)
      assert.equal((await samples()).get('postroad_dns_events_total{event="questions"}'), 2, 'not added up')
    },
    { services: [[Dns, dns]] },
  )
})

test('queues of the process are counted once each, whoever has them open; one that is away is left out', () =>
  withServer([], async (_, samples) => {
    assert.equal((await samples()).has('postroad_queue_messages'), false, 'no queue, no number')
    const stats = { messages: 3, scheduled: 2, waiting: 1, claimed: 0, held: 1, corrupt: 0, freeBytes: 5_000 }
    const places: [string, () => Promise<object>][] = [
      ['here', async () => stats],
      ['here', async () => stats],
      ['there', async () => ({ ...stats, messages: 4, freeBytes: undefined })],
      ['away', async () => assert.fail('away')],
      ['silent', () => new Promise(() => {})],
    ]
    const answer = (statsRequest: unknown): void => {
      for (const [place, ask] of places) (statsRequest as { add(place: string, stats: object): void }).add(place, ask()) // the channel's own message
    }
    subscribe('postroad:queue:stats', answer)
    try {
      const seen = await samples()
      assert.equal(seen.get('postroad_queue_messages'), 7)
      assert.equal(seen.get('postroad_queue_deliveries{state="scheduled"}'), 4)
      assert.equal(seen.get('postroad_queue_free_bytes'), 5_000)
    } finally {
      unsubscribe('postroad:queue:stats', answer)
    }
  }))

test('filters that learn are asked at each scrape; who is away or silent is left out', () =>
  withServer([], async (_, samples) => {
    assert.equal(
      [...(await samples()).keys()].some((name) => name.startsWith('postroad_junk')),
      false,
    )
    const own = [
      { name: 'learning', value: 0 },
      { name: 'lessons', labels: { label: 'spam' }, value: 7 },
      { name: 'of another version', value: 1 },
    ]
    const filters: [string, () => Promise<object>][] = [
      ['', async () => own],
      ['sales', async () => [{ name: 'learning', value: 1 }]],
      ['away', async () => assert.fail('away')],
      ['silent', () => new Promise(() => {})],
    ]
    const answer = (statsRequest: unknown): void => {
      for (const [name, ask] of filters)
        (statsRequest as { add(filter: string, samples: object): void }).add(name, ask()) // the channel's own message
    }
    subscribe('postroad:junk:stats', answer)
    try {
      const seen = await samples()
      assert.deepEqual(
        [...seen].filter(([name]) => name.startsWith('postroad_junk')),
        [
          ['postroad_junk_learning{filter=""}', 0],
          ['postroad_junk_learning{filter="sales"}', 1],
          ['postroad_junk_lessons{filter="",label="spam"}', 7],
        ],
      )
    } finally {
      unsubscribe('postroad:junk:stats', answer)
    }
  }))

test('what foreigners write is in no label, and makes no series', () =>
  withServer([plugin('strict', { mail: () => reject('No') })], async (server, samples) => {
    await sessionOn(server).helo('first.test').mail('first@a.test').quit()
    const before = new Set((await samples()).keys())
    for (let i = 0; i < 20; i++)
      await sessionOn(server)
        .from(`192.0.2.${i + 1}`)
        .helo(`strange${i}.test`)
        .mail(`strange${i}@b${i}.test`)
        .quit()
    const after = [...(await samples()).keys()].filter((name) => name.startsWith('postroad_'))
    assert.deepEqual(
      after.filter((name) => !before.has(name)),
      [],
    )
    assert.ok(after.some((name) => name.startsWith('postroad_refusals_total')))
    assert.doesNotMatch(after.join('\n'), /strange|192\.0\.2|a\.test/)
  }))

test('servers of one process that name the same address are one in the numbers, until the last is gone', async () => {
  const options = { prometheus: { port: 0 } }
  const first = await createTestServer([telemetry(options)])
  const second = await createTestServer([telemetry(options)])
  const port = portOf(first)
  await sessionOn(first).helo().quit()
  await first.close()
  try {
    await sessionOn(second).helo().quit()
    assert.equal((await scrape(port)).get('postroad_connections_total{listener="test"}'), 2)
  } finally {
    await second.close()
  }
  await assert.rejects(fetch(`http://127.0.0.1:${port}/metrics`))
})

test('a port that is taken is a mistake that is told at the start', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => other.once('listening', resolve))
  const { port } = other.address() as AddressInfo // it listens on a port
  const server = await createTestServer([telemetry({ prometheus: { port } })], { start: false })
  try {
    await assert.rejects(server.server.start(), /EADDRINUSE/)
  } finally {
    await server.close()
    other.close()
  }
})

test('the endpoint answers GET and HEAD of two paths, and nothing else', () =>
  withServer([], async (server) => {
    const base = `http://127.0.0.1:${portOf(server)}`
    const status = async (path: string, method = 'GET') => (await fetch(`${base}${path}`, { method })).status
    assert.equal(await (await fetch(`${base}/healthz`)).text(), 'ok\n')
    assert.deepEqual(
      await Promise.all([status('/metrics?x=1'), status('/metrics', 'HEAD'), status('/'), status('/metrics', 'POST')]),
      [200, 200, 404, 405],
    )
  }))

test('who listens to nothing keeps no server from closing', () =>
  withServer([], async (server) => {
    const socket = connect(portOf(server), '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
  }))

test('without Prometheus nothing is served and no run is watched', async () => {
  const server = await createTestServer([telemetry({ prometheus: false })])
  try {
    assert.throws(() => portOf(server))
    assert.equal(hasSubscribers('tracing:postroad:hook:end'), false)
  } finally {
    await server.close()
  }
})
