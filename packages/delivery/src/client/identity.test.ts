import assert from 'node:assert/strict'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { createSecureContext, type SecureContextOptions, TLSSocket } from 'node:tls'
import type { TlsPeer, TlsPolicy, TlsVerdict } from '@postroad/mail'
import { createSink, type SinkOptions } from '@postroad/testing'
import { fixedTransport } from '../fixed-transport.ts'
import { certificate, job } from '../support/fixture.ts'

/** What became of a message to a server with the certificate for `sink.test`, and what the server heard. */
async function deliver(tls: TlsPolicy, sink: SinkOptions = {}) {
  const server = await createSink({ certificate, ...sink })
  const transport = fixedTransport({ hostname: 'client.test', host: '127.0.0.1', port: server.port, tls })
  try {
    const [outcome] = await transport.deliver(job(['b@to.test']))
    assert.ok(outcome)
    return {
      outcome,
      shown: `${outcome.kind}: ${outcome.reply.text}`,
      commands: server.commands.map((line) => line.slice(0, 4)),
    }
  } finally {
    await transport.close()
    await server.close()
  }
}

const judged = (mode: TlsPolicy['mode'], authenticate: (peer: TlsPeer) => TlsVerdict): TlsPolicy => ({
  mode,
  source: 'dane',
  id: 'x',
  authenticate,
})

test('a policy judges the server by its certificates, though their chain leads nowhere, and its word is in the outcome', async () => {
  const seen: unknown[] = []
  const policy = judged('required', ({ chain, untrusted }) => {
    seen.push(
      chain.map(({ subject }) => subject),
      untrusted,
    )
    return { verified: 'dane-ee' }
  })
  const { outcome } = await deliver(policy)
  assert.deepEqual(seen, [['CN=sink.test'], 'DEPTH_ZERO_SELF_SIGNED_CERT'])
  assert.deepEqual([outcome.kind, outcome.tls?.policy, outcome.tls?.verified], ['delivered', 'dane', 'dane-ee'])
})

test('a server that a policy refuses hears nothing under TLS, and no mail', async () => {
  for (const isImplicitTls of [false, true]) {
    const refuses = judged(isImplicitTls ? 'implicit' : 'required', () => ({
      failure: 'certificate-not-trusted',
      text: 'No record fits',
    }))
    const { outcome, shown, commands } = await deliver(refuses, { isImplicitTls })
    assert.deepEqual([shown, outcome.reply.code, outcome.reply.status], ['deferred: No record fits', 454, '4.7.5'])
    assert.deepEqual(commands, isImplicitTls ? [] : ['EHLO', 'STAR'])
  }
})

test('a policy that throws, or answers what is no clear yes, lets nobody pass', async () => {
  const odd: unknown[] = [
    undefined,
    null,
    true,
    'dane-ee',
    {},
    { verified: 1 },
    { verified: 'x', failure: 'y' },
    Promise.resolve({ verified: 'x' }),
  ]
  for (const answer of odd)
    assert.match((await deliver(judged('required', () => answer as TlsVerdict))).shown, /^deferred: The certificate/)
  const boo = () => assert.fail('boo')
  assert.match((await deliver(judged('required', boo))).shown, /^deferred: The certificate could not be judged/)
})

test('RFC 7435: where TLS is an opportunity the word of a policy is noted, and binds nobody', async () => {
  const refuses = judged('opportunistic', () => ({ failure: 'validation-failure', text: 'No' }))
  const { outcome } = await deliver(refuses)
  assert.deepEqual([outcome.kind, outcome.tls?.policy, outcome.tls?.verified], ['delivered', 'dane', undefined])
})

test('a trusted certificate for the name is noted where nobody asked for one', async () => {
  const trusted = { servername: 'sink.test', options: { ca: certificate.cert } }
  for (const mode of ['opportunistic', 'required'] as const) {
    assert.equal((await deliver({ mode, ...trusted })).outcome.tls?.verified, 'pkix')
    assert.equal((await deliver({ mode, ...trusted, servername: 'other.test' })).outcome.tls?.verified, undefined)
    assert.equal((await deliver({ mode, servername: 'sink.test' })).outcome.tls?.verified, undefined)
  }
})

