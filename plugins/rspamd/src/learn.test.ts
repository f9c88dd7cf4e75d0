import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import { Spool } from '@postroad/plugin'
import { createTestServer, memorySpool } from '@postroad/testing'
import { rspamd } from './index.ts'

/** Nobody listens there. */
const DEAD = '127.0.0.1:9'
const requests: { readonly path: string | undefined; readonly password: unknown; readonly body: string }[] = []
/** A controller that wants a password. */
const controller = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const { url: path, headers } = request
  requests.push({ path, password: headers['password'], body: Buffer.concat(chunks).toString() })
  if (path === '/ping') response.end('pong')
  else if (headers['password'] !== 'secret') response.writeHead(401).end('{"error":"Unauthorized"}')
  else response.end('{"success":true}')
}).listen(0, '127.0.0.1')
after(() => {
  controller.close()
  controller.closeAllConnections()
})
await once(controller, 'listening')
const at = `127.0.0.1:${(controller.address() as AddressInfo).port}` // as: it listens on a port

/** Runs a command of the plugin: its rows, and its code. */
async function commanded(name: string, args: readonly string[], password?: string) {
  const spool = memorySpool()
  await spool.put('q-1', messageFromBytes(Buffer.from('Subject: from the quarantine\r\n\r\n')), {})
  const plugin = rspamd({ at: [at, DEAD], controller: { at, ...(password !== undefined && { password }) } })
  const server = await createTestServer([plugin], { services: [[Spool, spool]] })
  try {
    const rows: object[] = []
    const io = {
      json: true,
      row: (row: object) => void rows.push(row),
      print: () => undefined,
      signal: new AbortController().signal,
    }
    return { code: await server.server.commands.get('rspamd')?.[name]?.run(args, io), rows }
  } finally {
    await server.close()
  }
}

test('it is taught what is in the quarantine, by its id, with the password of the controller', async () => {
  const { code, rows } = await commanded('learn', ['ham', 'q-1'], 'secret')
  assert.deepEqual([code, rows], [0, [{ message: 'q-1', learned: true, reply: 'learned' }]])
  assert.deepEqual(requests.at(-1), {
    path: '/learnham',
    password: 'secret',
    body: 'Subject: from the quarantine\r\n\r\n',
  })
  assert.deepEqual(await commanded('learn', ['ham', 'q-1']), {
    code: 69,
    rows: [{ message: 'q-1', learned: false, reply: 'HTTP 401: Unauthorized' }],
  })
  assert.deepEqual(await commanded('learn', ['ham', 'q-2']), {
    code: 66,
    rows: [{ message: 'q-2', learned: false, reply: 'neither a file nor in the quarantine' }],
  })
  assert.equal((await commanded('learn', ['maybe', 'q-1'])).code, 64)
  assert.equal((await commanded('learn', ['spam'])).code, 64)
})

test('a daemon that is not there shows', async () => {
  const { code, rows } = await commanded('status', [])
  assert.equal(code, 69)
  assert.deepEqual(
    rows.map((row) => ({ ...row, ms: undefined, error: undefined })),
    [
      { daemon: at, answers: true, ms: undefined, error: undefined },
      { daemon: DEAD, answers: false, ms: undefined, error: undefined },
    ],
  )
})
