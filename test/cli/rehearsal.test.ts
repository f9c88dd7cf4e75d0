/** `postroad try` and `replay` with all plugins started: nothing stays, listens or is delivered, and what plugins load is there. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, stat, writeFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { after, test } from 'node:test'
import { embeddedStore } from '../../packages/embedded/src/service/store.ts'
import { Link } from '../../plugins/redis/src/link.ts'
import { redisStore } from '../../plugins/redis/src/store.ts'
import { linkOptions, silent } from '../cluster/link.ts'
import { startRedis } from '../cluster/redis.ts'
import { requires } from '../runner/requires.ts'
import { EXPORT, Operator } from './operator.ts'

const operator = await Operator.begin()
after(() => operator.end())
// Whoever listened would fail: the port is taken.
const taken = net.createServer().listen(0, '127.0.0.1')
await once(taken, 'listening')
after(() => taken.close())
const { port: metrics } = taken.address() as net.AddressInfo // of a port

interface Setting {
  readonly kept: string
  readonly more?: string
}

/** Everything that does something at `start`, a greylist, and a plugin that loads its table there. */
const configured = ({ kept, more = '' }: Setting): string => `import { queue } from '@postroad/queue'
import { greylist } from '@postroad/greylist'
import { definePlugin, reject, Store } from '@postroad/plugin'
import { quarantine } from '@postroad/quarantine'
import { redis, redisDns } from '@postroad/redis'
import { redisQueue } from '@postroad/redis-queue'
import { routing } from '@postroad/routing'
import { telemetry } from '@postroad/telemetry'
import { defineConfig } from 'postroad'
const loads = definePlugin({ name: 'loads', setup: () => {
  let table
  return { start: async () => { table = await Promise.resolve(new Map([['bad@c.test', 'on the list']])) },
    mail: ({ envelope }) => (table.has(String(envelope.from)) ? reject(table.get(String(envelope.from))) : undefined) }
} })
${EXPORT} defineConfig({ hostname: 'mx.test', folder: '${kept}', setup: (app) => void app
  ${more}
  .use(telemetry({ prometheus: { port: ${metrics} } })).use(loads())
  .use(routing({ tables: [{ store: 'route:' }] })).use(greylist({ delay: '1 min' })).use(quarantine({ release: { port: 1 } }))
  ${more === '' ? `.use(queue({ maildir: { folder: 'mail' } }))` : ''}
  .listen({ name: 'mx', host: '127.0.0.1', port: ${metrics} }) })
`

const attempt = (name: string, from = 'a@c.test') =>
  operator.run('try', 'one.eml', '--config', name, '--to', 'x@ours.test', '--from', from, '--json')

test('try starts plugins, reads the store and leaves it as it was; nothing listens, nothing is made', async () => {
  await writeFile(path.join(operator.folder, 'one.eml'), 'Subject: one\n\nx\n')
  const folder = path.join(operator.folder, 'kept/services/store')
  const read = async (): Promise<readonly (readonly [string, string])[]> => {
    const store = embeddedStore(folder)
    const rows: (readonly [string, string])[] = []
    for await (const row of store.entries('')) rows.push(row)
    await store.close()
    return rows
  }
  const store = embeddedStore(folder)
  await store.set('route:x@ours.test', 'maildir')
  await store.close()
  const name = await operator.config('try.ts', configured({ kept: 'kept' }))
  for (const _ of [1, 2]) {
    const { out, err } = await attempt(name)
    const { steps, failures } = JSON.parse(out)
    assert.match(steps.at(-1).reply, /^451 4\.7\.1 /, err)
    assert.deepEqual(failures, [])
  }
  assert.deepEqual(await read(), [['route:x@ours.test', 'maildir']])
  assert.match(JSON.parse((await attempt(name, 'bad@c.test')).out).steps.at(-1).reply, /^550 .*on the list/)
  assert.deepEqual(await readdir(path.join(operator.folder, 'kept')), ['services'])
  assert.deepEqual(await readdir(path.join(operator.folder, 'kept/services')), ['store'])
  const fresh = await operator.config('fresh.ts', configured({ kept: 'fresh' }))
  assert.match(JSON.parse((await attempt(fresh)).out).steps.at(-1).reply, /^451 4\.7\.1 /)
  await assert.rejects(stat(path.join(operator.folder, 'fresh')), /ENOENT/, 'looking for a store makes none')
})

