import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { connect, createServer } from 'node:tls'
import { makeSelfSigned, selfSignedFile } from './self-signed.ts'

const DAY_MS = 86_400_000
const NOW = Date.parse('2026-06-01T12:00:00Z')

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-self-signed-'))
  try {
    await work(path.join(folder, 'certificates'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('the certificate is signed by its own key, for the name of the host, for servers only, and no authority', () => {
  const pem = makeSelfSigned('mx.example.org', { now: NOW })
  const certificate = new X509Certificate(pem)
  assert.ok(certificate.checkPrivateKey(createPrivateKey(pem)))
  assert.ok(certificate.verify(certificate.publicKey))
  assert.equal(certificate.checkHost('mx.example.org', { subject: 'never' }), 'mx.example.org')
  assert.deepEqual([certificate.ca, certificate.keyUsage], [false, ['1.3.6.1.5.5.7.3.1']])
  assert.deepEqual(
    [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)],
    [NOW - DAY_MS, NOW + 365 * DAY_MS],
  )
  assert.notEqual(
    certificate.serialNumber,
    new X509Certificate(makeSelfSigned('mx.example.org', { now: NOW })).serialNumber,
  )
})

test('names that no certificate has, and years of four digits, do no harm', () => {
  for (const name of ['[192.0.2.1]', '192.0.2.1', `${'a'.repeat(63)}.${'b'.repeat(63)}.example`, 'localhost', 'ü'])
    assert.ok(new X509Certificate(makeSelfSigned(name, { now: NOW })).validTo, name)
  const late = new X509Certificate(makeSelfSigned('mx.test', { now: Date.parse('2050-03-01T00:00:00Z') }))
  assert.match(late.validTo, /2051/)
})

test('a client that trusts it speaks TLS with its server', async () => {
  const pem = makeSelfSigned('mx.test', { now: Date.now() })
  const server = createServer({ key: pem, cert: pem }, (socket) => socket.end('hello')).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const socket = connect({ port, host: '127.0.0.1', servername: 'mx.test', ca: pem })
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  assert.equal(socket.authorized, true)
  socket.destroy()
  server.close()
})

test('it is made once, for its owner alone, and by one of several processes', async () => {
  await inFolder(async (folder) => {
    const place = { folder, name: 'mx.test' }
    const files = await Promise.all([selfSignedFile(place), selfSignedFile(place), selfSignedFile(place)])
    assert.deepEqual([new Set(files).size, await readdir(folder)], [1, ['mx.test.pem']])
    const [file = ''] = files
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    const made = await readFile(file, 'utf8')
    assert.equal(await selfSignedFile(place), file)
    assert.equal(await readFile(file, 'utf8'), made)
  })
})

test('a month before its end it is made anew, with the same key: TLSA records stay right', async () => {
  await inFolder(async (folder) => {
    const place = { folder, name: 'mx.test' }
    const file = await selfSignedFile(place, NOW)
    const first = await readFile(file, 'utf8')
    await selfSignedFile(place, NOW + 300 * DAY_MS)
    assert.equal(await readFile(file, 'utf8'), first)
    await selfSignedFile(place, NOW + 340 * DAY_MS)
    const second = await readFile(file, 'utf8')
    assert.notEqual(second, first)
    const [before, after] = [new X509Certificate(first), new X509Certificate(second)]
    assert.ok(after.publicKey.equals(before.publicKey))
    assert.equal(Date.parse(after.validTo), NOW + (340 + 365) * DAY_MS)
    assert.deepEqual(await readdir(folder), ['mx.test.pem'])
  })
})

test('a file of the operator’s at its place is never written, expired or damaged as it may be', async () => {
  await inFolder(async (folder) => {
    const place = { folder, name: 'mx.test' }
    const file = await selfSignedFile(place, NOW)
    const { key, cert } = (await import('../../../test/tls/certificate.ts')).identities.expiredLeaf
    for (const text of [key + cert, 'no certificate at all']) {
      await writeFile(file, text)
      assert.equal(await selfSignedFile(place, NOW), file)
      assert.equal(await readFile(file, 'utf8'), text)
    }
  })
})
