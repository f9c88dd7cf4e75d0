import assert from 'node:assert/strict'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { type ConnectionOptions, connect as connectTls, createSecureContext, TLSSocket } from 'node:tls'
import type { TlsPolicy } from '@postroad/mail'
import { createSink, type SinkOptions } from '@postroad/testing'
import { Pool } from '../pool.ts'
import { sendTo } from '../send.ts'
import { certificate, job } from '../support/fixture.ts'
import { openConnection } from './connect.ts'
import type { Credentials, Target } from './target.ts'
import { targetKey } from './target-key.ts'
import { TIMEOUTS } from './timeouts.ts'

const ca = certificate.cert
const signal = new AbortController().signal
const NO = Object.assign(new Error('not this one'), { code: 'ERR_NOT_THIS_ONE' })

/** What became of one message with each of the policies, over the same pool. */
async function deliver(
  policies: readonly TlsPolicy[],
  sink: SinkOptions = {},
  auths: readonly Credentials[] = [],
): Promise<string[]> {
  const server = await createSink({ certificate, ...sink })
  const pool = new Pool({ hostname: 'client.test' })
  const shown: string[] = []
  try {
    for (const [i, tls] of policies.entries()) {
      const auth = auths[i]
      const target: Target = {
        protocol: 'smtp',
        host: 'sink.test',
        address: '127.0.0.1',
        port: server.port,
        tls,
        ...(auth && { auth }),
      }
      const sent = sendTo(pool, target, job(['b@to.test']))
      shown.push(await sent.then(([outcome]) => `${outcome?.kind} ${server.transactions.at(-1)?.connection}`, (error: Error) => error.message)) // biome-ignore format: one line
    }
  } finally {
    pool.destroy()
    await server.close()
  }
  return shown
}

const required = (options: ConnectionOptions): TlsPolicy => ({ mode: 'required', options })

test('a connection that one TLS policy made is not used for another, whatever differs', async () => {
  assert.deepEqual(
    await deliver([{ mode: 'required' }, required({ ca }), required({ checkServerIdentity: () => NO })]),
    ['delivered 1', 'delivered 2', 'The certificate was not accepted (ERR_NOT_THIS_ONE)'],
  )
  const verified = (options: ConnectionOptions): TlsPolicy => ({ mode: 'required', verify: true, options })
  assert.deepEqual(
    await deliver([verified({ ca }), verified({ ca }), verified({ ca, maxVersion: 'TLSv1.2' }), verified({})]),
    ['delivered 1', 'delivered 1', 'delivered 2', 'The certificate was not accepted (DEPTH_ZERO_SELF_SIGNED_CERT)'],
  )
})

test('a connection that was authenticated with one password is not used with another', async () => {
  const extensions = ['PIPELINING', 'AUTH PLAIN']
  const script: SinkOptions['script'] = ({ verb, argument }) =>
    verb === 'AUTH' && argument !== `PLAIN ${Buffer.from('\0u\0right').toString('base64')}`
      ? '535 5.7.8 Wrong'
      : undefined
  const tls: TlsPolicy = { mode: 'required' }
  const right = { username: 'u', password: 'right' }
  assert.deepEqual(
    await deliver([tls, tls, tls], { extensions, script }, [right, { ...right }, { ...right, password: 'wrong' }]),
    ['delivered 1', 'delivered 1', 'Wrong'],
  )
})

test('targets have the same key only where nothing differs that decides about trust', () => {
  const check = () => undefined
  const base: Target = { protocol: 'smtp', host: 'a', port: 25, tls: { mode: 'required' } }
  const auth: Credentials = { username: 'u', password: 'p' }
  const with_ = (tls: Partial<TlsPolicy>): Target => ({ ...base, tls: { ...base.tls, ...tls } })
  const different: Target[] = [
    base,
    { ...base, protocol: 'lmtp' },
    { ...base, host: 'b' },
    { ...base, port: 26 },
    { ...base, address: '192.0.2.1' },
    { ...base, address: '192.0.2.1|a', host: '25' },
    { ...base, address: '192.0.2.1', host: 'a|25' },
    { ...base, path: '/a' },
    { ...base, localAddress: '192.0.2.1' },
    with_({ mode: 'implicit' }),
    with_({ verify: true }),
    with_({ servername: 'x' }),
    with_({ id: 'x' }),
    with_({ source: 'dane' }),
    with_({ minimumGroup: 'X25519MLKEM768' }),
    with_({ minimumGroup: 'SecP384r1MLKEM1024' }),
    with_({ id: 'x', authenticate: () => ({ verified: 'y' }) }),
    with_({ id: 'y', authenticate: () => ({ verified: 'y' }) }),
    with_({ id: 'y', authenticate: () => ({ verified: 'y' }), options: { ca: 'x' } }),
    with_({ options: { ca: 'x' } }),
    with_({ options: { ca: ['x'] } }),
    with_({ options: { ca: Buffer.from('x') } }),
    with_({ options: { ca: ['x', 'y'] } }),
    with_({ options: { ca: ['x","y'] } }),
    with_({ options: { minVersion: 'TLSv1.3' } }),
    with_({ options: { ciphers: 'x' } }),
    with_({ options: { cert: 'x', key: 'y' } }),
    with_({ options: { servername: 'x' } }),
    with_({ options: { checkServerIdentity: check } }),
    with_({ options: { checkServerIdentity: () => undefined } }),
    with_({ options: { secureContext: createSecureContext() } }),
    with_({ options: { secureContext: createSecureContext() } }),
    { ...base, auth },
    { ...base, auth: { ...auth, username: 'v' } },
    { ...base, auth: { ...auth, password: 'q' } },
    { ...base, auth: { ...auth, mechanism: 'LOGIN' } },
    { ...base, auth: { ...auth, withoutTls: true } },
  ]
  assert.equal(new Set(different.map(targetKey)).size, different.length)
  const same = (): Target =>
    with_({ options: { minVersion: 'TLSv1.3', ca: Buffer.from('x'), checkServerIdentity: check } })
  assert.equal(targetKey(same()), targetKey(same()))
  const judged = (): Target => with_({ id: 'x', authenticate: () => ({ verified: 'y' }) })
  assert.equal(targetKey(judged()), targetKey(judged()), 'the id says what a policy demands, whichever function it is')
  for (const id of [undefined, ''])
    assert.throws(
      () => targetKey(with_({ ...(id !== undefined && { id }), authenticate: () => ({ verified: 'y' }) })),
      TypeError,
    )
  assert.equal(
    targetKey(with_({ options: { ca: 'x', crl: 'y' } })),
    targetKey(with_({ options: { crl: 'y', ca: 'x' } })),
  )
  assert.doesNotMatch(targetKey({ ...base, auth: { ...auth, password: 'secret' } }), /secret/)
})

