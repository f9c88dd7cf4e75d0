/** Users with hashes as other programs keep them, behind a service that can be told to fail. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { HashPool, makeHash } from '@postroad/login'
import { createTestServer, type FakeClock, fakeClock, sessionOn } from '@postroad/testing'
import { auth } from './index.ts'

/** Milliseconds for which an answer is held in a network that has failed too often. */
const HELD = 15_000

type Options = Parameters<typeof auth>[0]

const pool = new HashPool({ atOnce: 1, waiting: 100, memory: 1e9 })
const scrypt = await makeHash('secret', { ln: 4, r: 8, p: 1 }, (work) => pool.hash(work))
await pool.close()

/** Made by `openssl passwd -6` and `htpasswd -B`, as mailcow and Dovecot keep them. */
const USERS: Readonly<Record<string, object>> = {
  'alice@x.test': { user: 'alice@x.test', password: scrypt, senders: 'sales@x.test, *@press.x.test' },
  'crypt@x.test': {
    password:
      '{SHA512-CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
  },
  'ssha@x.test': { password: '{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0' },
  'apps@x.test': { password: [scrypt, '{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0'] },
  'none@x.test': { password: null },
  'odd@x.test': { password: '{MD5-CRYPT}$1$x$y' },
  'cut@x.test': { password: '{BLF-CRYPT}$2y$10$abc' },
  'mad@x.test': {
    password:
      '$6$rounds=999999999$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
  },
}

function restless(): FakeClock {
  const clock = fakeClock()
  return { ...clock, sleep: (ms, signal) => (ms > 4_000 && ms !== HELD ? clock.sleep(ms, signal) : clock.advance(ms)) }
}

/** A service of users: `status` is its answer while it is away. */
async function service(t: TestContext): Promise<{ url: string; status: number; asked: string[] }> {
  const state = { url: '', status: 200, asked: [] as string[] }
  const server = createServer((request, response) => {
    const name = decodeURIComponent((request.url ?? '').slice(1))
    state.asked.push(name)
    const user = USERS[name]
    response.writeHead(state.status !== 200 ? state.status : user ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(user ?? {}))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/{key}`
  return state
}

async function served(t: TestContext, options: Partial<NonNullable<Options>> = {}) {
  const users = await service(t)
  const server = await createTestServer([auth({ from: { http: { url: users.url } }, ...options })], {
    clock: restless(),
  })
  t.after(() => server.close())
  return { users, server }
}

const login = (username: string, password: string) => ({ username, password })

test('passwords as other programs keep them, and several of one user', async (t) => {
  const { server } = await served(t)
  for (const [name, password] of [
    ['alice@x.test', 'secret'],
    ['ALICE@X.test', 'secret'],
    ['crypt@x.test', 'Hello world!'],
    ['ssha@x.test', 'secret'],
    ['apps@x.test', 'secret'],
  ] as const)
    await sessionOn(server).auth(login(name, password)).expectAccepted().quit()
  for (const [name, password] of [
    ['alice@x.test', 'Secret'],
    ['alice@x.test', ''],
    ['crypt@x.test', 'Hello world'],
    ['ssha@x.test', 'secret '],
    ['none@x.test', ''],
    ['none@x.test', 'x'],
    ['nobody@x.test', 'secret'],
    ['../alice@x.test', 'secret'],
  ] as const)
    await sessionOn(server).from(`203.0.113.${name.length}`).auth(login(name, password)).expectRefusal('5.7.8').quit()
})

test('an outage of the directory is 454, never 535 and never an open door, and counts as no failure', async (t) => {
  const { users, server } = await served(t, { failures: { byAddress: '3/h', byUser: '3/h' } })
  users.status = 503
  for (let i = 0; i < 10; i++)
    await sessionOn(server)
      .auth(login('alice@x.test', `x${i}`))
      .expectRefusal('4.7.0')
      .quit()
  await sessionOn(server).auth(login('alice@x.test', 'secret')).expectRefusal('4.7.0', /^454 /).quit()
  users.status = 200
  await server.clock.advance(3_000)
  await sessionOn(server).auth(login('alice@x.test', 'secret')).expectAccepted().quit()
})

test('a hash that nobody can check is an outage for its user, and none that takes for ever is begun', async (t) => {
  const { server } = await served(t)
  for (const name of ['odd@x.test', 'cut@x.test', 'mad@x.test'])
    await sessionOn(server).auth(login(name, 'secret')).expectRefusal('4.7.0').quit()
})

test('users send from their own addresses, by the same directory', async (t) => {
  const { server } = await served(t)
  const as = () => sessionOn(server).auth(login('alice@x.test', 'secret'))
  for (const from of ['alice@x.test', 'Alice@x.test', 'sales@x.test', 'a@press.x.test'])
    await as().mail(from).expectAccepted().quit()
  for (const from of ['bob@x.test', 'x@x.test', 'alice@press.y.test'])
    await as().mail(from).expectRefusal('5.7.1', /^553/).quit()
})

test('guesses behind one address lock those who guess, neither who is known there nor who comes for the first time; an old password counts once', async (t) => {
  const { server, users } = await served(t, { failures: { byAddress: '10/h', byUser: '20/h' } })
  await sessionOn(server).auth(login('alice@x.test', 'secret')).expectAccepted().quit()
  for (let i = 0; i < 10; i++)
    await sessionOn(server)
      .auth(login('nobody@x.test', `x${i}`))
      .expectRefusal('5.7.8')
      .quit()
  for (const name of ['nobody@x.test', 'crypt@x.test'])
    await sessionOn(server).auth(login(name, 'x')).expectRefusal('4.7.0', /^454 /).quit()
  await sessionOn(server).auth(login('crypt@x.test', 'Hello world!')).expectAccepted().quit()
  await sessionOn(server).auth(login('alice@x.test', 'secret')).expectAccepted().quit()
  const asked = users.asked.length
  const phone = () => sessionOn(server).from('198.51.100.1').auth(login('crypt@x.test', 'old password'))
  for (let i = 0; i < 30; i++) await phone().expectRefusal('5.7.8').quit()
  assert.ok(users.asked.length - asked <= 2, 'it is known to be wrong')
  await sessionOn(server).from('198.51.100.1').auth(login('ssha@x.test', 'secret')).expectAccepted().quit()
})

test('mistakes of the options', async () => {
  const cases: [unknown, RegExp][] = [
    [{}, /needs one of "from", "dovecot" and "oauth"/],
    [{ from: { file: 'x', onError: 'pass' } }, /open door/],
    [{ oauth: { issuer: 'i', audience: 'a' } }, /needs one of "keys" and "introspection"/],
    [{ oauth: { issuer: 'i', audience: 'a', keys: 'https://x', algorithms: ['HS256'] } }, /algorithms/],
  ]
  for (const [options, expected] of cases) await assert.rejects(createTestServer([auth(options as Options)]), expected)
})
