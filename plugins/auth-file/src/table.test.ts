/** What the README promises, as a table of sessions. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { hashPassword } from '@postroad/login'
import { type FakeClock, fakeClock, sessionOn, testPlugin } from '@postroad/testing'
import { authFile } from './index.ts'

const CHEAP = { ln: 4, r: 8, p: 1 }
const START = Date.UTC(2026, 0, 1)

const folder = mkdtempSync(join(tmpdir(), 'postroad-'))
after(() => rmSync(folder, { recursive: true }))
const path = join(folder, 'users')
const wrongPath = join(folder, 'wrong')
writeFileSync(
  path,
  `alice@example.com ${await hashPassword('secret', CHEAP)} from=*@sales.example.com\nbob ${await hashPassword('hidden', CHEAP)}\n`,
)
writeFileSync(wrongPath, 'alice@example.com secret\n')

/** A clock on which who sleeps makes the time pass. */
function restless(): FakeClock {
  const clock = fakeClock(START)
  return { ...clock, sleep: (ms) => clock.advance(ms) }
}

const options = { path, scrypt: CHEAP }
const alice = { username: 'alice@example.com', password: 'secret' }
const bob = { username: 'bob', password: 'hidden' }
const stranger = { username: 'nobody', password: 'guess' }
const guess = { username: 'alice@example.com', password: 'guess' }
let guesses = 0
/** Another one each time: the same one again is no further guess. */
const another = (who = guess) => ({ ...who, password: `guess ${guesses++}` })

testPlugin(authFile, [
  {
    name: 'a user may send from the own address and those of from=, and the name is compared without case',
    options,
    auth: { username: 'ALICE@Example.com', password: 'secret' },
    mail: 'north@sales.example.com',
    expect: 'accepted',
  },
  {
    name: 'but not from one that is somebody else’s',
    options,
    auth: alice,
    mail: 'bob@example.com',
    expect: { refused: '5.7.1', code: 553 },
  },
  {
    name: 'unless the operator allows any',
    options: { ...options, senders: 'any' },
    auth: alice,
    mail: 'bob@example.com',
    expect: 'accepted',
  },
  {
    name: 'a user without a domain owns the address of that name in `domains`',
    options: { ...options, domains: ['example.com'] },
    auth: bob,
    mail: 'bob@example.com',
    expect: 'accepted',
  },
  {
    name: 'RFC 4954 §6: a wrong password is refused with 535 5.7.8, two seconds later',
    options,
    clock: restless(),
    auth: guess,
    expect: { refused: '5.7.8', code: 535, check: ({ server }) => assert.equal(server.clock.now() - START, 2_000) },
  },
  {
    name: 'RFC 4616 §2: acting for another user is refused',
    options,
    clock: restless(),
    auth: { mechanism: 'PLAIN', authorize: 'bob', ...alice },
    expect: '5.7.8',
  },
  {
    name: 'RFC 4954 §6: after too many failures of one address what is wrong is deferred, whether it was looked at or not',
    options: { ...options, failures: { byAddress: '2/h' } },
    clock: restless(),
    earlier: [{ auth: another() }, { auth: another() }],
    auth: stranger,
    expect: {
      refused: '4.7.0',
      code: 454,
      async check({ server }) {
        // Two answers were held for 2 s each, and this one for 15.
        assert.equal(server.clock.now() - START, 19_000)
        await sessionOn(server).auth(another()).expectRefusal('4.7.0', /^454 /).quit()
        assert.equal(server.clock.now() - START, 34_000)
      },
    },
  },
  {
    name: 'and what is right gets in, as who was never there, too',
    options: { ...options, failures: { byAddress: '2/h' } },
    clock: restless(),
    earlier: [{ auth: another() }, { auth: another() }, { auth: another() }],
    auth: bob,
    expect: 'accepted',
  },
  {
    name: 'failures for a name lock it, but not in a network where it has logged in',
    options: { ...options, failures: { byUser: '2/h' } },
    clock: restless(),
    earlier: [{ auth: alice }, { from: '203.0.113.9', auth: another() }, { from: '203.0.113.9', auth: another() }],
    auth: alice,
    expect: {
      accepted: true,
      async check({ server }) {
        await sessionOn(server).from('198.51.100.7').auth(alice).expectRefusal('4.7.0').quit()
      },
    },
  },
  {
    name: 'ten wrong passwords of others behind one address do not lock out who has logged in from there',
    options: { ...options, failures: { byAddress: '10/h', byUser: '5/h' } },
    clock: restless(),
    earlier: [{ auth: alice }, ...Array.from({ length: 10 }, () => ({ auth: another(stranger) }))],
    auth: alice,
    expect: {
      accepted: true,
      async check({ server }) {
        // Of a name that is guessed there the guesses are few, also where its owner is at home.
        for (let i = 0; i < 12; i++) await sessionOn(server).auth(another()).expectRefusal().quit()
        await sessionOn(server).auth(alice).expectRefusal('4.7.0').quit()
      },
    },
  },
  {
    name: 'a program that tries an old password again and again has guessed once, and locks nobody out',
    options: { ...options, failures: { byAddress: '3/h', byUser: '3/h' } },
    clock: restless(),
    earlier: Array.from({ length: 40 }, () => ({ auth: guess })),
    auth: alice,
    expect: 'accepted',
  },
  {
    name: 'a missing file is one without users',
    options: { ...options, path: join(folder, 'missing') },
    clock: restless(),
    auth: alice,
    expect: '5.7.8',
  },
  {
    name: 'a wrong file at start is a boot error',
    options: { path: wrongPath },
    expect: { mistake: /"secret" is not a field/ },
  },
])
