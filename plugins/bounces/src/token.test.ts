import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '@postroad/mail'
import type { TokenKey } from '@postroad/options'
import type { Address } from '@postroad/plugin'
import { BounceAddress } from './token.ts'

const NOW = Date.UTC(2026, 10, 30, 12)
const key = (name: string, fill: number): TokenKey => ({ name, secret: Buffer.alloc(32, fill) })
const ours = new BounceAddress('Bounce@B.example.com')
const mail = { id: 'Q1', recipients: ['ann@example.org'] }
const tokenOf = (address: Address) => ours.tokenOf(address) ?? ''

test('RFC 5321 §4.5.3.1.1: an address for bounces fits a local part, and no address stands in it', () => {
  const longest = new BounceAddress('abcdefghijkl@b.example.com').make(mail, key('0123456789abcdef', 1), NOW)
  assert.ok(longest.local.length <= 64, longest.local)
  const address = ours.make(mail, key('k1', 1), NOW)
  assert.match(address.toString(), /^bounce\+k1-[0-9a-z]+-[a-z2-7]{12}-[a-z2-7]{16}@b\.example\.com$/)
  assert.doesNotMatch(address.local, /ann|example/)
})

test('it opens with the key that made it, in any case of letters, also when newer keys have come', () => {
  const made = ours.make(mail, key('k1', 1), NOW)
  const shouted = parseAddress(made.toString().toUpperCase()) ?? assert.fail()
  for (const keys of [[key('k1', 1)], [key('k2', 2), key('k1', 1)]])
    for (const address of [made, shouted])
      assert.deepEqual(ours.open(tokenOf(address), keys), { serial: ours.serialOf(made), at: Date.UTC(2026, 10, 30) })
})

test('it does not open with another key of that name, without its key, at another domain, or changed anywhere', () => {
  const made = ours.make(mail, key('k1', 1), NOW)
  const token = tokenOf(made)
  assert.equal(ours.open(token, [key('k1', 2)]), undefined)
  assert.equal(ours.open(token, [key('k2', 1)]), undefined)
  assert.equal(new BounceAddress('bounce@other.example').open(token, [key('k1', 1)]), undefined)
  for (let at = 0; at < token.length; at++) {
    const other = token[at] === 'a' ? 'b' : 'a'
    assert.equal(
      ours.open(`${token.slice(0, at)}${other}${token.slice(at + 1)}`, [key('k1', 1)]),
      undefined,
      `at ${at}`,
    )
  }
})

test('the same message and recipients have one serial on all days; others have another', () => {
  const serial = (of: typeof mail, now = NOW) => ours.serialOf(ours.make(of, key('k1', 1), now))
  assert.equal(serial(mail), serial(mail, NOW + 5 * 86_400_000))
  assert.notEqual(serial(mail), serial({ ...mail, id: 'Q2' }))
  assert.notEqual(serial(mail), serial({ ...mail, recipients: ['bob@example.org'] }))
})

test('tokens are found in what a report brings back', () => {
  const made = ours.make(mail, key('k1', 1), NOW)
  assert.deepEqual(ours.tokensIn(`Return-Path: <${made}>\nX: bounce+nothing here`, 10), [tokenOf(made)])
  assert.deepEqual(ours.tokensIn('bounce+'.repeat(100_000), 10), [])
})
