import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UserTrust } from './trust.ts'

test('who agrees with what is sure is trusted, and so is who is new', () => {
  const trust = new UserTrust()
  for (let i = 0; i < 50; i++) assert.equal(trust.judge('a', 4, 'junk').isTrusted, true)
  assert.equal(trust.judge('new', 0, 'junk').isTrusted, true)
  assert.equal(trust.users, 2)
})

test('who lies is held back after the first few, also after many honest labels', () => {
  for (const honest of [0, 100, 10_000]) {
    const trust = new UserTrust()
    for (let i = 0; i < honest; i++) trust.judge('sleeper', 4, 'junk')
    let believed = 0
    for (let i = 0; i < 500; i++) if (trust.judge('sleeper', 4, 'wanted').isTrusted) believed++
    assert.ok(believed <= 5, `${believed} lies believed after ${honest} honest labels`)
  }
})

test('a single honest contradiction is believed, and trust comes back', () => {
  const trust = new UserTrust()
  for (let i = 0; i < 5; i++) assert.equal(trust.judge('a', -4, 'wanted').isTrusted, true)
  assert.equal(trust.judge('a', 4, 'wanted').isTrusted, true)
  for (let i = 0; i < 20; i++) trust.judge('b', 4, 'wanted')
  assert.equal(trust.judge('b', 4, 'wanted').isTrusted, false)
  for (let i = 0; i < 40; i++) trust.judge('b', 4, 'junk')
  assert.equal(trust.judge('b', 4, 'junk').isTrusted, true)
})

test('what the model is not sure of counts for nobody', () => {
  const trust = new UserTrust()
  for (let i = 0; i < 50; i++) assert.equal(trust.judge('a', 1, 'wanted').isTrusted, true)
})

test('a label that was held back is believed when three say the same, once each', () => {
  const trust = new UserTrust()
  assert.deepEqual(trust.agree('m', 'a', 'junk'), { users: 1, isEnough: false })
  assert.deepEqual(trust.agree('m', 'a', 'junk'), { users: 1, isEnough: false })
  assert.deepEqual(trust.agree('m', 'b', 'wanted'), { users: 1, isEnough: false })
  assert.deepEqual(trust.agree('m', 'b', 'junk'), { users: 2, isEnough: false })
  assert.deepEqual(trust.agree('m', 'c', 'junk'), { users: 3, isEnough: true })
})

test('what is kept comes back, and a user who is deleted is new', () => {
  const trust = new UserTrust()
  for (let i = 0; i < 20; i++) trust.judge('a', 4, 'wanted')
  trust.agree('m', 'a', 'junk')
  trust.agree('m', 'b', 'junk')
  const copy = UserTrust.from(JSON.parse(JSON.stringify([...trust.states()])))
  assert.equal(copy.judge('a', 0, 'junk').isTrusted, false)
  assert.equal(copy.agree('m', 'c', 'junk').isEnough, true, 'who has said the same before counts')
  copy.delete('a')
  assert.equal(copy.judge('a', 0, 'junk').isTrusted, true)
})

test('what is kept comes in slices, however many users there are', () => {
  const trust = new UserTrust()
  for (let i = 0; i < 2_500; i++) trust.judge(`user${i}`, 4, 'junk')
  const states = [...trust.states()]
  assert.deepEqual(
    states.map(({ users }) => users?.length),
    [1_000, 1_000, 500],
  )
  assert.equal(UserTrust.from(states).users, 2_500)
})
