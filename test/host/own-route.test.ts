/** Where a notification goes when the queue stands around the scopes that know the addresses. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { type App, createServer } from '@postroad/core'
import { embeddedServices } from '@postroad/embedded'
import { makeAddress } from '@postroad/mail'
import { DeliveryHooks, definePlugin } from '@postroad/plugin'
import { routing } from '@postroad/routing'

const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-own-route-'))
const { services, close } = embeddedServices(path.join(folder, 'services'))
after(async () => {
  await close()
  await rm(folder, { recursive: true, force: true })
})

const CARRIED = new Set(['smtp', 'maildir', 'lmtp'])

/** Where mail of our own to these addresses goes: `via host`, the code of a refusal, or nothing. */
async function waysOf(fill: (app: App) => void, ...addresses: readonly string[]): Promise<(string | undefined)[]> {
  let hooks: DeliveryHooks | undefined
  const queue = definePlugin({
    name: 'a-queue',
    needs: { hooks: DeliveryHooks },
    setup: (context) => {
      hooks = context.hooks
      return { queue: () => ({ id: 'x' }) }
    },
  })
  const setup = (app: App) => {
    app.use(queue()).listen({ name: 'outer', host: '127.0.0.1', port: 0 })
    fill(app)
  }
  await using _ = await createServer({ hostname: 'mx.test', folder, log: { format: 'silent' }, setup }, { services })
  const ways: (string | undefined)[] = []
  for (const address of addresses) {
    const [local = '', domain = ''] = address.split('@')
    const found = await hooks?.route(makeAddress(local, domain), (via) => CARRIED.has(via))
    if (found)
      ways.push(
        'kind' in found ? `${found.code}` : [found.via, found.host, ...(found.to ?? [])].filter(Boolean).join(' '),
      )
    else ways.push(undefined)
  }
  return ways
}

const users = { 'ours.test': { via: 'maildir', users: ['alice'] } }
const relay = { authenticated: true, via: 'smtp', host: 'smarthost.test' }

test('a queue around its scopes: the scope that is the home of the address says, and the relay for everybody else', async () => {
  const fill = (app: App) => {
    app.scope('submission', (out) => void out.use(routing({ relay })))
    app.scope('mx', (mx) => void mx.use(routing({ domains: users })))
  }
  assert.deepEqual(await waysOf(fill, 'alice@ours.test', 'x@far.test', 'nobody@ours.test'), [
    'maildir',
    'smtp smarthost.test',
    '550',
  ])
})

test('several tenants: each address goes home, whoever comes first', async () => {
  const tenant = (domain: string, host: string) => (scope: App) =>
    void scope.use(routing({ domains: { [domain]: { via: 'lmtp', host } }, relay: { ...relay, host: `${host}-out` } }))
  const fill = (app: App) => {
    app.scope('one', tenant('one.test', 'a'))
    app.scope('two', tenant('two.test', 'b'))
  }
  assert.deepEqual(await waysOf(fill, 'x@two.test', 'x@one.test', 'x@far.test'), ['lmtp b', 'lmtp a', 'smtp a-out'])
})

test('nobody says: nothing; a way that the queue cannot go is none; what is dropped is a way', async () => {
  const fill = (app: App) => {
    app.scope(
      'proxied',
      (mx) => void mx.use(routing({ domains: { 'p.test': { via: 'proxy' }, 'q.test': { via: 'proxy' } } })),
    )
    app.scope(
      'kept',
      (mx) => void mx.use(routing({ domains: { 'q.test': { via: 'lmtp', host: 'h' }, 'd.test': { via: 'discard' } } })),
    )
  }
  assert.deepEqual(await waysOf(fill, 'x@p.test', 'x@q.test', 'x@d.test', 'x@far.test'), [
    undefined,
    'lmtp h',
    'discard',
    undefined,
  ])
})

test('a reverse-path that was rewritten by SRS goes to the one who wrote; a forged one is nobody’s', async () => {
  const srs = { domain: 'ours.test', secret: 'a secret of some length' }
  let rewritten = ''
  const fill = (app: App) => void app.scope('mx', (mx) => void mx.use(routing({ domains: users, srs })))
  await waysOf(fill)
  // What the alias of this server makes of a stranger's address.
  const { srsOf } = await import('../../plugins/routing/src/srs.ts')
  rewritten = `${srsOf({ ...srs, secret: [srs.secret], lifetime: 21 }).encode(makeAddress('joe', 'far.test'), Date.now())}`
  assert.deepEqual(await waysOf(fill, rewritten, 'SRS0=aaaa=aa=far.test=joe@ours.test'), ['smtp joe@far.test', '550'])
})

test('a table that cannot be asked, and a plugin that fails, are no evidence: asked again later', async () => {
  const lookup = () => Promise.reject(new Error('the directory is away'))
  const broken = definePlugin({ name: 'broken', hooks: { route: () => Promise.reject(new Error('boom')) } })
  const fill = (app: App) => void app.scope('mx', (mx) => void mx.use(routing({ tables: [{ of: 'domains', lookup }] })))
  assert.deepEqual(await waysOf(fill, 'x@ours.test'), ['451'])
  assert.deepEqual(await waysOf((app) => void app.use(broken(), { onError: 'reject' }), 'x@ours.test'), ['451'])
})
