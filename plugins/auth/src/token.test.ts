/** Tokens of a provider that is faked with keys of its own: what is right, what is forged, keys that change, and a provider that is away. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createTestServer, fakeClock, sessionOn } from '@postroad/testing'
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from 'jose'
import { auth } from './index.ts'
import { tokenJudge } from './token.ts'

const ISSUER = 'https://id.x.test'
/** Of this moment: `jose` asks for keys again by the clock of the machine. */
const NOW = Date.now()
const { signal } = new AbortController()

/** A clock on which who sleeps makes the time pass. */
function restless() {
  const clock = fakeClock(NOW)
  return { ...clock, sleep: (ms: number) => clock.advance(ms) }
}

interface Provider {
  readonly url: string
  readonly keys: JWK[]
  asked: number
  status: number
  /** What introspection says. */
  says: unknown
  last: { readonly authorization: string | undefined; readonly body: string } | undefined
}

async function provider(t: TestContext): Promise<Provider> {
  const state = {
    url: '',
    keys: [] as JWK[],
    asked: 0,
    status: 200,
    says: undefined as unknown,
    last: undefined as Provider['last'],
  }
  const server = createServer(async (request, response) => {
    state.asked++
    const body = await textOf(request)
    if (request.method === 'POST') state.last = { authorization: request.headers.authorization, body }
    response.writeHead(state.status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(request.method === 'POST' ? state.says : { keys: state.keys }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
  return state
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

/** A key of the provider, and what signs with it. */
async function keyOf(kid: string, alg = 'RS256') {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const claims = { email: 'alice@x.test', email_verified: true, scope: 'openid mail' }
  const sign = (more: Readonly<Record<string, unknown>> = {}, header: object = {}) =>
    new SignJWT({ iss: ISSUER, aud: 'mail', exp: NOW / 1_000 + 600, ...claims, ...more })
      .setProtectedHeader({ alg, kid, ...header })
      .sign(privateKey)
  return { jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }, publicKey, sign }
}

const options = (keys: string) => ({ issuer: ISSUER, audience: 'mail', keys, scope: 'mail' })
const judging = (more: object) =>
  tokenJudge(
    {
      issuer: ISSUER,
      audience: ['mail'],
      user: 'email',
      algorithms: ['RS256', 'ES256'],
      tolerance: 30_000,
      ...more,
    } as never,
    {
      deadline: 2_000,
      now: () => NOW,
    },
  ) // as the schema makes them

test('a token of the provider, for us, in time, of the user who shows it', async (t) => {
  const id = await provider(t)
  const key = await keyOf('one')
  id.keys.push(key.jwk)
  const server = await createTestServer([auth({ oauth: options(id.url), delay: 0 })], { clock: restless() })
  t.after(() => server.close())
  for (const mechanism of ['XOAUTH2', 'OAUTHBEARER'] as const) {
    const as = (username: string, token: string) => sessionOn(server).auth({ mechanism, username, token })
    await as('Alice@x.test', await key.sign())
      .mail('alice@x.test')
      .expectAccepted()
      .quit()
    await as('bob@x.test', await key.sign())
      .expectRefusal('5.7.8')
      .quit()
    await as('alice@x.test', 'x.y.z').expectRefusal('5.7.8').quit()
  }
  id.status = 503
  const away = await createTestServer([auth({ oauth: options(id.url), delay: 0 })], { clock: restless() })
  t.after(() => away.close())
  const token = await key.sign()
  await sessionOn(away)
    .auth({ mechanism: 'XOAUTH2', username: 'alice@x.test', token })
    .expectRefusal('4.7.0', /^454 /)
    .quit()
})

test('what is wrong with a token is wrong, whoever has signed it', async (t) => {
  const id = await provider(t)
  const [key, stranger] = [await keyOf('one'), await keyOf('one')]
  id.keys.push(key.jwk)
  const judge = judging({ keys: id.url, scope: 'mail' })
  assert.equal(await judge(await key.sign(), signal), 'alice@x.test')
  // alg confusion: the public key is no secret.
  const secret = await exportSPKI(key.publicKey)
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const head = `${part({ alg: 'HS256', kid: 'one' })}.${part({ iss: ISSUER, aud: 'mail', exp: NOW / 1_000 + 600, email: 'alice@x.test', scope: 'mail' })}`
  const confused = `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`
  const good = await key.sign()
  const wrong: Readonly<Record<string, string>> = {
    confused,
    none: new UnsecuredJWT({ iss: ISSUER, aud: 'mail', email: 'alice@x.test', scope: 'mail' })
      .setExpirationTime(NOW / 1_000 + 600)
      .encode(),
    stranger: await stranger.sign(),
    issuer: await key.sign({ iss: 'https://other.test' }),
    audience: await key.sign({ aud: 'calendar' }),
    expired: await key.sign({ exp: NOW / 1_000 - 31 }),
    endless: await key.sign({ exp: undefined }),
    early: await key.sign({ nbf: NOW / 1_000 + 60 }),
    scope: await key.sign({ scope: 'openid' }),
    unverified: await key.sign({ email_verified: false }),
    nobody: await key.sign({ email: undefined }),
    changed: `${good.slice(0, -20)}${good.at(-20) === 'A' ? 'B' : 'A'}${good.slice(-19)}`,
    unknownKey: await key.sign({}, { kid: 'two' }),
    critical: `${part({ alg: 'RS256', kid: 'one', crit: ['exp'] })}.${good.split('.').slice(1).join('.')}`,
    long: 'x'.repeat(20_000),
    empty: '',
  }
  for (const [what, token] of Object.entries(wrong)) assert.equal(await judge(token, signal), undefined, what)
})

test('a key that is new is fetched, one that is gone is not believed, and made-up keys do not bring the provider down', async (t) => {
  const id = await provider(t)
  const [old, next] = [await keyOf('old'), await keyOf('next', 'ES256')]
  id.keys.push(old.jwk)
  const first = judging({ keys: id.url })
  assert.equal(await first(await old.sign(), signal), 'alice@x.test')
  for (let at = 0; at < 20; at++)
    assert.equal(await first(await old.sign({}, { kid: `made-up-${at}` }), signal), undefined)
  assert.ok(id.asked <= 2, `asked ${id.asked} times`)
  id.keys.splice(0, 1, next.jwk)
  const later = judging({ keys: id.url })
  assert.equal(await later(await next.sign(), signal), 'alice@x.test')
  assert.equal(await later(await old.sign(), signal), undefined)
  // Two keys without names: each is tried.
  const { kid: _, ...nameless } = old.jwk
  const { kid: __, ...other } = (await keyOf('x')).jwk
  id.keys.splice(0, 1, other, nameless)
  const unnamed = judging({ keys: id.url })
  assert.equal(await unnamed(await old.sign({}, { kid: undefined }), signal), 'alice@x.test')
})

test('RFC 7662: the provider is asked about each token', async (t) => {
  const id = await provider(t)
  const introspection = { url: id.url, clientId: 'post road', clientSecret: 's:ecret' }
  const judge = judging({ introspection })
  const right = { active: true, email: 'alice@x.test', aud: ['mail', 'x'], exp: NOW / 1_000 + 60, iss: ISSUER }
  id.says = right
  assert.equal(await judge('a+token', signal), 'alice@x.test')
  assert.equal(id.last?.authorization, `Basic ${Buffer.from('post%20road:s%3Aecret').toString('base64')}`)
  assert.match(id.last?.body ?? '', /^token=a%2Btoken&/)
  for (const says of [
    { active: false },
    { ...right, aud: 'calendar' },
    { ...right, aud: undefined },
    { ...right, exp: NOW / 1_000 - 60 },
    { ...right, iss: 'https://other.test' },
  ]) {
    id.says = says
    assert.equal(await judge('t', signal), undefined, JSON.stringify(says))
  }
  for (const says of [{}, { active: 'true' }, null]) {
    id.says = says
    await assert.rejects(judge('t', signal), JSON.stringify(says))
  }
  id.says = right
  for (const status of [401, 500, 302]) {
    id.status = status
    await assert.rejects(judge('t', signal))
  }
})
