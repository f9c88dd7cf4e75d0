import assert from 'node:assert/strict'
import * as crypto from 'node:crypto'
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatScram, hashPassword, parseScram, scramKeys, verifyPassword } from '@postroad/login'
import type { CommandIo, ScramKeys } from '@postroad/plugin'
import { createTestServer, fakeClock, sessionOn, type TestServer } from '@postroad/testing'
import { authFile } from './index.ts'
import { parseUsers } from './users.ts'

const CHEAP = { ln: 4, r: 8, p: 1 }
/** Milliseconds for which an answer is held in a network that has failed too often. */
const HELD = 15_000

interface Fixture {
  readonly server: TestServer
  readonly path: string
  run(
    command: string,
    ...args: string[]
  ): Promise<{ readonly code: number; readonly rows: Record<string, unknown>[]; readonly said: string[] }>
}

async function on(
  options: Partial<Parameters<typeof authFile>[0]>,
  body: (fixture: Fixture) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  const path = join(folder, 'users')
  const clock = fakeClock()
  const server = await createTestServer([authFile({ path, scrypt: CHEAP, delay: 0, ...options })], {
    // Answers that are held come at once.
    clock: { ...clock, sleep: (ms, signal) => (ms === HELD ? clock.advance(ms) : clock.sleep(ms, signal)) },
  })
  const run: Fixture['run'] = async (command, ...args) => {
    const rows: Record<string, unknown>[] = []
    const said: string[] = []
    const io: CommandIo = {
      json: true,
      row: (fields) => rows.push(fields),
      print: (line) => said.push(line),
      signal: new AbortController().signal,
    }
    const code = (await server.server.commands.get('auth-file')?.[command]?.run(args, io)) ?? 0
    return { code, rows, said }
  }
  try {
    // A delay of no time still has to be slept.
    const ticking = setInterval(() => void server.clock.advance(0), 1)
    await body({ server, path, run }).finally(() => clearInterval(ticking))
  } finally {
    await server.close()
    await rm(folder, { recursive: true })
  }
}

test('RFC 7914: a password is verified against its hash, in any normal form', async () => {
  const hash = await hashPassword('pässwörd', CHEAP)
  assert.match(hash, /^\$scrypt\$ln=4,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  assert.equal(await verifyPassword('pässwörd', hash), true)
  assert.equal(await verifyPassword('pässwörd'.normalize('NFD'), hash), true)
  assert.equal(await verifyPassword('passwörd', hash), false)
  for (const broken of ['', 'x', '$scrypt$ln=4,r=8,p=1$AAAA$', '$md5$x$AAAAAAAAAAAAAAAAAAAAAAAAAAAAA'])
    await assert.rejects(verifyPassword('x', broken), TypeError)
})

test('RFC 7914 §12 and RFC 9106: hashes made elsewhere are understood', async (t) => {
  // printf pleaseletmein: N=16384, r=8, p=1, salt SodiumChloride
  const hash = Buffer.from(
    '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
    'hex',
  )
  const text = `$scrypt$ln=14,r=8,p=1$${Buffer.from('SodiumChloride').toString('base64')}$${hash.toString('base64')}`
  assert.equal(await verifyPassword('pleaseletmein', text), true)
  if (typeof crypto.argon2 !== 'function') return t.skip('argon2id needs Node 24')
  // The reference implementation: argon2 somesalt -id -t 2 -k 65536 -p 1, of "password"
  const argon = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
  assert.equal(await verifyPassword('password', argon), true)
  assert.equal(await verifyPassword('Password', argon), false)
})

test('RFC 9106: a new user gets an argon2id hash where the operator says so', async (t) => {
  if (typeof crypto.argon2 !== 'function') return t.skip('argon2id needs Node 24')
  await on({ hash: 'argon2id', argon2: { m: 64, t: 1, p: 1 } }, async ({ server, path, run }) => {
    const [{ password = '' } = {}] = (await run('add', 'alice', '--generate')).rows as { password: string }[]
    assert.match(
      await readFile(path, 'utf8'),
      /^alice \$argon2id\$v=19\$m=64,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43} /,
    )
    await sessionOn(server).auth({ username: 'alice', password }).expectCode(235)
    await sessionOn(server)
      .auth({ username: 'alice', password: `${password}x` })
      .expectCode(535)
    await sessionOn(server).auth({ username: 'nobody', password }).expectCode(535)
  })
})