/** A server that speaks TLS with these options, and takes mail. */
async function withServer(options: SecureContextOptions, work: (port: number) => Promise<void>): Promise<void> {
  const secureContext = createSecureContext({ ...certificate, ...options })
  const server = createServer((raw) => {
    raw.on('error', () => {})
    let buffered = ''
    const answer = (write: (text: string) => void, chunk: Buffer) => {
      buffered += String(chunk)
      for (let end = buffered.indexOf('\r\n'); end >= 0; end = buffered.indexOf('\r\n')) {
        const line = buffered.slice(0, end)
        buffered = buffered.slice(end + 2)
        if (line === 'STARTTLS') {
          write('220 Go\r\n')
          raw.removeAllListeners('data')
          const secure = new TLSSocket(raw, { isServer: true, secureContext })
          secure.on('error', () => {})
          secure.on('data', (next) => answer((text) => secure.write(text), next))
        } else if (line.startsWith('EHLO')) write('250-server.test\r\n250 STARTTLS\r\n')
        else if (line === 'DATA') write('354 Go\r\n')
        else if (/^(MAIL|RCPT|QUIT|\.$)/.test(line)) write('250 2.0.0 Ok\r\n')
      }
    }
    raw.on('data', (chunk) => answer((text) => raw.write(text), chunk))
    raw.write('220 server.test\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await work((server.address() as AddressInfo).port) // it listens on a port
  } finally {
    server.close()
  }
}

async function exchange(options: SecureContextOptions, tls: TlsPolicy): Promise<string> {
  let shown = ''
  await withServer(options, async (port) => {
    const transport = fixedTransport({ hostname: 'client.test', host: '127.0.0.1', port, tls })
    const [outcome] = await transport.deliver(job(['b@to.test']))
    await transport.close()
    shown =
      outcome?.kind === 'delivered'
        ? `delivered ${outcome.tls?.version} ${outcome.tls?.group}`
        : `${outcome?.reply.text}`
  })
  return shown
}

test('the group of the key exchange is told, by the same names as on the inbound side', async () => {
  assert.equal(await exchange({}, { mode: 'required' }), 'delivered TLSv1.3 X25519MLKEM768')
  assert.equal(await exchange({ ecdhCurve: 'X25519' }, { mode: 'required' }), 'delivered TLSv1.3 x25519')
  assert.equal(await exchange({ ecdhCurve: 'P-256' }, { mode: 'required' }), 'delivered TLSv1.3 secp256r1')
  assert.equal(
    await exchange({ ecdhCurve: 'P-256', maxVersion: 'TLSv1.2' }, { mode: 'required' }),
    'delivered TLSv1.2 secp256r1',
  )
})

test('a server that agrees on no hybrid group gets no mail where one is demanded, and the deferral names it', async () => {
  const minimumGroup = 'X25519MLKEM768'
  const policy: TlsPolicy = { mode: 'required', minimumGroup }
  assert.equal(await exchange({}, policy), 'delivered TLSv1.3 X25519MLKEM768')
  // It knows both, and would rather have the other.
  assert.equal(await exchange({ ecdhCurve: 'X25519:X25519MLKEM768' }, policy), 'delivered TLSv1.3 X25519MLKEM768')
  assert.equal(await exchange({ ecdhCurve: 'SecP384r1MLKEM1024' }, policy), 'delivered TLSv1.3 SecP384r1MLKEM1024')
  for (const options of [{ ecdhCurve: 'X25519' }, { maxVersion: 'TLSv1.2' }] as const)
    assert.match(await exchange(options, policy), /^TLS could not be established.*at least X25519MLKEM768 is required/)
  const stronger = await exchange({ ecdhCurve: 'X25519MLKEM768' }, { ...policy, minimumGroup: 'SecP384r1MLKEM1024' })
  assert.match(stronger, /at least SecP384r1MLKEM1024 is required/)
})
