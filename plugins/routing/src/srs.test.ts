import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAddress } from '@postroad/mail'
import { session } from '@postroad/testing'
import fc from 'fast-check'
import { routing } from './index.ts'
import { srsOf } from './srs.ts'

const NOW = Date.UTC(2026, 0, 1)
const DAY = 86_400_000
const srs = srsOf({ domain: 'srs.example', secret: ['new', 'old'], lifetime: 21 })
const alice = makeAddress('Alice', 'example.com')

test('a reverse-path is rewritten, and a bounce finds the way back', () => {
  const rewritten = srs.encode(alice, NOW)
  assert.match(String(rewritten), /^SRS0=[\w-]{6}=[A-Z2-7]{2}=example\.com=Alice@srs\.example$/)
  assert.equal(String(rewritten && srs.decode(rewritten, NOW + 21 * DAY)), 'Alice@example.com')
})

test('what is forged, too old, or changed is refused; what is not SRS is not our business', () => {
  const rewritten = srs.encode(alice, NOW)
  assert.ok(rewritten)
  assert.equal(srs.decode(rewritten, NOW + 22 * DAY), 'forged')
  assert.equal(srs.decode(makeAddress(rewritten.local.replace('Alice', 'mallory'), 'srs.example'), NOW), 'forged')
  assert.equal(srs.decode(makeAddress('SRS0=nonsense', 'srs.example'), NOW), 'forged')
  assert.equal(srs.decode(makeAddress('alice', 'srs.example'), NOW), undefined)
  assert.equal(srs.decode(makeAddress(rewritten.local, 'other.example'), NOW), undefined)
})

test('a lost case, and a secret that was replaced, do not lose a bounce', () => {
  const former = srsOf({ domain: 'srs.example', secret: ['old'], lifetime: 21 }).encode(alice, NOW)
  assert.ok(former)
  assert.equal(String(srs.decode(makeAddress(former.local.toLowerCase(), 'srs.example'), NOW)), 'alice@example.com')
})

test('what another forwarder rewrote becomes SRS1, and goes back to the first of them', () => {
  const theirs = makeAddress('SRS0=abcdef=AB=example.com=alice', 'first.example')
  const ours = srs.encode(theirs, NOW)
  assert.match(String(ours), /^SRS1=[\w-]{6}=first\.example==abcdef=AB=example\.com=alice@srs\.example$/)
  assert.equal(String(ours && srs.decode(ours, NOW)), String(theirs))
  const second = srsOf({ domain: 'second.example', secret: ['x'], lifetime: 21 })
  const onward = ours && second.encode(ours, NOW)
  assert.match(String(onward), /^SRS1=[\w-]{6}=first\.example==abcdef=AB=example\.com=alice@second\.example$/)
  assert.equal(String(onward && second.decode(onward, NOW)), String(theirs))
})

test('a local part that would be too long is left as it is', () => {
  assert.equal(srs.encode(makeAddress('x'.repeat(60), 'example.com'), NOW), undefined)
})

test('any address comes back, and no text is an error', () => {
  const letters = fc.string({
    unit: fc.constantFrom('a', 'B', '=', '-', '+', '0', '.x', ' '),
    minLength: 1,
    maxLength: 12,
  })
  fc.assert(
    fc.property(letters, fc.nat(2_000), (local, day) => {
      if (/^srs[01][-+=]/i.test(local)) return
      const from = makeAddress(local, 'example.com')
      const now = NOW + day * DAY
      const rewritten = srs.encode(from, now)
      assert.equal(String(rewritten && srs.decode(rewritten, now)), String(from))
    }),
  )
  fc.assert(
    fc.property(
      fc.string(),
      (rest) => void srs.decode({ ...alice, local: `SRS0=${rest}`, domain: 'srs.example' }, NOW),
    ),
  )
  fc.assert(
    fc.property(
      fc.string(),
      (rest) => void srs.decode({ ...alice, local: `SRS1=${rest}`, domain: 'srs.example' }, NOW),
    ),
  )
})

test('an alias to another domain sends on with our reverse-path; our own senders keep theirs', async () => {
  const plugin = routing({
    domains: { 'example.com': { via: 'maildir' } },
    addresses: { 'friend@example.com': 'friend@elsewhere.test' },
    srs: { domain: 'srs.example', secret: 's' },
  })
  let rewritten = ''
  await session(plugin)
    .mail('someone@third.test')
    .rcpt('friend@example.com')
    .expect(({ server }) => {
      rewritten = String(server.routes.at(-1)?.settings?.['reversePath'])
      assert.match(rewritten, /^SRS0=.*=third\.test=someone@srs\.example$/)
    })
    .mail('colleague@example.com')
    .rcpt('friend@example.com')
    .expect(({ server }) => assert.equal(server.routes.at(-1)?.settings, undefined))
    .mail('<>')
    .rcpt('friend@example.com')
    .expect(({ server }) => assert.equal(server.routes.at(-1)?.settings, undefined))
  await session(plugin)
    .mail('<>')
    .rcpt(rewritten)
    .expectRoute({ via: 'smtp' })
    .expect(({ server }) => assert.deepEqual(server.routes.at(-1)?.to?.map(String), ['someone@third.test']))
    .mail('spammer@third.test')
    .rcpt(rewritten)
    .expectRefusal('5.1.1')
    .mail('<>')
    .rcpt(rewritten.replace('someone', 'anyone'))
    .expectRefusal('5.1.1')
})

test('the domain of the reverse-paths may be written in any form', () => {
  const srs = srsOf({ domain: 'Bücher.example.', secret: ['s'], lifetime: 21 })
  const sent = srs.encode(alice, NOW)
  assert.equal(sent?.domain, 'xn--bcher-kva.example')
  assert.equal(String(srs.decode(sent ?? alice, NOW)), String(alice))
})
