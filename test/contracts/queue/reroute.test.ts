/** Mail that is sent another way, in a queue that a server has open at the same time. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openLmdbStore } from '@postroad/embedded'
import { readAll } from '@postroad/mail'
import { reroute } from '../../../packages/queue/src/reroute.ts'
import { at, makeMessage, octetsOf, sourceOf } from './messages.ts'

test('on disk: content that is a file of its own goes with it, and another process may do it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-reroute-'))
  const server = await openLmdbStore({ folder, inlineLimit: 10, minFreeBytes: 0 })
  const message = makeMessage({ size: 5_000 })
  await server.release(await server.add(message, sourceOf(octetsOf(5_000))), { kind: 'scheduled', at: at(5) })
  const command = await openLmdbStore({ folder, inlineLimit: 10, minFreeBytes: 0 })
  const wayOf = async () => [{ via: 'lmtp', host: 'h' }]
  const { id = '', deliveries } = await reroute(command, { id: message.id, now: at(7), maxRecipients: 100, wayOf })
  await command.close()
  const { leases } = await server.claimDue({ now: at(8), limit: 9, gate: () => 'take' })
  assert.deepEqual(
    [deliveries, leases.map((lease) => [lease.message.id, lease.message.deliveries[0]?.destination])],
    [[0], [[id, 'lmtp:h']]],
  )
  const [lease] = leases
  assert.ok(lease)
  assert.deepEqual(await readAll(server.content(lease.message)), octetsOf(5_000))
  assert.equal(await server.get(message.id), undefined)
  await server.close()
  await rm(folder, { recursive: true })
})
