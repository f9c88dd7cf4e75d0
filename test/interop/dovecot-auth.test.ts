/** Logins that a real Dovecot judges: SCRAM that it and the client speak with each other, and tokens it asks a provider about. Values of its dicts. */
import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { auth } from '../../plugins/auth/src/index.ts'
import { SmtpClient } from '../failure/smtp-client.ts'
import { startServer } from '../policy/server.ts'
import { requires } from '../runner/requires.ts'
import { open } from './directory/cases.ts'
import { isOldDovecot, PASSWORD, startDovecot } from './dovecot.ts'

const skip = requires('dovecot-core', 'dovecot-imapd', 'dovecot-lmtpd', 'dovecot-sqlite')

const base64 = (text: string) => Buffer.from(text).toString('base64')
const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest()

async function connected(port: number): Promise<SmtpClient> {
  const client = await SmtpClient.connect(port)
  await client.reply()
  await client.send('EHLO client.test')
  return client
}

/** The client's half of RFC 5802: the last reply, and whether the server has shown that it knows the password, too. */
async function scram(
  port: number,
  user: string,
  password: string,
): Promise<readonly [code: string, isProven: boolean]> {
  const client = await connected(port)
  try {
    const bare = `n=${user},r=rOprNGfwEbeRWgbNEkqO`
    const challenge = await client.send(`AUTH SCRAM-SHA-256 ${base64(`n,,${bare}`)}`)
    if (!challenge.startsWith('334 ')) return [challenge.slice(0, 3), false]
    const first = Buffer.from(challenge.slice(4), 'base64').toString()
    const [, nonce = '', salt = '', iterations = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(first) ?? []
    assert.ok(nonce.startsWith('rOprNGfwEbeRWgbNEkqO'), first)
    const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256')
    const key = hmac(salted, 'Client Key')
    const message = `${bare},${first},c=biws,r=${nonce}`
    const signature = hmac(createHash('sha256').update(key).digest(), message)
    const proof = Buffer.from(key.map((octet, at) => octet ^ (signature[at] ?? 0))).toString('base64')
    const final = await client.send(base64(`c=biws,r=${nonce},p=${proof}`))
    if (!final.startsWith('334 ')) return [final.slice(0, 3), false]
    const expected = `v=${hmac(hmac(salted, 'Server Key'), message).toString('base64')}`
    return [(await client.send('')).slice(0, 3), Buffer.from(final.slice(4), 'base64').toString() === expected]
  } finally {
    client.end()
  }
}

/** Code of the reply to a token. What a client says to the challenge that a failure brings is said. */
async function bearer(
  port: number,
  mechanism: 'XOAUTH2' | 'OAUTHBEARER',
  user: string,
  token: string,
): Promise<string> {
  const client = await connected(port)
  try {
    const said =
      mechanism === 'XOAUTH2'
        ? `user=${user}\x01auth=Bearer ${token}\x01\x01`
        : `n,a=${user},\x01auth=Bearer ${token}\x01\x01`
    const reply = await client.send(`AUTH ${mechanism} ${base64(said)}`)
    return (reply.startsWith('334 ') ? await client.send(base64('\x01')) : reply).slice(0, 3)
  } finally {
    client.end()
  }
}

/** A provider that Dovecot asks about tokens, RFC 7662. */
async function provider(t: TestContext) {
  const state = { url: '', isAway: false, asked: [] as string[] }
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const token = new URLSearchParams(body).get('token') ?? ''
    state.asked.push(token)
    response.writeHead(state.isAway ? 503 : 200, { 'content-type': 'application/json' })
    const user = /^token-of-(\w+)$/.exec(token)?.[1]
    response.end(
      JSON.stringify(user ? { active: 'true', email: `${user}@x.test`, scope: 'mail' } : { active: 'false' }),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/introspect`
  return state
}

/** What the configuration needs for tokens: Dovecot 2.3 has a file of its own for that, 2.4 has not. */
function oauthSettings(folder: string, url: string): string {
  const settings = { introspection_url: url, introspection_mode: 'post', username_attribute: 'email', active_attribute: 'active', active_value: 'true' } // biome-ignore format: short
  const lines = (prefix: string) => Object.entries(settings).map(([name, value]) => `${prefix}${name} = ${value}\n`)
  if (!isOldDovecot())
    return `passdb oauth2 {\n  mechanisms_filter = xoauth2 oauthbearer\n  ${lines('oauth2_').join('  ')}}\n`
  writeFileSync(join(folder, 'oauth2.conf.ext'), lines('').join(''), { mode: 0o644 })
  return `passdb {\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = ${folder}/oauth2.conf.ext\n}\n`
}

test('SCRAM-SHA-256 and tokens are passed on to Dovecot, which judges', { skip }, async (t) => {
  const id = await provider(t)
  let socket = ''
  await using dovecot = await startDovecot(['alice@x.test', 'bob@x.test'], (folder) => {
    socket = join(folder, 'postroad-auth')
    return `auth_mechanisms = plain login scram-sha-256 oauthbearer xoauth2
service auth {
  unix_listener ${socket} {
    mode = 0666
  }
}
${oauthSettings(folder, id.url)}`
  })
  const options = { dovecot: { socket, scram: true, oauth: true }, delay: 0 }
  await using server = await startServer([auth(options)], { authWithoutTls: true })
  const { port } = server
  assert.deepEqual(await scram(port, 'alice@x.test', PASSWORD), ['235', true], dovecot.log())
  assert.deepEqual(await scram(port, 'alice@x.test', 'wrong'), ['535', false])
  assert.deepEqual(await scram(port, 'nobody@x.test', PASSWORD), ['535', false])
  for (const mechanism of ['XOAUTH2', 'OAUTHBEARER'] as const) {
    assert.equal(await bearer(port, mechanism, 'alice@x.test', 'token-of-alice'), '235', dovecot.log())
    assert.equal(await bearer(port, mechanism, 'bob@x.test', 'token-of-alice'), '535', 'a token of somebody else')
    assert.equal(await bearer(port, mechanism, 'alice@x.test', 'made-up'), '535')
  }
  assert.ok(id.asked.includes('made-up'))
  id.isAway = true
  assert.equal(await bearer(port, 'XOAUTH2', 'alice@x.test', 'token-of-alice-2'), '454', dovecot.log())
  await dovecot.stop()
  assert.deepEqual(await scram(port, 'alice@x.test', PASSWORD), ['454', false])
})

test('what one key of a dict has several times is several values', { skip }, async (t) => {
  let socket = ''
  await using dovecot = await startDovecot(['alice@x.test'], (folder) => {
    socket = join(folder, 'postroad-dict')
    const path = join(folder, 'people.db')
    const database = new DatabaseSync(path)
    database.exec(`CREATE TABLE people (address TEXT PRIMARY KEY, target TEXT, other TEXT);
      INSERT INTO people VALUES ('alice@x.test', 'alice@store.test', 'a' || char(9) || 'b' || char(10) || char(1) || 'c'), ('bob@x.test', 'bob@store.test', '')`)
    database.close()
    const listener = `service dict {\n  unix_listener ${socket} {\n    mode = 0666\n  }\n}\n`
    if (!isOldDovecot())
      return `${listener}dict_server {
  dict people {
    driver = sql
    sql_driver = sqlite
    sqlite_path = ${path}
    dict_map shared/people/$address {
      sql_table = people
      value target { }
      value other { }
      field address { pattern = $address }
    }
  }
}
`
    const map = `map {\n  pattern = shared/people/$address\n  table = people\n  value_field = target,other\n  fields {\n    address = $address\n  }\n}\n`
    writeFileSync(join(folder, 'dict-sql.conf.ext'), `connect = ${path}\n${map}`, { mode: 0o644 })
    return `${listener}dict {\n  people = sqlite:${folder}/dict-sql.conf.ext\n}\n`
  })
  const people = await open(t, { dovecot: { socket, ask: 'dict', dict: 'people', key: 'shared/people/{key}' } })
  assert.deepEqual((await people.find('alice@x.test'))?.values, ['alice@store.test', 'a\tb\n\x01c'], dovecot.log())
  assert.deepEqual((await people.find('bob@x.test'))?.values, ['bob@store.test', ''])
  assert.equal(await people.find('nobody@x.test'), undefined)
  await dovecot.stop()
  await assert.rejects(Promise.resolve(people.find('alice@x.test')), /cannot say/)
})
