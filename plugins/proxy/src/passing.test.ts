import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pool, type Target } from '@postroad/delivery'
import { makeAddress } from '@postroad/mail'
import { createSink } from '@postroad/testing'
import { PassingTable } from './passing.ts'

const options = { from: undefined, parameters: {} }
const to = { address: makeAddress('a', 'mx.test'), parameters: {} }
const never = new AbortController().signal

async function setting(holdMs: number) {
  const sink = await createSink()
  const target: Target = { protocol: 'smtp', host: '127.0.0.1', port: sink.port, tls: { mode: 'none' } }
  const pool = new Pool({ hostname: 'mx.test' })
  return { sink, target, pool, table: new PassingTable(pool, holdMs) }
}

test('a transaction held longer than allowed is reset, and its connection is free again', async (t) => {
  const { sink, target, pool, table } = await setting(5)
  t.after(() => sink.close())
  t.after(() => pool.destroy())
  await table.relay('s1', 'e1', { target, options }).rcpt(to, () => never)
  while (!sink.commands.includes('RSET')) await new Promise(setImmediate)
  assert.deepEqual([table.size, pool.stats.idle], [0, 1])
})

test('a session that ends while a connection is being opened for it leaves nothing behind', async (t) => {
  const { sink, target, pool, table } = await setting(60_000)
  t.after(() => sink.close())
  t.after(() => pool.destroy())
  const asking = table.relay('s1', 'e1', { target, options }).rcpt(to, () => never)
  table.release('s1')
  await asking
  table.close()
  assert.deepEqual([table.size, pool.stats.open - pool.stats.idle], [0, 0])
})
