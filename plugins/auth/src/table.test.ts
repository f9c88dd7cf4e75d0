/** What the README promises, as a table of sessions: users in a database. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after } from 'node:test'
import { hashPassword } from '@postroad/login'
import { type FakeClock, fakeClock, sessionOn, testPlugin } from '@postroad/testing'
import { auth } from './index.ts'

const START = Date.UTC(2026, 0, 1)
const CHEAP = { ln: 4, r: 8, p: 1 }

const folder = mkdtempSync(join(tmpdir(), 'postroad-'))
after(() => rmSync(folder, { recursive: true }))
const database = join(folder, 'people.db')
const people = new DatabaseSync(database)
people.exec('CREATE TABLE people (name TEXT PRIMARY KEY, account TEXT, password TEXT, senders TEXT)')
const add = people.prepare('INSERT INTO people VALUES (?, ?, ?, ?)')
add.run('alice@x.test', 'alice@x.test', await hashPassword('secret', CHEAP), 'sales@x.test *@press.x.test')
add.run('carol', 'carol', await hashPassword('hidden', CHEAP), null)
add.run('odd@x.test', 'odd@x.test', '{MD5}x', 'no address@@')
people.exec(`CREATE TABLE aliases (address TEXT PRIMARY KEY, target TEXT);
  INSERT INTO aliases VALUES ('info@x.test', 'bob@x.test, Alice@x.test'), ('ceo@x.test', 'bob@x.test'), ('@shop.test', 'alice@x.test')`)
people.close()

/** A clock on which who waits for an answer makes the time pass; what would end a question does not. */
function restless(): FakeClock {
  const clock = fakeClock(START)
  return {
    ...clock,
    sleep: (ms, signal) => ([2_000, 15_000].includes(ms) ? clock.advance(ms) : clock.sleep(ms, signal)),
  }
}

const from = {
  sql: {
    url: `sqlite:${database}`,
    query: 'SELECT account AS "user", password, senders FROM people WHERE name = {key}',
  },
}
const options = { from }
const aliases = { sql: { url: `sqlite:${database}`, query: 'SELECT target FROM aliases WHERE address = {key}' } }
const alice = { username: 'alice@x.test', password: 'secret' }
let guesses = 0
/** Another one each time: the same one again is no further guess. */
const guess = (username = 'alice@x.test') => ({ username, password: `guess ${guesses++}` })

testPlugin(auth, [
  {
    name: 'a user may send from the own address and those of the directory, and the name is compared without case',
    options,
    auth: { username: 'ALICE@X.test', password: 'secret' },
    mail: 'north@press.x.test',
    expect: 'accepted',
  },
  {
    name: 'but not from one that is somebody else’s',
    options,
    auth: alice,
    mail: 'bob@x.test',
    expect: { refused: '5.7.1', code: 553 },
  },
  { name: 'unless the operator allows any', options: { ...options, senders: 'any' }, auth: alice, mail: 'bob@x.test', expect: 'accepted' }, // biome-ignore format: short
  {
    name: 'a user without a domain owns the address of that name in `domains`',
    options: { ...options, domains: ['x.test'] },
    auth: { username: 'carol', password: 'hidden' },
    mail: 'carol@x.test',
    expect: 'accepted',
  },
  {
    name: 'who gets the mail of an alias may send as the alias, also with a detail, where the table of aliases says who owns it',
    options: { ...options, owners: { from: aliases } },
    auth: alice,
    mail: 'Info+july@x.test',
    expect: {
      accepted: true,
      async check({ server }) {
        const as = () => sessionOn(server).auth(alice)
        for (const mine of ['any@shop.test', 'alice@x.test', 'sales@x.test'])
          await as().mail(mine).expectAccepted().quit()
        for (const other of ['ceo@x.test', 'bob@x.test', 'nobody@x.test', 'info@shop.test.x.test'])
          await as().mail(other).expectRefusal('5.7.1', /^553 /).quit()
        await sessionOn(server)
          .auth({ username: 'carol', password: 'hidden' })
          .mail('info@x.test')
          .expectRefusal('5.7.1')
          .quit()
      },
    },
  },
  {
    name: 'while the table of owners is away, what is not the user’s own is deferred',
    options: { ...options, owners: { from: { http: { url: 'http://127.0.0.1:9/{key}' } } } },
    auth: alice,
    mail: 'info@x.test',
    expect: {
      refused: '4.3.0',
      failure: /auth-owners .* cannot say/,
      async check({ server }) {
        await sessionOn(server).auth(alice).mail('alice@x.test').expectAccepted().quit()
      },
    },
  },
  {
    name: 'and to pass it over would be an open door',
    options: { ...options, owners: { from: { ...aliases, onError: 'pass' } } },
    expect: { mistake: /owners\.from\.onError.*open door/ },
  },
  { name: 'who has not logged in is not restricted', options, mail: 'alice@x.test', expect: 'accepted' },
  {
    name: 'RFC 4954 §6: a wrong password is refused with 535 5.7.8, two seconds later',
    options,
    clock: restless(),
    auth: guess(),
    expect: { refused: '5.7.8', code: 535, check: ({ server }) => assert.equal(server.clock.now() - START, 2_000) },
  },
  { name: 'so is a name that nobody has', options, clock: restless(), auth: guess('nobody@x.test'), expect: '5.7.8' },
  {
    name: 'RFC 4513 §5.1.2: and a password that is empty',
    options,
    clock: restless(),
    auth: { username: 'alice@x.test', password: '' },
    expect: '5.7.8',
  },
  {
    name: 'RFC 4616 §2: acting for another user is refused',
    options,
    clock: restless(),
    auth: { mechanism: 'PLAIN', authorize: 'carol', ...alice },
    expect: '5.7.8',
  },
  {
    name: 'a hash that nobody can check is 454, not 535',
    options,
    auth: { username: 'odd@x.test', password: 'x' },
    expect: { refused: '4.7.0', code: 454 },
  },
  {
    name: 'a directory that is away is 454, and no failure of the client',
    options: { from: { http: { url: 'http://127.0.0.1:9/{key}' } } },
    auth: alice,
    expect: { refused: '4.7.0', code: 454 },
  },
  {
    name: 'RFC 4954 §6: after too many failures of one address what is wrong is deferred, whether it was looked at or not',
    options: { ...options, failures: { byAddress: '2/h' } },
    clock: restless(),
    earlier: [{ auth: guess() }, { auth: guess() }],
    auth: guess('nobody@x.test'),
    expect: {
      refused: '4.7.0',
      code: 454,
      async check({ server }) {
        assert.equal(server.clock.now() - START, 19_000)
        await sessionOn(server).auth(guess()).expectRefusal('4.7.0', /^454 /).quit()
        assert.equal(server.clock.now() - START, 34_000)
      },
    },
  },
  {
    name: 'and what is right gets in',
    options: { ...options, failures: { byAddress: '2/h' } },
    clock: restless(),
    earlier: [{ auth: guess('x@x.test') }, { auth: guess('x@x.test') }, { auth: guess() }],
    auth: alice,
    expect: 'accepted',
  },
  { name: 'neither directory, Dovecot nor provider is a boot error', options: {}, expect: { mistake: /needs one of/ } },
  {
    name: 'a place in the query that is none is a boot error that says what was meant',
    options: { from: { sql: { ...from.sql, query: 'SELECT 1 FROM people WHERE name = {kye}' } } },
    expect: { mistake: /did you mean \{key\}\?/ },
  },
])