test('RFC 5802 §3: SCRAM keys are written and read', async () => {
  const keys = await scramKeys('pencil', 4_096)
  assert.deepEqual(parseScram(formatScram(keys)), keys)
  assert.equal(parseScram('SCRAM-SHA-256$4096:AA==$AA==:AA=='), undefined)
})

test('a user is added, logs in, gets another password, is removed', () =>
  on({}, async ({ server, path, run }) => {
    const [{ password = '' } = {}] = (
      await run('add', 'alice@example.com', '--generate', '--from', '*@sales.example.com')
    ).rows as {
      password: string
    }[]
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.ok(!(await readFile(path, 'utf8')).includes(password))
    await sessionOn(server).auth({ username: 'Alice@example.com', password }).expectCode(235)
    await sessionOn(server).auth({ username: 'alice@example.com', password: 'wrong' }).expectCode(535)
    await sessionOn(server).auth({ username: 'bob', password }).expectCode(535)
    assert.equal((await run('add', 'ALICE@example.com', '--generate')).code, 1)
    const [{ password: second = '' } = {}] = (await run('password', 'alice@example.com', '--generate')).rows as {
      password: string
    }[]
    await sessionOn(server).auth({ username: 'alice@example.com', password }).expectCode(535)
    await sessionOn(server).auth({ username: 'alice@example.com', password: second }).expectCode(235)
    assert.deepEqual((await run('list')).rows, [
      { name: 'alice@example.com', ways: 'password scram', from: '*@sales.example.com' },
    ])
    assert.equal((await run('remove', 'alice@example.com')).code, 0)
    await sessionOn(server).auth({ username: 'alice@example.com', password: second }).expectCode(535)
    assert.equal((await run('remove', 'alice@example.com')).code, 1)
  }))

