import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { loadCertificates, watchCertificates } from '@postroad/listener'
import type { AuthAttempt } from '@postroad/mail'
import { AUTHORITY, CERTIFICATE, CLIENT, OTHER } from '../certificate.test.ts'
import { type Fixture, OFFER, start } from '../fixture.test.ts'

async function handshake({ listener }: Fixture, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const address = listener.address
  const port = 'port' in address ? address.port : 0
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  return socket
}

async function subjectFor(fixture: Fixture, servername: string): Promise<string | undefined> {
  const socket = await handshake(fixture, { servername })
  const subject = socket.getPeerX509Certificate()?.subject
  socket.destroy()
  return subject
}

const implicit = {
  tls: 'implicit',
  certificate: [CERTIFICATE, { ...OTHER, servernames: ['mail.example.org', '*.mail.example.org'] }],
} as const

test('RFC 6066 §3: the certificate is that of the name the client asks for', async () => {
  await using fixture = await start(implicit)
  assert.equal(await subjectFor(fixture, 'MAIL.example.org'), 'CN=mail.example.org')
  assert.equal(await subjectFor(fixture, 'a.mail.example.org'), 'CN=mail.example.org')
  assert.equal(await subjectFor(fixture, 'mx.example.com'), 'CN=mx.example.com')
  assert.equal(await subjectFor(fixture, 'constructor'), 'CN=mx.example.com')
})

test('new certificates are for new handshakes, and a key that does not fit changes nothing', async () => {
  await using fixture = await start(implicit)
  fixture.listener.setCertificate(OTHER)
  assert.equal(await subjectFor(fixture, 'mx.example.com'), 'CN=mail.example.org')
  assert.throws(() => fixture.listener.setCertificate({ key: CERTIFICATE.key, cert: OTHER.cert }))
  assert.equal(await subjectFor(fixture, 'mx.example.com'), 'CN=mail.example.org')
})

test('certificates are read again when their files change', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  const files = [{ key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') }] as const
  const write = async ({ key, cert }: { key: string | Buffer; cert: string | Buffer }): Promise<void> => {
    await writeFile(files[0].key, key)
    await writeFile(files[0].cert, cert)
  }
  await write(CERTIFICATE)
  await using fixture = await start({ tls: 'implicit', certificate: await loadCertificates(files) })
  const errors: unknown[] = []
  const watch = watchCertificates(files, {
    onChange: (list) => fixture.listener.setCertificate(list),
    onError: (error) => errors.push(error),
  })
  await watch.check()
  await writeFile(files[0].key, `${OTHER.key}\n`)
  await watch.check()
  assert.equal(errors.length, 1)
  assert.equal(await subjectFor(fixture, 'x'), 'CN=mx.example.com')
  await write({ key: `${OTHER.key}\n`, cert: `${OTHER.cert}\n` })
  await watch.check()
  assert.equal(await subjectFor(fixture, 'x'), 'CN=mail.example.org')
  watch.close()
  await rm(folder, { recursive: true })
})

test('RFC 8996: TLS 1.1 is refused', async () => {
  await using fixture = await start(implicit)
  await assert.rejects(
    handshake(fixture, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }),
  )
})

for (const [options, expected] of [
  [{}, { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', group: 'X25519MLKEM768' }],
  [{ ecdhCurve: 'X25519' }, { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', group: 'x25519' }],
  [{ ecdhCurve: 'P-384' }, { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', group: 'secp384r1' }],
  [
    { maxVersion: 'TLSv1.2', servername: 'Mx.Example.com' },
    {
      version: 'TLSv1.2',
      cipher: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
      group: 'x25519',
      servername: 'mx.example.com',
    },
  ],
] as const)
  test(`what TLS negotiated is known: ${expected.version}, ${expected.group}`, async () => {
    await using fixture = await start(implicit)
    const socket = await handshake(fixture, options)
    await new Promise((resolve) => socket.once('data', resolve))
    const { tls } = fixture.records[0]?.wire ?? assert.fail()
    if (expected.group === 'X25519MLKEM768' && !process.versions.openssl.match(/^3\.[5-9]/))
      assert.equal(tls?.version, 'TLSv1.3')
    else assert.deepEqual(tls, expected)
    socket.destroy()
  })

test('who agrees on no hybrid group is told so before mail and passwords are taken, where the operator demands one', async () => {
  await using fixture = await start({ ...implicit, minimumGroup: 'X25519MLKEM768' })
  for (const [ecdhCurve, mail, auth] of [
    ['X25519MLKEM768', /^250 2\.1\.0/, /^235/],
    [
      'X25519',
      /^454 4\.7\.5 TLS agreed on x25519, and at least X25519MLKEM768 is required here/,
      /^454 4\.7\.5 .*X25519MLKEM768/,
    ],
  ] as const) {
    const socket = await handshake(fixture, { ecdhCurve })
    const replies: string[] = []
    socket.on('data', (chunk) => replies.push(String(chunk)))
    const say = async (line: string) => {
      const before = replies.length
      socket.write(`${line}\r\n`)
      while (replies.length === before) await new Promise((resolve) => setImmediate(resolve))
      return replies.slice(before).join('')
    }
    await say('EHLO client.example')
    assert.match(await say(`AUTH PLAIN ${Buffer.from('\0u\0secret').toString('base64')}`), auth)
    assert.match(await say('MAIL FROM:<a@example.com>'), mail)
    socket.destroy()
  }
})

test('RFC 4422 §A: EXTERNAL is for clients whose certificate is trusted', async () => {
  const attempts: AuthAttempt[] = []
  const auth = (attempt: AuthAttempt): { code: number; text: string } => {
    attempts.push(attempt)
    return { code: 235, text: 'Welcome' }
  }
  await using fixture = await start(
    { tls: 'implicit', certificate: { ...CERTIFICATE, ca: AUTHORITY } },
    { auth, offer: () => ({ ...OFFER, mechanisms: ['EXTERNAL', 'PLAIN'] }) },
  )
  const say = async (socket: TLSSocket, line: string): Promise<string> => {
    socket.write(`${line}\r\n`)
    return new Promise((resolve) => socket.once('data', (data: Buffer) => resolve(data.toString())))
  }
  const stranger = await handshake(fixture, { key: OTHER.key, cert: OTHER.cert })
  await new Promise((resolve) => stranger.once('data', resolve))
  assert.match(await say(stranger, 'EHLO x'), /AUTH PLAIN\r\n/)
  assert.match(await say(stranger, 'AUTH EXTERNAL ='), /^504 5\.5\.4 /)
  const friend = await handshake(fixture, { key: CLIENT.key, cert: CLIENT.cert })
  await new Promise((resolve) => friend.once('data', resolve))
  assert.match(await say(friend, 'EHLO x'), /AUTH EXTERNAL PLAIN\r\n/)
  assert.match(await say(friend, 'AUTH EXTERNAL ='), /^235 2\.0\.0 Welcome/)
  const [attempt] = attempts
  assert.ok(attempt?.mechanism === 'EXTERNAL')
  assert.equal(attempt.username, 'client.example')
  assert.match(attempt.certificate.fingerprint, /^[0-9A-F]{2}(?::[0-9A-F]{2}){31}$/)
  stranger.destroy()
  friend.destroy()
})