const LINE = {
  time: '2026-01-01T00:00:00.000Z',
  event: 'transaction',
  id: 'one',
  listener: 'mx',
  remote: '203.0.113.7',
  port: 1,
  helo: 'c.test',
  from: 'bad@c.test',
  to: ['x@ours.test'],
  reply: '250 2.0.0 Ok',
}

test('replay starts plugins, too, and makes nothing', async () => {
  await writeFile(path.join(operator.folder, 'past.log'), `${JSON.stringify(LINE)}\n`)
  const name = await operator.config('replay.ts', configured({ kept: 'replayed' }))
  const { out, err } = await operator.run('replay', 'past.log', '--config', name, '--no-dns')
  assert.match(out, /loads at mail: reject/, err)
  await assert.rejects(stat(path.join(operator.folder, 'replayed')), /ENOENT/)
})

test('replay of what only judges for another server, and of a scope within that takes mail', async () => {
  const judged = { ...LINE, protocol: 'policy', reply: '250 2.0.0 Judged: pass', judged: { outcome: 'pass' } }
  const taken = { ...LINE, listener: 'mx' }
  await writeFile(
    path.join(operator.folder, 'both.log'),
    [judged, taken].map((line) => `${JSON.stringify(line)}\n`).join(''),
  )
  const plugin = `definePlugin({ name: 'strict', hooks: { rcpt: ({ session }) => reject(\`No \${session.protocol}\`), route: () => ({ via: 'x' }) } })()`
  const listens = `app.use(${plugin}).listen({ protocol: 'policy', port: 0 })`
  for (const scope of ['', `.scope('mx', (mx) => void mx.listen({ name: 'mx', port: 0 }))`]) {
    const config = `import { definePlugin, reject } from '@postroad/plugin'
import { defineConfig } from 'postroad'
${EXPORT} defineConfig({ hostname: 'mx.test', setup: (app) => void ${listens}${scope} })`
    const name = await operator.config('judging.ts', config)
    const { out, err } = await operator.run('replay', 'both.log', '--config', name, '--no-dns')
    assert.match(out, /strict at rcpt: reject .*No policy/, err)
    assert.match(out, scope ? /No smtp/ : /No policy/)
    assert.match(out, /^2 transactions, 2 would change/m)
  }
})

test('with the services and the queue in Redis nothing is written there', {
  skip: requires('redis-server'),
}, async () => {
  await using server = await startRedis()
  const link = new Link(linkOptions({ url: server.url, prefix: 'mine' }), silent)
  await redisStore(link).set('route:x@ours.test', 'smtp')
  await link.close()
  const keys = async (): Promise<readonly unknown[]> => ((await server.command('KEYS', '*')) as unknown[]).toSorted() // what KEYS answers
  const before = await keys()
  const more = `.use(redis({ url: '${server.url}', prefix: 'mine' })).use(redisDns()).use(redisQueue({ unsafe: 'warn' }))`
  const name = await operator.config('redis.ts', configured({ kept: 'redis', more }))
  const tried = await attempt(name)
  assert.match(JSON.parse(tried.out).steps.at(-1).reply, /^451 4\.7\.1 /, tried.err)
  const replayed = await operator.run('replay', 'past.log', '--config', name, '--no-dns')
  assert.match(replayed.out, /loads at mail: reject/, replayed.err)
  assert.deepEqual(await keys(), before)
  assert.equal(before.length, 1)
})
