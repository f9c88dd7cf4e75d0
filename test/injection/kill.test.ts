import { test } from 'node:test'
import { killed } from './kills.ts'

test('mail that is sent with a key and sent again is there once, whenever the server was killed', {
  timeout: 240_000,
}, async (t) => {
  const { kills, requests, messages, retries } = await killed(5, Math.random)
  t.diagnostic(`${kills} kills, ${requests} requests, ${messages} messages, ${retries} sent again`)
})
