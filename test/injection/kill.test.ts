import { test } from 'node:test'
import { requires } from '../runner/requires.ts'
import { killed } from './kills.ts'

test('mail that is sent with a key and sent again is there once, whenever the server was killed', {
  timeout: 240_000,
}, async (t) => {
  const { kills, requests, messages, retries } = await killed(5, Math.random)
  t.diagnostic(`${kills} kills, ${requests} requests, ${messages} messages, ${retries} sent again`)
})

test('the same with the queue in Redis, which is killed, too: a store that fails takes nothing, and says 503', {
  timeout: 240_000,
  skip: requires('redis-server'),
}, async (t) => {
  const { kills, requests, messages, retries } = await killed(4, Math.random, 'redis')
  t.diagnostic(`${kills} kills, ${requests} requests, ${messages} messages, ${retries} sent again`)
})
