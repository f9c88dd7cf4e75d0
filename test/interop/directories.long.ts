/** Directories and logins with real servers that are killed, frozen, slow, back again, or not who they should be; the gateway of the cookbook. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Directory } from '../../packages/directory/src/index.ts'
import { createSink, createTestServer, sessionOn } from '../../packages/testing/src/index.ts'
import { auth } from '../../plugins/auth/src/index.ts'
import { makeCertificate } from '../cluster/certificate.ts'
import { startRedis } from '../cluster/redis.ts'
import { SmtpClient } from '../failure/smtp-client.ts'
import { makeTestFolder } from '../runner/folder.ts'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'
import { clock, type FromInput, ldapFrom, open, sqlFrom } from './directory/cases.ts'
import { PEOPLE, SECRET, startMariadb, startPostgres, startSlapd } from './directory/servers.ts'
import { PASSWORD, startDovecot } from './dovecot.ts'
import { freePorts, waitForBanner } from './loopback.ts'

const skip = requires(
  'slapd',
  'postgresql',
  'mariadb-server',
  'redis-server',
  'dovecot-core',
  'dovecot-imapd',
  'dovecot-lmtpd',
  'openssl',
  'procps',
)

/** What a server can be made to do. */
interface Mortal {
  freeze(): void
  thaw(): void
  kill(): Promise<void>
  start(): Promise<void>
}

async function fails(directory: Directory, key: string): Promise<void> {
  await assert.rejects(Promise.resolve(directory.find(key)), { name: 'DirectoryError' })
}

/** Killed, back, frozen, back; meanwhile nothing is an answer, what is known serves on, and nobody else waits. */
async function outlives(t: TestContext, server: Mortal, from: FromInput): Promise<void> {
  const plain = await open(t, { ...from, deadline: '1 s' })
  const kept = await open(t, { ...from, deadline: '1 s', cache: { found: '1 ms', unknown: '1 ms', stale: '1 h' } })
  const [known, other, unknown] = [PEOPLE[0]?.address ?? '', PEOPLE[1]?.address ?? '', 'nobody@x.test']
  const isWell = async (directory: Directory) => {
    assert.ok(await directory.find(known), 'who is there is found')
    assert.equal(await directory.find(unknown), undefined)
  }
  for (const directory of [plain, kept]) await isWell(directory)
  for (const way of ['kill', 'freeze'] as const) {
    await server[way]()
    for (let at = 0; at < 4; at++) await fails(plain, unknown)
    await fails(plain, known)
    assert.equal((await kept.look(known)).how, 'stale')
    await fails(kept, unknown)
    await fails(kept, other)
    // All that want something new while it hangs: each has its error, and none takes the time of the others.
    const many = await Promise.allSettled(PEOPLE.map(({ address }) => Promise.resolve(plain.find(address))))
    assert.ok(many.every(({ status }) => status === 'rejected'))
    await (way === 'kill' ? server.start() : server.thaw())
    for (const directory of [plain, kept]) await until(() => isWell(directory))
  }
}

async function until(work: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if (tries > 100) throw error
      await sleep(200)
    }
  }
}

test('PostgreSQL is killed and frozen', { skip }, async (t) => {
  await using server = await startPostgres()
  await outlives(t, server.peer, sqlFrom(server.url))
  const slow = await open(t, { sql: { url: server.url, query: 'SELECT pg_sleep(3), {key}::text' }, deadline: '500 ms' })
  const quick = await open(t, sqlFrom(server.url))
  const late = fails(slow, 'alice@x.test')
  assert.ok(await quick.find('alice@x.test'))
  await late
  const wrong = await open(t, sqlFrom(server.url.replace(SECRET, 'wrong')))
  await fails(wrong, 'alice@x.test')
  const listed = await open(t, { ...sqlFrom(server.url), list: { ask: 'SELECT address, target FROM people' } })
  assert.deepEqual((await listed.find('u699@x.test'))?.values, ['u699@store.test'])
  assert.equal(listed.stats().cached, PEOPLE.length)
})

test('MariaDB is killed and frozen', { skip }, async (t) => {
  await using server = await startMariadb()
  await outlives(t, server.peer, sqlFrom(server.url))
  const slow = await open(t, { sql: { url: server.url, query: 'SELECT SLEEP(3), {key}' }, deadline: '500 ms' })
  await fails(slow, 'alice@x.test')
  await fails(await open(t, sqlFrom(server.url.replace(SECRET, 'wrong'))), 'alice@x.test')
  const listed = await open(t, { ...sqlFrom(server.url), list: { ask: 'SELECT address, target FROM people' } })
  assert.deepEqual((await listed.find('u699@x.test'))?.values, ['u699@store.test'])
})

test('slapd is killed and frozen', { skip }, async (t) => {
  await using server = await startSlapd()
  await outlives(t, server.peer, ldapFrom(server.url))
  const wrong = await open(t, ldapFrom(server.url, { bind: { dn: 'cn=postroad,dc=x,dc=test', password: 'wrong' } }))
  await fails(wrong, 'alice@x.test')
})

