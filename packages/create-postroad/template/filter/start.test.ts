import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createServer } from 'postroad'

test('the configuration is fine, and it starts', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'my-server-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  Object.assign(process.env, { POSTROAD_FOLDER: folder, POSTROAD_MAIL: path.join(folder, 'mail'), POSTROAD_PORT: '0' })
  const { default: config } = await import('./postroad.config.ts')
  await using server = await createServer({ ...config, log: { format: 'silent' } })
  await server.listen()
  assert.ok(server.addresses.length > 0 && server.addresses.every(({ port }) => port !== 0))
})
