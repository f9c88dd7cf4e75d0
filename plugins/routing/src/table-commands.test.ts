import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CommandIo } from '@postroad/plugin'
import { createTestServer, sessionOn, type TestServer } from '@postroad/testing'
import { routing } from './index.ts'

const domains = { 'example.com': { via: 'maildir' } }
const to = (server: TestServer) => server.routes.at(-1)?.to?.map(String)

test('tables in the store are filled by commands', async (t) => {
  const server = await createTestServer([
    routing({ tables: [{ store: 'alias:' }, { store: 'own:', of: 'domains' }], domains }),
  ])
  t.after(() => server.close())
  const said: string[] = []
  const run = async (name: string, ...args: string[]) => {
    const rows: Record<string, unknown>[] = []
    const io: CommandIo = {
      json: true,
      row: (fields) => rows.push(fields),
      print: (line) => said.push(line),
      signal: new AbortController().signal,
    }
    return [await server.server.commands.get('routing')?.[name]?.run(args, io), rows]
  }
  assert.deepEqual(await run('set', 'Info@Example.com', 'alice@example.com,', 'bob@example.com', '--table', 'alias:'), [
    0,
    [],
  ])
  assert.deepEqual(await run('set', 'Hosted.test.', 'lmtp', '127.0.0.1', '24', '--table', 'own:'), [0, []])
  assert.deepEqual(await run('set', 'x@example.com', 'alice@example.com'), [64, []])
  assert.match(said.join(), /Say --table, one of: alias: own:/)
  await assert.rejects(run('set', 'x@example.com', 'no', 'target', 'this', '--table', 'alias:'), /not a target/)
  await sessionOn(server)
    .rcpt('INFO@example.com')
    .expect(() => assert.deepEqual(to(server), ['alice@example.com', 'bob@example.com']))
    .rcpt('x@hosted.test')
    .expectRoute({ via: 'lmtp', host: '127.0.0.1', port: 24 })
  const [, entries] = await run('entries')
  assert.deepEqual(entries, [
    { table: 'alias:', key: 'info@example.com', value: 'alice@example.com, bob@example.com' },
    { table: 'own:', key: 'hosted.test', value: 'lmtp 127.0.0.1 24' },
  ])
  assert.deepEqual(await run('unset', 'info@example.com', '--table', 'alias:'), [0, [{ removed: true }]])
  assert.deepEqual(await run('entries', '--table', 'alias:'), [undefined, []])
})

test('rules that cannot be are boot errors', async () => {
  const mistakes = [
    routing({ routes: [{ match: { points: { over: 1 } }, via: 'smtp' }] }),
    routing({ routes: [{ match: 'a@b.test', tag: { header: 'X' } }] }),
    routing({ tables: [{}] }),
    routing({ srs: { domain: 'no domain', secret: 's' } }),
    routing({ masquerade: { '*.internal.test': 'no domain' } }),
    routing({ tables: [{ file: '/nonexistent/table' }] }),
    routing({ tables: [{ store: 'a', http: 'http://b' }] }),
  ]
  for (const plugin of mistakes) await assert.rejects(createTestServer([plugin]), /routing/)
})