test('Redis is killed and frozen', { skip }, async (t) => {
  await using server = await startRedis({ appendonly: 'yes', appendfsync: 'always' })
  for (const { address, target } of PEOPLE.slice(0, 2)) await server.command('SET', address, target)
  await outlives(t, server, { redis: { url: server.url } })
})

test('a certificate that is not theirs, or no TLS at all, is an outage', { skip }, async (t) => {
  using certificate = makeCertificate()
  using other = makeCertificate()
  const [ours, theirs] = [{ ca: certificate.certFile }, { ca: other.certFile }]
  await using ldap = await startSlapd(certificate)
  for (const url of [ldap.secure, ldap.url]) {
    const startTls = url === ldap.url
    const right = await open(t, ldapFrom(url, { startTls, tls: ours }))
    assert.ok(await right.find('alice@x.test'), url)
    await fails(await open(t, ldapFrom(url, { startTls, tls: theirs })), 'alice@x.test')
    await fails(await open(t, ldapFrom(url, { startTls })), 'alice@x.test')
    await fails(await open(t, ldapFrom(url, { startTls, tls: { ...ours, servername: 'other.test' } })), 'alice@x.test')
    // After the connection has ended the next one has TLS and its bind again.
    await ldap.peer.kill()
    await fails(right, 'bob@x.test')
    await ldap.peer.start()
    await until(async () => assert.ok(await right.find('bob@x.test')))
    const entry = await right.find('alice@x.test')
    assert.ok(entry && (await right.verify?.(entry, 'wonderland', new AbortController().signal)))
  }
  await using postgres = await startPostgres(certificate)
  await using maria = await startMariadb(certificate)
  await using redis = await startRedis({}, { certificate })
  await redis.command('SET', 'alice@x.test', 'alice@store.test')
  const withTls = (from: FromInput, tls: object): FromInput =>
    from.sql
      ? { sql: { ...from.sql, tls: from.sql.url.startsWith('mysql') ? { servername: 'redis.test', ...tls } : tls } }
      : { redis: { url: redis.url, ...from.redis, tls } }
  for (const from of [sqlFrom(postgres.url), sqlFrom(maria.url), { redis: { url: redis.url } }]) {
    assert.ok(await (await open(t, withTls(from, ours))).find('alice@x.test'), JSON.stringify(from))
    await fails(await open(t, withTls(from, theirs)), 'alice@x.test')
    await fails(await open(t, withTls(from, {})), 'alice@x.test')
  }
  await fails(await open(t, withTls(sqlFrom(maria.url), { ...ours, servername: 'other.test' })), 'alice@x.test')
  await assert.rejects(open(t, withTls(sqlFrom(maria.url), { servername: '127.0.0.1' })), /needs "tls\.servername"/)
  await using clear = await startPostgres()
  await fails(await open(t, withTls(sqlFrom(clear.url), ours)), 'alice@x.test')
})

const login = (username: string, password: string) => ({ username, password })

async function served(t: TestContext, options: Parameters<typeof auth>[0]) {
  const server = await createTestServer([auth({ delay: 0, ...options })], {
    clock: { ...clock, advance: async () => undefined, step: () => undefined } as never,
  }) // the time of the machine: the servers have it, too
  t.after(() => server.close())
  return server
}

test('logins by an LDAP bind', { skip }, async (t) => {
  await using ldap = await startSlapd()
  const from = ldapFrom(ldap.url, { filter: '(|(uid={key})(mail={key}))', attributes: ['mail', 'proxyAddresses'] })
  const server = await served(t, {
    from: { ...from, deadline: '1 s' },
    fields: { user: 'mail', senders: 'proxyAddresses' },
    failures: { byAddress: '100/h', byUser: '100/h' },
  })
  const as = (name: string, password: string) => sessionOn(server).auth(login(name, password))
  await as('alice', 'wonderland').mail('a.liddell@x.test').expectAccepted().quit()
  await as('alice@x.test', 'wonderland').mail('bob@x.test').expectRefusal('5.7.1').quit()
  for (const [name, password] of [
    ['alice', ''],
    ['alice', 'Wonderland'],
    ['*', 'wonderland'],
    ['a*', 'wonderland'],
    ['alice)(uid=*', 'wonderland'],
    ['nobody', 'x'],
  ] as const)
    await as(name, password).expectRefusal('5.7.8').quit()
  ldap.peer.freeze()
  await as('alice', 'wonderland').expectRefusal('4.7.0', /^454 /).quit()
  ldap.peer.thaw()
  await ldap.peer.kill()
  await as('bob', 'builder*(').expectRefusal('4.7.0', /^454 /).quit()
  await ldap.peer.start()
  await until(() =>
    as('bob', 'builder*(')
      .expectAccepted()
      .quit()
      .then(() => undefined),
  )
})

