/** What the core offers to queues: the hooks after 250, and the way for mail of our own. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createServer } from '@postroad/core'
import { makeAddress } from '@postroad/mail'
import { DeliveryHooks, type DeliveryResultContext, defer, definePlugin, reject, reroute } from '@postroad/plugin'
import { createTestServer, type Used } from '@postroad/testing'

const attempt = {
  id: 'q1',
  envelope: { id: 't1', from: undefined, parameters: {} },
  route: { via: 'smtp' },
  recipients: [],
  attempt: 2,
  queuedAt: 5,
}

async function hooksOf(...plugins: Used[]) {
  let hooks: DeliveryHooks | undefined
  const queue = definePlugin({
    name: 'a-queue',
    needs: { hooks: DeliveryHooks },
    setup: (context) => {
      hooks = context.hooks
      return {}
    },
  })
  const server = await createTestServer([queue(), ...plugins])
  if (!hooks) throw new Error('the service was not given')
  return { hooks, server }
}

test('nobody answers delivery: asking is not needed', async () => {
  const { hooks, server } = await hooksOf()
  assert.equal(hooks.asks, false)
  assert.deepEqual(await hooks.ask(attempt), [])
  await server.close()
})

test('the most severe opinion of a wave counts, and the context is the attempt', async () => {
  const seen: unknown[] = []
  const one = definePlugin({
    name: 'one',
    hooks: {
      delivery: ({ id, attempt: number, route, envelope, queuedAt }) => {
        seen.push(id, number, route.via, envelope.id, queuedAt)
        return reroute({ via: 'lmtp' })
      },
    },
  })
  const two = definePlugin({ name: 'two', hooks: { delivery: async () => defer('not now') } })
  const { hooks, server } = await hooksOf(one(), two())
  assert.deepEqual(
    (await hooks.ask(attempt)).map(({ kind }) => kind),
    ['defer'],
  )
  assert.deepEqual(seen, ['q1', 2, 'smtp', 't1', 5])
  await server.close()
})

test('what is said of some recipients goes beside what is said of all, in whichever wave', async () => {
  const [ann, bob] = [makeAddress('ann', 'a.test'), makeAddress('bob', 'a.test')]
  const list = definePlugin({
    name: 'list',
    hooks: { delivery: async () => [reject('she is gone', { for: [ann] }), defer('later', { for: [bob] })] },
  })
  const mark = definePlugin({
    name: 'mark',
    hooks: { delivery: { after: ['list'], handler: () => reroute({ via: 'lmtp' }) } },
  })
  const { hooks, server } = await hooksOf(list(), mark())
  assert.deepEqual(
    (await hooks.ask(attempt)).map((one) => [one.kind, one.kind === 'reroute' ? one.route.via : one.for?.map(String)]),
    [
      ['reject', ['ann@a.test']],
      ['defer', ['bob@a.test']],
      ['reroute', 'lmtp'],
    ],
  )
  await server.close()
})

test('a delivery handler that throws defers the attempt', async () => {
  const broken = definePlugin({
    name: 'broken',
    hooks: {
      delivery: () => {
        throw new Error('boom')
      },
    },
  })
  const { hooks, server } = await hooksOf(broken())
  const [opinion] = await hooks.ask(attempt)
  assert.ok(opinion?.kind === 'defer' && opinion.status === '4.3.0')
  await server.close()
})

test('delivered, deferred and bounced are told, with reply and class', async () => {
  const heard: string[] = []
  const note =
    (name: string) =>
    ({ reply, class: kind }: DeliveryResultContext) =>
      void heard.push(`${name} ${reply.code} ${kind}`)
  const ear = definePlugin({
    name: 'ear',
    hooks: { delivered: note('delivered'), deferred: note('deferred'), bounced: note('bounced') },
  })
  const { hooks, server } = await hooksOf(ear())
  for (const name of ['delivered', 'deferred', 'bounced'] as const)
    hooks.tell(name, { ...attempt, reply: { code: 250, status: '2.0.0', text: 'ok' }, class: undefined })
  assert.deepEqual(heard, ['delivered 250 undefined', 'deferred 250 undefined', 'bounced 250 undefined'])
  await server.close()
})

test('mail of our own goes where route says: as to a stranger if that is a way, else as to a known client on this machine', async () => {
  const road = definePlugin({
    name: 'road',
    hooks: {
      route({ recipient, session, envelope }) {
        if (recipient.domain === 'home.test') return { via: 'maildir' }
        if (recipient.domain === 'shut.test') return reject('no')
        return session.identity && envelope.from === undefined ? { via: 'relay' } : undefined
      },
    },
  })
  const { hooks, server } = await hooksOf(road())
  // The server of the tests has a way for strangers, too; here it is none that the queue can go.
  const route = (domain: string) => hooks.route(makeAddress('a', domain), (via) => via !== 'test-sink')
  assert.deepEqual(await route('home.test'), { via: 'maildir' })
  assert.deepEqual(await route('b.test'), { via: 'relay' })
  const shut = await route('shut.test')
  assert.ok(shut && 'kind' in shut && shut.kind === 'reject')
  await server.close()
})

test('deliveries are told to the scope of the queue and those around it, not within it nor beside it', async () => {
  let hooks: DeliveryHooks | undefined
  const queue = definePlugin({
    name: 'a-queue',
    needs: { hooks: DeliveryHooks },
    setup: (context) => {
      hooks = context.hooks
      return {}
    },
  })
  const heard: string[] = []
  const ear = (name: string) =>
    definePlugin({
      name,
      hooks: { delivery: () => void heard.push(name), delivered: () => void heard.push(`${name}: delivered`) },
    })()
  const folder = await mkdtemp(path.join(tmpdir(), 'postroad-'))
  const server = await createServer({
    hostname: 'mx.test',
    folder,
    log: { format: 'silent' },
    setup(app) {
      app.use(ear('around')).scope('mx', (mx) => {
        mx.use(ear('own')).use(queue()).listen({ port: 0, host: '127.0.0.1' })
        mx.scope('within', (within) => within.use(ear('within')))
      })
      app.scope('beside', (beside) => beside.use(ear('beside')))
    },
  })
  await hooks?.ask(attempt)
  hooks?.tell('delivered', { ...attempt, reply: { code: 250, status: '2.0.0', text: 'ok' }, class: undefined })
  await server.close()
  await rm(folder, { recursive: true })
  assert.deepEqual(heard, ['around', 'own', 'around: delivered', 'own: delivered'])
})
