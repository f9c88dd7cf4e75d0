import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zoneDns } from '@postroad/dns'
import type { RedisLink } from '@postroad/redis-link'
import { SharedDns } from './shared-dns.ts'

/** A Redis whose answer to GET the test gives; what is sent to it is written down. */
function silentLink(answer: () => Promise<unknown>) {
  const sent: string[] = []
  const unused = () => assert.fail('only commands are sent')
  const send = (command: string) => {
    sent.push(command)
    return command === 'get' ? answer() : Promise.resolve('OK')
  }
  const link: RedisLink = {
    prefix: 't',
    isCluster: false,
    deadline: 10_000,
    send,
    run: unused,
    scan: unused,
    connect: unused,
  }
  return { link, sent }
}

const zone = () => zoneDns({ 'example.com': { A: ['192.0.2.1'], MX: [[10, 'mx.example.com']], ttl: 600 } })

test('a question waits 50 ms for Redis, and then asks the resolver', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const inner = zone()
  const { link } = silentLink(() => new Promise(() => {}))
  const answer = new SharedDns(inner, link).a('example.com')
  t.mock.timers.tick(49)
  await turn()
  assert.deepEqual(inner.questions, [])
  t.mock.timers.tick(1)
  await turn()
  assert.deepEqual(inner.questions, ['A example.com'])
  assert.equal((await answer).records.length, 1)
})

test('a Redis that says no is not waited for, and what was found is remembered without it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const inner = zone()
  const { link, sent } = silentLink(() => Promise.reject(new Error('away')))
  const dns = new SharedDns(inner, link)
  for (let i = 0; i < 3; i++) assert.equal((await dns.a('example.com')).records.length, 1)
  await dns.mx('example.com')
  assert.deepEqual(inner.questions, ['A example.com', 'MX example.com'])
  assert.deepEqual(sent, ['get', 'set', 'get', 'set'])
})

test('only so many answers are remembered beside Redis: the oldest goes', async () => {
  const inner = zone()
  const { link } = silentLink(() => Promise.resolve(null))
  const dns = new SharedDns(inner, link, 1)
  for (const type of ['A', 'A', 'MX', 'A'] as const) await dns.ask(type, 'example.com')
  assert.deepEqual(inner.questions, ['A example.com', 'MX example.com', 'A example.com'])
})

/** All that needs no timer has happened. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
