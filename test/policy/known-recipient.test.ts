/** `routing` and `recipients` together: what the one replaces, the other does not refuse. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recipients } from '@postroad/recipients'
import { routing } from '@postroad/routing'
import { createTestServer, sessionOn } from '@postroad/testing'

test('aliases and bounces to rewritten reverse-paths are let through; who is only copied or names itself must exist', async () => {
  const server = await createTestServer([
    recipients({ domains: ['mx.test'], users: ['alice@mx.test'] }),
    routing({
      routes: [{ match: { from: 'boss@mx.test' }, copy: 'archive@mx.test' }],
      addresses: {
        'sales@mx.test': 'alice@mx.test',
        'away@mx.test': 'x@away.test',
        'self@mx.test': ['self@mx.test', 'alice@mx.test'],
      },
      domains: { 'mx.test': { via: 'maildir' } },
      srs: { domain: 'mx.test', secret: 'only for this test' },
    }),
  ])
  await sessionOn(server)
    .mail('a@client.test')
    .rcpt('sales+eu@mx.test')
    .expectAccepted()
    .rcpt('self@mx.test')
    .expectRefusal('5.1.1')
    .rcpt('away@mx.test')
    .expectAccepted()
  const from = String(server.routes.at(-1)?.settings?.['reversePath'])
  assert.match(from, /^SRS0=/)
  await sessionOn(server)
    .mail('<>')
    .rcpt(from)
    .expectAccepted()
    .rcpt('SRS0=forged=AA=client.test=a@mx.test')
    .expectRefusal('5.1.1')
  await sessionOn(server).mail('a@client.test').rcpt(from).expectRefusal('5.1.1')
  await sessionOn(server).mail('boss@mx.test').rcpt('nobody@mx.test').expectRefusal('5.1.1')
  await server.close()
})

test('a bounce to a sender who is ours by now goes to the mailbox, not out', async () => {
  const of = (domains: Record<string, { via: string }>) =>
    routing({
      addresses: { 'away@mx.test': 'x@away.test' },
      domains: { 'mx.test': { via: 'maildir' }, ...domains },
      srs: { domain: 'mx.test', secret: 'only for this test' },
    })
  const before = await createTestServer([of({})])
  await sessionOn(before).mail('a@later-ours.test').rcpt('away@mx.test').expectAccepted()
  const from = String(before.routes.at(-1)?.settings?.['reversePath'])
  await before.close()
  const server = await createTestServer([of({ 'later-ours.test': { via: 'lmtp' } })])
  await sessionOn(server).mail('<>').rcpt(from).expectRoute({ via: 'lmtp' })
  assert.deepEqual(server.routes.at(-1)?.to?.map(String), ['a@later-ours.test'])
  await server.close()
})
