import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSink, createTestServer, session, sessionOn } from '@postroad/testing'
import { recipients } from './index.ts'

test('those on the list exist, with details; others are refused with 5.1.1, other domains are not our business', async () => {
  await session(recipients({ domains: ['mx.test'], users: ['alice@mx.test', 'team-*@mx.test'] }))
    .rcpt('Alice@mx.test')
    .expectAccepted()
    .rcpt('alice+news@mx.test')
    .expectAccepted()
    .rcpt('team-blue@mx.test')
    .expectAccepted()
    .rcpt('bob@mx.test')
    .expectRefusal('5.1.1', /No such user here/)
    .rcpt('bob@elsewhere.test')
    .expectAccepted()
})

test('RFC 2142 §4, RFC 5321 §4.5.1: postmaster and abuse always exist', async () => {
  await session(recipients({ domains: ['*'], users: [] }))
    .rcpt('postmaster@mx.test')
    .expectAccepted()
    .rcpt('ABUSE@mx.test')
    .expectAccepted()
    .rcpt('x@mx.test')
    .expectRefusal('5.1.1')
})

test('a file of addresses', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'users')
  await writeFile(path, '# users\nalice@mx.test some comment\n')
  await session(recipients({ domains: ['mx.test'], files: [path] }))
    .rcpt('alice@mx.test')
    .expectAccepted()
    .rcpt('some@mx.test')
    .expectRefusal('5.1.1')
})

test('an HTTP service: 2yz exists, 404 does not, else try later; answers are kept for their time', async (t) => {
  const asked: string[] = []
  const service = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers['x-key']}`)
    response.statusCode = request.url?.includes('alice') ? 200 : request.url?.includes('broken') ? 500 : 404
    response.end('body')
  }).listen(0, '127.0.0.1')
  t.after(() => service.close().closeAllConnections())
  await new Promise((resolve) => service.once('listening', resolve))
  const { port } = service.address() as AddressInfo
  const plugin = recipients({
    domains: ['mx.test'],
    http: { url: `http://127.0.0.1:${port}/user/{address}?d={domain}`, headers: { 'x-key': 'k' } },
  })
  const server = await createTestServer([plugin])
  t.after(() => server.close())
  await sessionOn(server)
    .rcpt('alice@mx.test')
    .expectAccepted()
    .rcpt('ALICE@mx.test')
    .expectAccepted()
    .rcpt('a/x&y@mx.test')
    .expectRefusal('5.1.1')
    .rcpt('broken@mx.test')
    .expectRefusal('4.4.3')
  assert.deepEqual(asked, [
    '/user/alice%40mx.test?d=mx.test k',
    '/user/a%2Fx%26y%40mx.test?d=mx.test k',
    '/user/broken%40mx.test?d=mx.test k',
  ])
  await server.clock.advance(600_001)
  await sessionOn(server).rcpt('a/x&y@mx.test').expectRefusal('5.1.1').rcpt('alice@mx.test').expectAccepted()
  assert.equal(asked.length, 4)
})

test('a call-out asks the next hop with the null reverse-path, and shows none of its words', async (t) => {
  const answers: Record<string, string> = {
    'unknown@mx.test': '550 5.1.1 <unknown@mx.test> secret internals',
    'plain@mx.test': '550 who?',
    'full@mx.test': '552 5.2.2 full',
    'blocked@mx.test': '554 5.7.1 your address is blocked',
    'later@mx.test': '451 4.3.0 later',
  }
  const sink = await createSink({
    script: ({ verb, argument }) => (verb === 'RCPT' ? answers[argument.replace(/^TO:<(.*)>.*$/, '$1')] : undefined),
  })
  t.after(() => sink.close())
  const server = await createTestServer([
    recipients({ domains: ['mx.test'], callout: { host: '127.0.0.1', port: sink.port, tls: 'none' } }),
  ])
  t.after(() => server.close())
  await sessionOn(server)
    .rcpt('known@mx.test')
    .expectAccepted()
    .rcpt('unknown@mx.test')
    .expectRefusal('5.1.1', /^550 5\.1\.1 No such user here$/)
    .rcpt('plain@mx.test')
    .expectRefusal('5.1.1')
    .rcpt('full@mx.test')
    .expectAccepted()
    .rcpt('blocked@mx.test')
    .expectRefusal('4.4.3')
    .rcpt('later@mx.test')
    .expectRefusal('4.4.3')
  const commands = sink.commands.filter((verb) => verb === 'MAIL' || verb.startsWith('MAIL '))
  assert.ok(commands.length > 0 && sink.transactions.length === 0, 'no message was sent')
})

test('a next hop that is not there: try later, or let in by option', async () => {
  const sink = await createSink()
  await sink.close()
  const callout = { host: '127.0.0.1', port: sink.port, tls: 'none' } as const
  await session(recipients({ domains: ['mx.test'], callout }))
    .rcpt('x@mx.test')
    .expectRefusal('4.4.3')
  await session(recipients({ domains: ['mx.test'], callout, unavailable: 'accept' }))
    .rcpt('x@mx.test')
    .expectAccepted()
})

test('without anybody to ask there is a boot error', async () => {
  await assert.rejects(createTestServer([recipients({ domains: ['mx.test'] })]), /recipients/)
})
