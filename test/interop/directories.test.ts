/** Directories in real servers, a case each: who is there, who is not, and what is no key at all. The rest is in `directories.long.ts`. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Directory } from '../../packages/directory/src/index.ts'
import { startRedis } from '../cluster/redis.ts'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'
import { INJECTIONS, ldapFrom, open, sqlFrom } from './directory/cases.ts'
import { type BindAnswer, PEOPLE, startMariadb, startPostgres, startSlapd } from './directory/servers.ts'
import { startDovecot } from './dovecot.ts'

const skip = requires(
  'slapd',
  'postgresql',
  'mariadb-server',
  'redis-server',
  'tinycdb',
  'postfix',
  'postfix-cdb',
  'dovecot-core',
  'dovecot-imapd',
  'dovecot-lmtpd',
  'procps',
)

async function holds(directory: Directory, known: string, value: string): Promise<void> {
  assert.deepEqual((await directory.find(known))?.values, [value])
  assert.equal(await directory.find('nobody@x.test'), undefined)
  for (const key of INJECTIONS) assert.equal(await directory.find(key), undefined, JSON.stringify(key))
  assert.deepEqual((await directory.find(known))?.values, [value])
}

test('PostgreSQL', { skip }, async (t) => {
  await using server = await startPostgres()
  await holds(await open(t, sqlFrom(server.url)), 'alice@x.test', 'alice@store.test')
})

test('MariaDB', { skip }, async (t) => {
  await using server = await startMariadb()
  await holds(await open(t, sqlFrom(server.url)), 'alice@x.test', 'alice@store.test')
})

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'postroad-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('SQLite, also while somebody writes', async (t) => {
  const path = join(temporary(t), 'people.db')
  const database = new DatabaseSync(path)
  database.exec(`CREATE TABLE people (address TEXT PRIMARY KEY, target TEXT, password TEXT);
    INSERT INTO people VALUES ('alice@x.test', 'alice@store.test', NULL)`)
  const directory = await open(t, sqlFrom(`sqlite:${path}`))
  await holds(directory, 'alice@x.test', 'alice@store.test')
  database.exec("BEGIN EXCLUSIVE; UPDATE people SET target = 'new@store.test'")
  const waiting = directory.find('alice@x.test')
  assert.ok(waiting instanceof Promise)
  database.exec('COMMIT')
  assert.deepEqual((await waiting)?.values, ['new@store.test'])
  database.close()
})

test('slapd: a person, an address besides, a group with a group in it, and a password', { skip }, async (t) => {
  await using server = await startSlapd()
  const directory = await open(t, ldapFrom(server.url))
  await holds(directory, 'alice@x.test', 'alice@x.test')
  const entry = await directory.find('a.liddell@x.test')
  assert.deepEqual(entry?.values, ['alice@x.test'])
  const group = await open(t, ldapFrom(server.url, { members: {} }))
  assert.deepEqual((await group.find('sales@x.test'))?.values.toSorted(), ['alice@x.test', 'bob@x.test'])
  const { signal } = new AbortController()
  assert.ok(entry)
  assert.equal(await directory.verify?.(entry, 'wonderland', signal), true)
  for (const wrong of ['', 'Wonderland', 'wonderland ', '*', '\0'])
    assert.equal(await directory.verify?.(entry, wrong, signal), false, wrong)
  const bob = await directory.find('bob@x.test')
  assert.ok(bob)
  assert.equal(await directory.verify?.(bob, 'builder*(', signal), true)
  assert.equal(await directory.verify?.(bob, 'builder', signal), false)
  const listed = await open(t, {
    ...ldapFrom(server.url, { attributes: ['mail', 'proxyAddresses'] }),
    list: { ask: '(mail=*)' },
  })
  await listed.find('alice@x.test')
  assert.ok(listed.stats().cached > 700, 'more than the server gives without paging')
  assert.ok(listed.find('a.liddell@x.test'))
  assert.equal(listed.find('/o=x/cn=alice'), undefined)
})

test('slapd: an account that may not log in is refused, and the log says why; what says nothing of it is an outage', {
  skip,
}, async (t) => {
  const data = (code: string) =>
    `80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data ${code}, v4563`
  const answers: Readonly<Record<string, BindAnswer>> = {
    right: { code: 0, text: '' },
    wrong: { code: 49, text: data('52e') },
    locked: { code: 49, text: data('775') },
    expired: { code: 49, text: data('532') },
    off: { code: 53, text: 'Account inactivated. Contact system administrator.' },
    tried: { code: 19, text: 'Exceed password retry limit. Please try later.' },
    busy: { code: 51, text: '' },
    away: { code: 52, text: '' },
    clear: { code: 13, text: 'confidentiality required' },
  }
  await using server = await startSlapd(
    undefined,
    (dn) => answers[/^uid=(\w+)/.exec(dn)?.[1] ?? ''] ?? { code: 80, text: '' },
  )
  const said: string[] = []
  const directory = await open(t, ldapFrom(server.url, { base: 'dc=odd,dc=test', filter: '(uid={key})' }), {
    warn(fields, text) {
      const { code, reason } = fields as { readonly code: number; readonly reason: string } // as the source writes it
      said.push(`${text}: ${code} ${reason}`)
    },
  })
  const { signal } = new AbortController()
  const verified = async (key: string) => {
    const entry = await directory.find(key)
    assert.ok(entry, key)
    return directory.verify?.(entry, 'secret', signal)
  }
  assert.equal(await verified('right'), true)
  for (const key of ['wrong', 'locked', 'expired', 'off', 'tried']) assert.equal(await verified(key), false, key)
  for (const key of ['busy', 'away', 'clear', 'other']) await assert.rejects(verified(key), key)
  assert.deepEqual(said, [
    'an account may not log in: 49 account locked',
    'an account may not log in: 49 password expired',
    'an account may not log in: 53 Account inactivated. Contact system administrator. Code: 0x35',
    'an account may not log in: 19 Exceed password retry limit. Please try later. Code: 0x13',
  ])
  // OpenLDAP says inappropriateAuthentication, or that it is wrong, of who has no password at all.
  const people = await open(t, ldapFrom(server.url))
  const entry = await people.find('u1@x.test')
  assert.ok(entry)
  assert.equal(await people.verify?.(entry, 'secret', signal), false)
})

test('a cdb as tinycdb makes it, also when another one takes its place', { skip }, async (t) => {
  const path = join(temporary(t), 'people.cdb')
  const make = (lines: readonly string[]) =>
    execFileSync(programPath('cdb'), ['-c', '-m', path], { input: `${lines.join('\n')}\n` })
  make(['alice@x.test alice@store.test', ...PEOPLE.slice(2).map(({ address, target }) => `${address} ${target}`)])
  const directory = await open(t, { file: path })
  await holds(directory, 'alice@x.test', 'alice@store.test')
  assert.deepEqual((await directory.find('u699@x.test'))?.values, ['u699@store.test'])
  // It is renamed into place; who asks meanwhile has the one or the other.
  make(['alice@x.test one', 'alice@x.test two', 'bob@x.test '])
  for (let values: readonly string[] | undefined = []; values?.length !== 2; await sleep(50)) {
    values = (await directory.find('alice@x.test'))?.values
    assert.ok(['alice@store.test', 'one two'].includes(values?.join(' ') ?? ''), values?.join(' '))
  }
  assert.deepEqual((await directory.find('bob@x.test'))?.values, [])
  assert.equal(await directory.find('u699@x.test'), undefined)
  writeFileSync(`${path}.new`, 'no cdb')
  renameSync(`${path}.new`, path)
  await assert.rejects(open(t, { file: path }), /people\.cdb: it is no cdb/)
  assert.ok(await directory.find('bob@x.test'))
})

test('a cdb that Postfix has made', { skip }, async (t) => {
  const folder = temporary(t)
  const path = join(folder, 'people')
  writeFileSync(join(folder, 'main.cf'), 'compatibility_level = 3.6\n')
  writeFileSync(path, 'Alice@x.test  alice@store.test\nsales@x.test alice@x.test, bob@x.test\n')
  execFileSync(programPath('postmap'), ['-c', folder, `cdb:${path}`])
  const directory = await open(t, { file: `${path}.cdb` })
  await holds(directory, 'alice@x.test', 'alice@store.test')
  assert.deepEqual((await directory.find('sales@x.test'))?.values, ['alice@x.test, bob@x.test'])
})

test('Redis: a text, a hash, a set', { skip }, async (t) => {
  await using server = await startRedis()
  await server.command('SET', 'people:alice@x.test', 'alice@store.test')
  await server.command('HSET', 'hash:alice@x.test', 'target', 'alice@store.test', 'quota', '5')
  await server.command('SADD', 'set:alice@x.test', 'alice@store.test')
  const { url } = server
  await holds(await open(t, { redis: { url, key: 'people:{key}' } }), 'alice@x.test', 'alice@store.test')
  const hash = await open(t, { redis: { url, key: 'hash:{key}', type: 'hash' } })
  await holds(hash, 'alice@x.test', 'alice@store.test')
  assert.deepEqual((await hash.find('alice@x.test'))?.fields.get('quota'), ['5'])
  await holds(await open(t, { redis: { url, key: 'set:{key}', type: 'set' } }), 'alice@x.test', 'alice@store.test')
})

test('Dovecot: its users by the auth socket, and a key of a dict', { skip }, async (t) => {
  let [users, dict] = ['', '']
  await using server = await startDovecot(['alice@x.test'], (folder) => {
    users = join(folder, 'postroad-userdb')
    dict = join(folder, 'postroad-dict')
    writeFileSync(join(folder, 'people'), 'shared/alice@x.test\nalice@store.test\n', { mode: 0o666 })
    return `
service auth {
  unix_listener ${users} {
    mode = 0666
  }
}
service dict {
  unix_listener ${dict} {
    mode = 0666
  }
}
dict {
  people = file:${folder}/people
}
`
  })
  const directory = await open(t, { dovecot: { socket: users } })
  await holds(directory, 'alice@x.test', 'alice@x.test')
  const asked = await open(t, { dovecot: { socket: dict, ask: 'dict', dict: 'people', key: 'shared/{key}' } })
  await holds(asked, 'alice@x.test', 'alice@store.test')
  await server.stop()
  await assert.rejects(Promise.resolve(asked.find('bob@x.test')), /cannot say/)
})

test('a map that Postfix asks by socketmap', async (t) => {
  const people = new Map([
    ['people alice@x.test', 'OK alice@store.test'],
    ['people down', 'TEMP later'],
    ['people bad', 'PERM no'],
  ])
  const server = createServer((socket) => {
    let text = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      text += chunk.toString('utf8')
      const [, length, rest = ''] = /^(\d+):([\s\S]*)$/.exec(text) ?? []
      if (length === undefined || Buffer.byteLength(rest) <= Number(length)) return
      const key = Buffer.from(rest).subarray(0, Number(length)).toString()
      const reply = people.get(key) ?? 'NOTFOUND '
      // In two pieces: what a network does.
      socket.write(`${Buffer.byteLength(reply)}:${reply.slice(0, 3)}`)
      setImmediate(() => socket.write(`${reply.slice(3)},`))
    })
  })
  const path = join(temporary(t), 'map')
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.after(() => server.close())
  const directory = await open(t, { socketmap: { at: path, map: 'people' } })
  await holds(directory, 'alice@x.test', 'alice@store.test')
  await assert.rejects(Promise.resolve(directory.find('down')), /TEMP later/)
  await assert.rejects(Promise.resolve(directory.find('bad')), /PERM no/)
})
