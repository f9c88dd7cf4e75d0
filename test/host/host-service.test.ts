/** The service `Host`: what a plugin that shows the server is told of its generation. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { type Config, createServer } from '@postroad/core'
import { definePlugin, defineService, desk, Host } from '@postroad/plugin'
import { z } from 'zod'

const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-host-service-'))
after(() => rm(folder, { recursive: true, force: true }))

const Counter = defineService<{ count(): number }>('test-counter')
const counting = definePlugin({
  name: 'counting',
  options: z.strictObject({ password: z.string(), url: z.string(), depth: z.number().default(3) }),
  setup: ({ options }) => ({ desks: [desk(Counter, { count: () => options.depth })] }),
})

async function hostOf(context: { after(fn: () => Promise<void>): void }, reload?: () => Promise<never[]>) {
  const hosts: Host[] = []
  const looking = definePlugin({
    name: 'looking',
    needs: { host: Host },
    setup: ({ host }) => {
      hosts.push(host)
      return {}
    },
  })
  const config: Config = {
    hostname: 'mx.test',
    folder,
    log: { format: 'silent' },
    setup(app) {
      app.use(looking())
      app.scope('inner', (inner) => {
        inner.use(counting({ password: 'hunter2', url: 'redis://u:hunter2@db.test/0' }), { as: 'numbers' })
        inner.listen({ name: 'mx', host: '127.0.0.1', port: 0 })
      })
    },
  }
  const server = await createServer(config, {
    file: '/etc/postroad.config.ts',
    ...(reload && { operator: { reload } }),
  })
  context.after(() => server.close())
  return { server, config, hosts }
}

test('desks are found over all scopes, and the configuration is told without its secrets', async (context) => {
  const { hosts } = await hostOf(context)
  const [host] = hosts
  assert.ok(host)
  assert.deepEqual(
    host.desks(Counter).map(({ plugin, scope, desk: { count } }) => [plugin, scope, count()]),
    [['numbers', 'inner', 3]],
  )
  const settings = await host.settings()
  assert.doesNotMatch(JSON.stringify(settings), /hunter2/)
  const of = (end: string) => settings.find(({ path: at }) => at === `scopes.inner.use.numbers.options.${end}`)
  assert.deepEqual([of('password')?.isSecret, of('url')?.value, of('depth')?.origin], [true, '***', 'default'])
  const hostname = settings.find(({ path: at }) => at === 'hostname')
  assert.deepEqual([hostname?.value, hostname?.origin], ['mx.test', 'file'])
  assert.equal(host.file, '/etc/postroad.config.ts')
  assert.equal(host.reload, undefined)
})

test('each generation has a number and a host of its own', async (context) => {
  const { server, config, hosts } = await hostOf(context, async () => [])
  await server.listen()
  await server.reload(config)
  await assert.rejects(server.reload({ ...config, setup: () => {} }))
  await server.reload(config)
  assert.deepEqual(
    hosts.map(({ generation }) => generation),
    [1, 2, 3],
  )
  assert.deepEqual([...(hosts[2]?.connections() ?? [])], [['mx', 0]])
  assert.equal(JSON.stringify(hosts[2]?.explain()).includes('"name":"inner"'), true)
  assert.ok(hosts[2]?.reload)
})
