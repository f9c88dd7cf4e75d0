/** selfSigned: a listener has TLS without a certificate of the operator's; who only looks makes none. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { type BootError, type Config, createServer, type ListenOptions } from '@postroad/core'
import { definePlugin } from '@postroad/plugin'
import { connection } from '../tls/secured.ts'

const root = await mkdtemp(path.join(os.tmpdir(), 'postroad-self-signed-'))
after(() => rm(root, { recursive: true, force: true }))

const road = definePlugin({ name: 'road', setup: () => ({ route: () => ({ via: 'x' }), queue: () => ({ id: 'x' }) }) })

function config(folder: string, more: Partial<ListenOptions> = {}): Config {
  return {
    hostname: 'mx.test',
    folder: path.join(root, folder),
    log: { format: 'silent' },
    setup: (app) => void app.use(road()).listen({ name: 'mx', host: '127.0.0.1', port: 0, selfSigned: true, ...more }),
  }
}

const filesIn = (folder: string) => readdir(path.join(root, folder, 'certificates')).catch(() => [])

test('the server shows the certificate that it has made, and the same one after a restart', async () => {
  const shown: string[] = []
  for (let starts = 0; starts < 2; starts++) {
    await using server = await createServer(config('kept'))
    await server.listen()
    const [keywords] = server.explain()
    assert.deepEqual(
      keywords?.listeners[0]?.certificateFiles.map(({ cert }) => path.basename(cert)),
      ['mx.test.pem'],
    )
    shown.push(await connection(server.addresses[0]?.port ?? 0))
  }
  assert.deepEqual(await filesIn('kept'), ['mx.test.pem'])
  assert.match(shown[0] ?? '', /^TLSv1\.3 X25519MLKEM768 [0-9A-F:]{95}$/)
  assert.equal(shown[1], shown[0])
})

test('who only looks sees STARTTLS offered, and makes nothing', async () => {
  const server = await createServer(config('looked'), { looks: true })
  assert.ok(server.explain()[0]?.keywords.includes('STARTTLS'))
  assert.deepEqual(await server.inspect(), [])
  await server.close()
  assert.deepEqual(await filesIn('looked'), [])
})

test('a certificate of the operator’s beside it is a mistake; one that cannot be kept is told with its place', async () => {
  const certificateFiles = { key: 'key.pem', cert: 'cert.pem' }
  await assert.rejects(createServer(config('both', { certificateFiles })), (error: BootError) =>
    error.errors.some(({ message }) => message === 'mx: give either a certificate or selfSigned'),
  )
  await mkdir(path.join(root, 'occupied'))
  await writeFile(path.join(root, 'occupied', 'certificates'), 'no folder')
  await assert.rejects(createServer(config('occupied')), (error: BootError) =>
    error.errors.some(({ message }) => message.startsWith('mx: selfSigned: the certificate cannot be kept')),
  )
  assert.equal(await readFile(path.join(root, 'occupied', 'certificates'), 'utf8'), 'no folder')
})