test('checkServerIdentity is called after each handshake, whether the certificate is trusted or not, and its answer counts', async () => {
  const calls: string[] = []
  for (const [policy, answer, expected] of [
    [{ mode: 'required' }, undefined, 'delivered 1'],
    [{ mode: 'required' }, NO, 'The certificate was not accepted (ERR_NOT_THIS_ONE)'],
    [{ mode: 'required', options: { ca } }, NO, 'The certificate was not accepted (ERR_NOT_THIS_ONE)'],
    [{ mode: 'required', verify: true, options: { ca } }, undefined, 'delivered 1'],
    [{ mode: 'required', verify: true, servername: 'other.test', options: { ca } }, undefined, 'delivered 1'],
    [{ mode: 'required', verify: true, options: { ca } }, NO, 'The certificate was not accepted (ERR_NOT_THIS_ONE)'],
    [{ mode: 'implicit' }, NO, 'The certificate was not accepted (ERR_NOT_THIS_ONE)'],
    [{ mode: 'opportunistic' }, undefined, 'delivered 1'],
    [{ mode: 'opportunistic' }, NO, 'delivered 1'],
  ] as const) {
    const checkServerIdentity: ConnectionOptions['checkServerIdentity'] = (name, { subject }) => {
      calls.push(`${name} ${String(subject.CN)}`)
      return answer
    }
    const tls: TlsPolicy = { ...policy, options: { ...('options' in policy && policy.options), checkServerIdentity } }
    const shown = await deliver([tls], { isImplicitTls: policy.mode === 'implicit' })
    const name = 'servername' in policy ? policy.servername : 'sink.test'
    assert.deepEqual([shown, calls.splice(0)], [[expected], [`${name} sink.test`]], JSON.stringify(policy))
  }
})

test('a check that throws, or answers what is no error, lets nobody pass', async () => {
  const boo = () => assert.fail('boo')
  const traps = new Proxy({}, { get: () => boo })
  const odd = [
    NO,
    undefined,
    new Proxy({}, traps),
    new Proxy(new Error('x'), traps),
    Object.defineProperty(new Error('x'), 'code', { get: boo }),
    Object.assign(new Error('x'), { code: Symbol('s') }),
    Object.assign(new Error('x'), { code: { toString: boo } }),
    Object.create(null),
  ]
  const thrown = odd.map((value) => () => { throw value }) // biome-ignore format: short
  const checks = [...thrown, ...odd.slice(2).map((value) => () => value), async () => undefined, () => false]
  for (const check of checks) {
    const checkServerIdentity = check as unknown as NonNullable<ConnectionOptions['checkServerIdentity']> // the types would stop it
    assert.match((await deliver([required({ checkServerIdentity })])).join(), /^The certificate was not accepted/)
  }
})

test('no session is resumed: a server that another policy has trusted is asked for its certificate again', async (t) => {
  const server = createServer((socket) => {
    const secure = new TLSSocket(socket, { isServer: true, secureContext })
    secure.on('error', () => {})
    secure.on('data', (chunk) => secure.write(/^EHLO/.test(String(chunk)) ? '250 sink.test\r\n' : '250 Ok\r\n'))
    secure.write('220 sink.test\r\n')
  })
  t.after(() => server.close())
  const secureContext = createSecureContext({ ...certificate, maxVersion: 'TLSv1.2' })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on a port
  const connect = (session?: Buffer) =>
    new Promise<{ readonly session: Buffer; readonly isReused: boolean }>((resolve) => {
      const socket = connectTls({ host: '127.0.0.1', port, ca, servername: 'sink.test', ...(session && { session }) })
      socket.once('data', () => {
        resolve({ session: socket.getSession() ?? Buffer.alloc(0), isReused: socket.isSessionReused() })
        socket.destroy()
      })
    })
  const { session } = await connect()
  assert.equal((await connect(session)).isReused, true)
  const open = (options: ConnectionOptions) => {
    const tls: TlsPolicy = { mode: 'implicit', verify: true, options: { ...options, session } }
    const target: Target = { protocol: 'smtp', host: 'sink.test', address: '127.0.0.1', port, tls }
    return openConnection(target, { hostname: 'client.test', timeouts: TIMEOUTS, signal })
  }
  const connection = await open({ ca })
  connection.destroy()
  await assert.rejects(open({ ca, servername: 'other.test' }), /ERR_TLS_CERT_ALTNAME_INVALID/)
  await assert.rejects(open({ ca, checkServerIdentity: () => NO }), /ERR_NOT_THIS_ONE/)
})
