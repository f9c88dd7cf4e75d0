import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, diffieHellman, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import { poly1305 } from '@noble/ciphers/_poly1305.js'
import { hchacha, xchacha20 } from '@noble/ciphers/chacha.js'
import { memorySource } from '@postroad/mail'

import { Client } from './client.ts'
import { isPublicKey } from './httpcrypt.ts'

/** As `rspamadm keypair` of rspamd 3.4 wrote it, and its private key. */
const PUBLIC = 'jo4ajjyf3nhcmfmsig9o1c49bk9ft3c4oh5hgks3noej7zgoefty'
const PRIVATE = Buffer.from('68781a24f15532deb5bbab874214957ff08d7985cc9ebc7f6c452afb6b10f258', 'hex')

const CLEAN = '{"action":"no action","score":0.5}'
const words = (octets: Uint8Array): Uint32Array => new Uint32Array(Uint8Array.from(octets).buffer)

/** The other side, by the XChaCha20 of a library where ours has that of OpenSSL. */
class Opened {
  readonly #secret: Uint8Array
  readonly inner: string

  constructor(field: string, octets: Buffer) {
    const [id, theirs = ''] = field.split('=')
    assert.equal(id, '84apmuhw')
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), PRIVATE])
    const spki = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), fromBase32(theirs)])
    const point = diffieHellman({
      privateKey: createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }),
      publicKey: createPublicKey({ key: spki, format: 'der', type: 'spki' }),
    })
    const secret = new Uint32Array(8)
    hchacha(words(Buffer.from('expand 32-byte k')), words(point), new Uint32Array(4), secret)
    this.#secret = new Uint8Array(secret.buffer)
    const nonce = Uint8Array.from(octets.subarray(0, 24))
    const sealed = Uint8Array.from(octets.subarray(40))
    assert.deepEqual([...this.#tag(nonce, sealed)], [...octets.subarray(24, 40)])
    this.inner = Buffer.from(xchacha20(this.#secret, nonce, sealed, undefined, 1)).toString('latin1')
  }

  seal(text: Buffer): Buffer {
    const nonce = Uint8Array.from(randomBytes(24))
    const sealed = xchacha20(this.#secret, nonce, Uint8Array.from(text), undefined, 1)
    return Buffer.concat([nonce, this.#tag(nonce, sealed), sealed])
  }

  #tag(nonce: Uint8Array, sealed: Uint8Array): Uint8Array {
    return poly1305(sealed, xchacha20(this.#secret, nonce, new Uint8Array(64)).subarray(0, 32))
  }
}

function fromBase32(text: string): Buffer {
  let held = 0n
  for (const [place, letter] of [...text].entries())
    held |= BigInt('ybndrfg8ejkmcpqxot1uwisza345h769'.indexOf(letter)) << BigInt(5 * place)
  const octets = Buffer.alloc(32)
  for (let place = 0; place < 32; place++) octets[place] = Number((held >> BigInt(8 * place)) & 0xffn)
  return octets
}

type Answering = (opened: Opened, response: ServerResponse) => void

const answer = (json: string, fields = ''): Buffer =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nServer: rspamd/3.4\r\n${fields}\r\n`), Buffer.from(json)])
const honest: Answering = (opened, response) => void response.end(opened.seal(answer(CLEAN)))

/** Asks a server that answers like that, and what it was asked. */
async function asked(
  answering: Answering,
  { zstd = false } = {},
): Promise<{ readonly action: string | undefined; readonly inner: string }> {
  let inner = ''
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const opened = new Opened(String(request.headers['key']), Buffer.concat(chunks))
    inner = opened.inner
    answering(opened, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new Client(1)
  after(() => server.close())
  try {
    const { port } = server.address() as AddressInfo // as: it listens on a port
    const daemon = { name: 'd', host: '127.0.0.1', port, tls: false }
    const message = memorySource([Buffer.from('Subject: secret\r\n\r\nhi\r\n')])
    const fields = ['From', '<a@b.test>', ...(zstd ? ['Compression', 'zstd'] : [])]
    const reply = await client.check({ daemon, key: PUBLIC }, { message, fields, zstd }, AbortSignal.timeout(5_000))
    return { action: reply?.action, inner }
  } finally {
    await client.close()
    server.closeAllConnections()
  }
}

test('a public key is 52 letters of rspamd', () => {
  assert.ok(isPublicKey(PUBLIC))
  assert.ok(isPublicKey(PUBLIC.toUpperCase()))
  for (const text of ['', PUBLIC.slice(1), `${PUBLIC}y`, PUBLIC.replace('j', 'l')]) assert.ok(!isPublicKey(text), text)
})

test('a whole request is in the encrypted one, and a whole answer', async () => {
  const { action, inner } = await asked(honest)
  assert.equal(action, 'no action')
  assert.equal(
    inner,
    'POST /checkv2 HTTP/1.1\r\nFrom: <a@b.test>\r\nContent-Length: 23\r\n\r\nSubject: secret\r\n\r\nhi\r\n',
  )
})

test('compressed and encrypted', async () => {
  const { action, inner } = await asked(
    (opened, response) =>
      void response.end(
        opened.seal(
          Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nCompression: zstd\r\n\r\n'), zstdCompressSync(CLEAN)]),
        ),
      ),
    { zstd: true },
  )
  assert.equal(action, 'no action')
  assert.match(inner, /Compression: zstd\r\nContent-Length: \d+\r\n\r\n\x28\xb5\x2f\xfd/)
})

test('an error in an encrypted answer is the error of rspamd, and 413 says that it is too large', async () => {
  const failing =
    (status: string): Answering =>
    (opened, response) =>
      void response.end(opened.seal(Buffer.from(`HTTP/1.1 ${status}\r\n\r\n{"error":"no"}`)))
  await assert.rejects(asked(failing('500 x')), /HTTP 500: no/)
  assert.equal((await asked(failing('413 x'))).action, undefined)
})

test('an answer of who does not have the private key is none, whatever it says', async () => {
  const cases: readonly (readonly [name: string, answering: Answering, error: RegExp])[] = [
    ['plain', (_, response) => void response.end(CLEAN), /not encrypted/],
    ['413', (_, response) => void response.writeHead(413).end(), /not encrypted.*413/],
    ['error', (_, response) => void response.writeHead(403).end('{"error":"cannot decrypt"}'), /403: cannot decrypt/],
    ['empty', (_, response) => void response.end(), /not encrypted/],
    ['no tag', (_, response) => void response.end(Buffer.alloc(39)), /not encrypted/],
    ['zeros', (_, response) => void response.end(Buffer.alloc(400)), /not encrypted with the key/],
    [
      'changed',
      (opened, response) => {
        const sealed = opened.seal(answer(CLEAN))
        sealed[sealed.length - 3] = (sealed.at(-3) ?? 0) ^ 1
        response.end(sealed)
      },
      /not encrypted with the key/,
    ],
    ['no HTTP', (opened, response) => void response.end(opened.seal(Buffer.from(CLEAN))), /no answer of HTTP/],
  ]
  for (const [name, answering, error] of cases) await assert.rejects(asked(answering), error, name)
})
