/** What is never asked where another server takes responsibility is said before the first connection. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definePlugin, type PluginInstance } from '@postroad/plugin'
import { defineConfig } from '../config/config.ts'
import { BootError } from '../errors.ts'
import { createServer } from '../server.ts'
import { rolesOf, roleWarnings } from './roles.ts'

const plugin = (name: string, hooks: PluginInstance) => definePlugin({ name, hooks })()
const judge = plugin('judge', { rcpt: () => undefined, message: () => undefined, receive: () => undefined })
const store = plugin('store', { queue: () => ({ id: 'x' }), quarantine: () => ({ id: 'x' }) })
const greet = plugin('greet', { connect: () => undefined, judged: () => undefined, accepted: () => undefined })

async function mistakes(
  judges: 'milter' | 'policy',
  ...plugins: readonly (typeof judge)[]
): Promise<readonly string[]> {
  const config = defineConfig({
    log: { format: 'silent' },
    setup(app) {
      for (const one of plugins) app.use(one)
      app.listen({ port: 0, host: '127.0.0.1' })
    },
  })
  try {
    await (await createServer(config, { judges })).close()
    return []
  } catch (error) {
    assert.ok(error instanceof BootError)
    return error.errors.map(({ code, message }) => `${code} ${message}`)
  }
}

test('a plugin that looks into mail is a mistake where there is none, and so is one that takes it where nobody asks', async () => {
  assert.deepEqual(await mistakes('milter', judge, greet), [])
  assert.deepEqual(await mistakes('policy', greet), [])
  assert.deepEqual(await mistakes('policy', judge), [
    "ERR_ROLE judge hooks receive and message, and a policy listener has no message: listen({ protocol: 'milter' }), or leave judge out of this scope",
  ])
  assert.deepEqual(await mistakes('milter', store), [
    'ERR_ROLE store hooks queue and quarantine, which belongs to the server that asks: use it in a scope that listens for smtp',
  ])
})

test('what is merely of no use there is a warning', () => {
  const who = (hook: string) => (hook === 'judged' ? ['greet'] : ['greet', 'old'])
  const table = { route: [], accepted: [], judged: [] }
  assert.deepEqual(roleWarnings(table, rolesOf(['milter']), who), [
    'greet and old hooks route, which is not asked here: it belongs to the server that asks',
    'old hooks accepted, which is not told here: judged is',
  ])
  assert.deepEqual(roleWarnings(table, rolesOf(['milter', 'smtp']), who), [
    'greet and old hooks route, which is not asked here on its milter and policy listeners: it belongs to the server that asks',
  ])
  assert.deepEqual(roleWarnings(table, rolesOf(['smtp', 'http']), who), [])
})