test('logins by hashes that doveadm has made', { skip }, async (t) => {
  await using database = await startPostgres()
  const schemes = [
    'SHA512-CRYPT',
    'SHA256-CRYPT',
    'BLF-CRYPT',
    'SSHA',
    'SSHA256',
    'SSHA512',
    'SSHA512.HEX',
    'ARGON2ID',
    'ARGON2I',
  ]
  const made = schemes.flatMap((scheme) => {
    try {
      return [
        {
          scheme,
          hash: execFileSync(programPath('doveadm'), ['pw', '-s', scheme, '-p', 'pässword 1'], {
            encoding: 'utf8',
            stdio: ['ignore', 'pipe', 'pipe'],
          }).trim(),
        },
      ]
    } catch {
      return [] // a Dovecot without libsodium has no Argon2
    }
  })
  assert.ok(made.length >= 7, made.map(({ scheme }) => scheme).join(' '))
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  for (const { scheme, hash } of made)
    await client.query('INSERT INTO people VALUES ($1, $1, $2)', [`${scheme.toLowerCase()}@x.test`, hash])
  await client.end()
  const server = await served(t, {
    from: { sql: { url: database.url, query: 'SELECT address AS "user", password FROM people WHERE address = {key}' } },
    failures: { byAddress: '100/h', byUser: '100/h' },
  })
  for (const { scheme } of made) {
    const name = `${scheme}@x.test`
    await sessionOn(server).auth(login(name, 'pässword 1')).mail(name.toLowerCase()).expectAccepted().quit()
    await sessionOn(server).auth(login(name, 'password 1')).expectRefusal('5.7.8').quit()
  }
  await sessionOn(server).auth(login("' OR '1'='1", 'x')).expectRefusal('5.7.8').quit()
})

test('logins by Dovecot', { skip }, async (t) => {
  let socket = ''
  await using dovecot = await startDovecot(['alice@x.test'], (folder) => {
    socket = path.join(folder, 'postroad-auth')
    return `service auth {\n  unix_listener ${socket} {\n    mode = 0666\n  }\n}\n`
  })
  const server = await served(t, { dovecot: { socket }, deadline: '8 s' })
  await sessionOn(server).auth(login('alice@x.test', PASSWORD)).mail('alice@x.test').expectAccepted().quit()
  await sessionOn(server).auth(login('alice@x.test', PASSWORD)).mail('bob@x.test').expectRefusal('5.7.1').quit()
  for (const [name, password] of [
    ['alice@x.test', 'wrong'],
    ['nobody@x.test', PASSWORD],
    ['alice@x.test', `${PASSWORD}\t`],
  ] as const)
    await sessionOn(server).auth(login(name, password)).expectRefusal('5.7.8').quit()
  await dovecot.stop()
  await sessionOn(server).auth(login('alice@x.test', PASSWORD)).expectRefusal('4.7.0', /^454 /).quit()
  await dovecot.start()
  await sessionOn(server).auth(login('alice@x.test', PASSWORD)).expectAccepted().quit()
})

test('the gateway of the cookbook: recipients from LDAP, also after a restart while LDAP is away', {
  skip,
}, async (t) => {
  await using ldap = await startSlapd()
  const next = await createSink()
  t.after(() => next.close())
  const folder = makeTestFolder('gateway')
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const page = readFileSync(path.join(import.meta.dirname, '../../docs/cookbook/gateway.md'), 'utf8')
  const [, config = ''] = /```ts gateway\.config\.ts\n([\s\S]*?)```/.exec(page) ?? []
  const file = path.join(folder, 'gateway.config.ts')
  writeFileSync(file, config)
  const [port = 0] = await freePorts(1)
  const env = {
    ...process.env,
    POSTROAD_LDAP: ldap.url,
    POSTROAD_LDAP_PASSWORD: SECRET,
    POSTROAD_FOLDER: path.join(folder, 'kept'),
    POSTROAD_NEXT: '127.0.0.1',
    POSTROAD_NEXT_PORT: `${next.port}`,
    POSTROAD_PORT: `${port}`,
  }
  let server: ChildProcess | undefined
  const bin = path.join(import.meta.dirname, '../../packages/cli/src/bin.ts')
  const start = async () => {
    server = spawn(process.execPath, ['--conditions=@postroad/source', bin, 'start', file], { stdio: 'ignore', env })
    await waitForBanner(port)
  }
  const stop = async () => {
    if (!server || server.exitCode !== null) return
    server.kill('SIGTERM')
    await once(server, 'exit')
  }
  t.after(stop)
  const replies = async () => {
    const client = await SmtpClient.connect(port)
    await client.reply()
    await client.send('EHLO client.test')
    await client.send('MAIL FROM:<a@elsewhere.test>')
    const codes: number[] = []
    for (const local of ['alice', 'A.Liddell', 'bob', 'sales', 'nobody', 'a*'])
      codes.push(Number((await client.send(`RCPT TO:<${local}@x.test>`)).slice(0, 3)))
    client.end()
    return codes
  }
  const right = [250, 250, 250, 250, 550, 550]
  await start()
  assert.deepEqual(await replies(), right)
  await ldap.peer.kill()
  assert.deepEqual(await replies(), right)
  await stop()
  await start()
  assert.deepEqual(await replies(), right)
  await stop()
  rmSync(path.join(folder, 'kept'), { recursive: true })
  await start()
  assert.deepEqual(await replies(), [451, 451, 451, 451, 451, 451])
  await ldap.peer.start()
})