test('a command changes neither the mode of the file nor the link that leads to it', () =>
  on({}, async ({ path, run }) => {
    const file = `${path}.real`
    await writeFile(file, '# users\n', { mode: 0o640 })
    await symlink(file, path)
    await run('add', 'alice', '--generate')
    assert.match(await readFile(file, 'utf8'), /^# users\nalice /)
    assert.equal((await stat(file)).mode & 0o777, 0o640)
  }))

test('a password among the arguments is refused: others see it there', () =>
  on({}, async ({ path, run }) => {
    for (const command of ['add', 'password'])
      assert.match(
        (await run(command, 'alice', 's3cret', '--generate')).said.join(),
        /a password among the arguments is seen/,
      )
    await assert.rejects(readFile(path), { code: 'ENOENT' })
  }))

test('a user may send from the own addresses and nobody else’s', () =>
  on({ domains: ['example.net'] }, async ({ server, path }) => {
    const hash = await hashPassword('p', CHEAP)
    await writeFile(path, `# users\nalice@example.com ${hash} from=*@sales.example.com\nbob ${hash}\n`)
    await sleepUntilRead(server, 'bob')
    await sessionOn(server)
      .auth({ username: 'alice@example.com', password: 'p' })
      .mail('Alice+news@example.com')
      .expectAccepted()
      .mail('x@sales.example.com')
      .expectAccepted()
      .mail('<>')
      .expectAccepted()
      .mail('bob@example.net')
      .expectRefusal('5.7.1')
      .expectCode(553)
    await sessionOn(server)
      .auth({ username: 'bob', password: 'p' })
      .mail('bob@example.net')
      .expectAccepted()
      .mail('alice@example.com')
      .expectRefusal('5.7.1')
    await sessionOn(server).mail('alice@example.com').expectAccepted()
  }))

/** The file is looked at every two seconds; a command looks at once. */
async function sleepUntilRead(server: TestServer, name: string): Promise<void> {
  const io: CommandIo = {
    json: true,
    row: () => undefined,
    print: () => undefined,
    signal: new AbortController().signal,
  }
  await server.server.commands.get('auth-file')?.['add']?.run([`other-than-${name}`, '--generate'], io)
}

test('SCRAM, CRAM-MD5, certificates and tokens, as far as they are offered', () =>
  on(
    { plain: true, certificates: true, verifyToken: async (token, user) => token === `token of ${user}` },
    async ({ server, path, run }) => {
      const hash = await hashPassword('p', CHEAP)
      const keys = await scramKeys('p', 4_096)
      await writeFile(path, `alice ${hash} ${formatScram(keys)} plain=p%20p cert=AB:CD\n`)
      await run('add', 'bob', '--generate')
      const asked: ScramKeys[] = []
      const verify = async (given: ScramKeys) => {
        asked.unshift(given)
        return true
      }
      await sessionOn(server)
        .auth({ mechanism: 'SCRAM-SHA-256', username: 'alice', authorize: undefined, verify })
        .expectCode(235)
      assert.deepEqual(asked, [keys])
      await sessionOn(server)
        .auth({ mechanism: 'SCRAM-SHA-256', username: 'nobody', authorize: undefined, verify })
        .expectCode(535)
      assert.equal(asked.length, 2, 'RFC 5802 §9: nobody is asked for a proof as anybody is')
      await sessionOn(server)
        .auth({ mechanism: 'SCRAM-SHA-256', username: 'NOBODY', authorize: undefined, verify })
        .expectCode(535)
      assert.deepEqual(asked[0]?.salt, asked[1]?.salt, 'with the same salt each time')
      await sessionOn(server)
        .auth({ mechanism: 'SCRAM-SHA-256', username: 'alice', authorize: 'bob', verify })
        .expectCode(535)
      await sessionOn(server)
        .auth({ mechanism: 'CRAM-MD5', username: 'alice', verify: (password) => password === 'p p' })
        .expectCode(235)
      await sessionOn(server)
        .auth({ mechanism: 'EXTERNAL', username: 'alice', certificate: { subject: 'CN=alice', fingerprint: 'ab:cd' } })
        .expectCode(235)
      await sessionOn(server)
        .auth({ mechanism: 'EXTERNAL', username: 'alice', certificate: { subject: 'CN=alice', fingerprint: 'ab:ce' } })
        .expectCode(535)
      await sessionOn(server)
        .auth({ mechanism: 'OAUTHBEARER', username: 'alice', token: 'token of alice' })
        .expectCode(235)
      await sessionOn(server)
        .auth({ mechanism: 'XOAUTH2', username: 'nobody', token: 'token of nobody' })
        .expectCode(535)
    },
  ))

test('guessing is slow: too many failures from one network, or for one name', () =>
  on({ failures: { byAddress: '3/h', byUser: '5/h' } }, async ({ server, run }) => {
    const [{ password = '' } = {}] = (await run('add', 'alice', '--generate')).rows as { password: string }[]
    const attempt = (address: string, username: string, given: string) =>
      sessionOn(server).from(address).auth({ username, password: given })
    await attempt('203.0.113.1', 'alice', password).expectCode(235)
    for (let i = 0; i < 3; i++) await attempt('198.51.100.1', `guess${i}`, 'x').expectCode(535)
    for (const name of ['guess', 'alice']) await attempt('198.51.100.1', name, 'x').expectCode(454)
    await attempt('198.51.100.1', 'alice', password).expectCode(235)
    await run('unlock', 'alice')
    for (const host of [2, 3, 4, 5, 6]) await attempt(`198.51.100.${host}`, 'alice', 'x').expectCode(535)
    await attempt('198.51.100.7', 'alice', password).expectCode(454)
    await attempt('203.0.113.1', 'alice', password).expectCode(235)
    await run('unlock', 'alice')
    await attempt('198.51.100.7', 'alice', password).expectCode(235)
    await run('unlock', '198.51.100.1')
    await attempt('198.51.100.1', 'guess', 'y').expectCode(535)
  }))

test('guesses at once count each; right ones at once, as a mail program has them, do not', () =>
  on({ failures: { byAddress: '3/h', byUser: '5/h' } }, async ({ server, run }) => {
    const [{ password = '' } = {}] = (await run('add', 'alice', '--generate')).rows as { password: string }[]
    const attempt = (address: string, username: string, given: string) =>
      sessionOn(server).from(address).auth({ username, password: given })
    const together = (made: (index: number) => ReturnType<typeof attempt>, code: number) =>
      Promise.allSettled(Array.from({ length: 20 }, async (_, index) => made(index).expectCode(code)))
    const count = (outcomes: readonly PromiseSettledResult<unknown>[]) =>
      outcomes.filter(({ status }) => status === 'fulfilled').length
    assert.equal(count(await together(() => attempt('203.0.113.1', 'alice', password), 235)), 20)
    assert.equal(
      count(await together((index) => attempt('198.51.100.1', `guess${index}`, 'x'), 535)),
      3,
      'of one network',
    )
    await attempt('198.51.100.1', 'alice', password).expectCode(235)
    assert.equal(count(await together((index) => attempt(`192.0.2.${index}`, 'alice', 'x'), 535)), 5, 'for one name')
    await attempt('192.0.2.99', 'alice', password).expectCode(454)
  }))

test('eighty wrong logins at once stop no file operation; those too many are deferred, and count as no failure', () =>
  on(
    { scrypt: { ln: 13 }, checks: { atOnce: 1, waiting: 10 }, failures: { byUser: '20/h' } },
    async ({ server, path, run }) => {
      const codes: number[] = []
      const attempt = (index: number) =>
        sessionOn(server)
          .from(`192.0.2.${index}`)
          .auth({ username: 'alice', password: 'x' })
          .expectCode(535)
          .then(
            () => codes.push(535),
            (error: unknown) => codes.push(Number(/4\d\d/.exec(String(error))?.[0])),
          )
      const logins = Array.from({ length: 20 }, (_, index) => attempt(index)) // no more, or the name would be locked
      for (let i = 0; i < 10; i++) await stat(path).catch(() => undefined)
      assert.ok(codes.filter((code) => code === 535).length < 5, `${codes} came before a file was looked at ten times`)
      await Promise.all(logins)
      assert.deepEqual(codes.sort(), [...Array(9).fill(454), ...Array(11).fill(535)])
      await run('add', 'alice', '--generate')
      for (let i = 20; i < 28; i++) await attempt(i)
      assert.deepEqual(codes.slice(20), Array(8).fill(535), 'what was not looked at is no guess')
    },
  ))

test('a file that is wrong is refused by name of the user; a name may have any character', () => {
  assert.throws(() => parseUsers('alice nonsense'), /alice/)
  for (const hash of [
    '$scrypt$ln=15$x',
    '$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
  ])
    assert.throws(() => parseUsers(`alice ${hash}`), /alice/)
  assert.throws(() => parseUsers('alice SCRAM-SHA-256$x'), /alice/)
  assert.throws(() => parseUsers('alice\nALICE'), /two users/)
  assert.throws(() => parseUsers('alice from=a@b@c..d'), TypeError)
  assert.deepEqual([...parseUsers('a%20b%23').keys()], ['a b#'])
  assert.ok(parseUsers('__proto__').get('__proto__'))
})
