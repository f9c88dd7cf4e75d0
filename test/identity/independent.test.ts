/** What we sign others verify, and the reverse: dkimpy and OpenDKIM, which have no code in common with ours. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { zoneDns } from '@postroad/dns'
import { nodeResolver } from '@postroad/mailauth'
import { messageFromBytes } from '@postroad/message'
import type { Message } from '@postroad/plugin'
import { arcOptions } from '../../plugins/arc/src/options.ts'
import { sealMessage } from '../../plugins/arc/src/seal.ts'
import { ArcVerification } from '../../plugins/arc/src/verification.ts'
import { keyRecord } from '../../plugins/dkim/src/command.ts'
import { KeyStore } from '../../plugins/dkim/src/key-store.ts'
import { dkimOptions } from '../../plugins/dkim/src/options.ts'
import { KeyRing } from '../../plugins/dkim/src/sign/key-ring.ts'
import { signOptions } from '../../plugins/dkim/src/sign/options.ts'
import { signMessage } from '../../plugins/dkim/src/sign/sign.ts'
import { Verification } from '../../plugins/dkim/src/verification.ts'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'
import { privateMount, serveZone } from './dns-server.ts'

const skip = requires('python3-dkim', 'python3-nacl', 'python3-authres', 'opendkim-tools')
const canMount = process.getuid?.() === 0 && spawnSync(programPath('unshare'), ['-m', 'true']).status === 0

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ed = generateKeyPairSync('ed25519')
/** Names of the DNS that no host may have; senders have them. */
const ODD = [
  ['s_1', 'a.example'],
  ['k1-', 'a.example'],
  ['_x._y', 'b_c.example'],
] as const
const zone = {
  'r._domainkey.a.example': keyRecord(rsa.publicKey),
  'e._domainkey.a.example': keyRecord(ed.publicKey),
  ...Object.fromEntries(
    ODD.map(([selector, domain]) => [`${selector}._domainkey.${domain}`, keyRecord(rsa.publicKey)]),
  ),
}
const pem = rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
const dns = zoneDns(Object.fromEntries(Object.entries(zone).map(([name, text]) => [name, { TXT: [text] }])))
const none = () => undefined
const log = { debug: none, info: none, warn: none, error: none }

/** Odd in every way that matters to a canonical form. */
const BODIES = [
  'Hello\r\n',
  '',
  '\r\n\r\n',
  ' a  b\t \r\n\r\n c \r\n\r\n\r\n',
  'no end of line',
  `${'x'.repeat(5000)}\r\n`,
  'na\u00efve \u{1f4ec}\r\n',
  'a\rb\r\n',
]
const HEAD =
  'From: "Joe,  \u00fc" <joe@a.example>\r\nTo: x@b.example,\r\n\ty@b.example\r\nSubject:   two  words \r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@a.example>\r\nList-Id: <l.a.example>\r\n\r\n'

let folder: string
let ring: KeyRing

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postroad-identity-'))
  await writeFile(join(folder, 'r'), pem)
  await writeFile(join(folder, 'e'), ed.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  ring = await KeyRing.open(
    ['r', 'e'].map((name) => ({ domain: 'a.example', selector: name, file: join(folder, name) })),
    { log, reload: 1e9 },
    0,
  )
})

after(() => rm(folder, { recursive: true }))

async function bytesOf(message: Message | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of message?.raw() ?? []) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function sign(body: string): Promise<Buffer> {
  const options = signOptions.parse({ keys: [{ domain: 'a.example', selector: 'r', file: 'r' }] })
  return bytesOf(
    await signMessage(messageFromBytes(Buffer.from(HEAD + body)), { ring, options, now: Date.now() - 5000 }),
  )
}

/** With keys that are asked for, and with keys that are known: both come to the same. */
async function verify(bytes: Uint8Array): Promise<readonly string[]> {
  const options = dkimOptions.parse({})
  const store = new KeyStore(options)
  const verdict = async () => {
    const now = Date.now()
    const verification = new Verification(options, { keys: store.forMessage({ dns, now }), now })
    verification.write(bytes)
    return (await verification.finish()).signatures.map(({ result, comment }) => comment ?? result)
  }
  const asking = await verdict()
  assert.deepEqual(await verdict(), asking)
  return asking
}

function dkimpy<T>(
  requests: readonly { readonly do: string; readonly message: Uint8Array; readonly [option: string]: unknown }[],
): T[] {
  const input = JSON.stringify(
    requests.map((request) => ({ ...request, zone, message: Buffer.from(request.message).toString('base64') })),
  )
  const script = fileURLToPath(new URL('dkimpy.py', import.meta.url))
  const { stdout, stderr } = spawnSync('/usr/bin/python3', [script], { input, encoding: 'utf8' })
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout) as T[] // `as`: the script's answers
}

test('dkimpy verifies both of our signatures, whatever the body', { skip }, async () => {
  const messages = await Promise.all(BODIES.map(sign))
  const verified = dkimpy(messages.map((message) => ({ do: 'verify', message })))
  assert.deepEqual(verified, Array(BODIES.length).fill([true, true]))
})

test('dkimpy sees what we see when a signed message was changed', { skip }, async () => {
  const original = (await sign('Hello\r\n')).toString()
  const changes = [
    [/^Hello/m, 'Hullo'],
    [/^To: x/m, 'To: z'],
    [/^Subject:/m, 'Subject: again\r\nSubject:'],
    [/^From:/m, 'From: evil@b.example\r\nFrom:'],
  ] as const
  const messages = changes.map(([from, to]) => Buffer.from(original.replace(from, to)))
  assert.deepEqual(
    dkimpy(messages.map((message) => ({ do: 'verify', message }))),
    Array(changes.length).fill([false, false]),
  )
  for (const message of messages) assert.ok((await verify(message)).every((result) => result !== 'pass'))
})

test('we verify what dkimpy signs, in all canonical forms and with l=', { skip }, async () => {
  const forms = [
    ['relaxed', 'relaxed'],
    ['simple', 'simple'],
    ['relaxed', 'simple'],
    ['simple', 'relaxed'],
  ]
  const common = { do: 'sign', selector: 'r', domain: 'a.example', key: pem, algorithm: 'rsa-sha256' }
  const requests = BODIES.flatMap((body) =>
    forms.flatMap((canonicalize) =>
      [false, true].map((length) => ({ ...common, canonicalize, length, message: Buffer.from(HEAD + body) })),
    ),
  )
  for (const [index, signed] of dkimpy<string>(requests).entries()) {
    assert.deepEqual(await verify(Buffer.from(signed, 'base64')), ['pass'], JSON.stringify(requests[index]))
  }
})

test('dkimpy and we verify each other’s signatures by names with underscores and hyphens at an end', {
  skip,
}, async () => {
  const message = Buffer.from(`${HEAD}Hello\r\n`)
  const requests = ODD.map(([selector, domain]) => ({
    do: 'sign',
    selector,
    domain,
    key: pem,
    algorithm: 'rsa-sha256',
    message,
  }))
  const theirs = dkimpy<string>(
    requests.map((request) => ({ ...request, canonicalize: ['relaxed', 'relaxed'], length: false })),
  )
  for (const signed of theirs) assert.deepEqual(await verify(Buffer.from(signed, 'base64')), ['pass'])
  for (const [selector, domain] of ODD) {
    const { keys, ...options } = signOptions.parse({ keys: [{ domain, selector, file: join(folder, 'r') }] })
    const own = await KeyRing.open(keys, { log, reload: 1e9 }, 0)
    const from = messageFromBytes(Buffer.from(`From: joe@${domain}\r\n\r\nHello\r\n`))
    const ours = await bytesOf(
      await signMessage(from, { ring: own, options: { ...options, keys }, now: Date.now() - 5000 }),
    )
    assert.deepEqual(dkimpy([{ do: 'verify', message: ours }]), [[true]], `${selector} ${domain}`)
    assert.deepEqual(await verify(ours), ['pass'])
  }
})

test('dkimpy validates our seals, and we validate its own', { skip }, async () => {
  const key = { domain: 'a.example', selector: 'r', privateKey: pem }
  const message = messageFromBytes(Buffer.from(`${HEAD}Hello\r\n`))
  const ours = await bytesOf(
    await sealMessage(message, { key, authResults: 'mx.a.example; spf=pass', result: 'none', now: Date.now() }),
  )
  assert.deepEqual(dkimpy([{ do: 'arc-verify', message: ours }]), ['pass'])
  const found = Buffer.from('Authentication-Results: mx.a.example; spf=pass; arc=pass\r\n')
  const request = {
    do: 'arc-sign',
    selector: 'r',
    domain: 'a.example',
    key: pem,
    authserv: 'mx.a.example',
    message: Buffer.concat([found, ours]),
  }
  const twice = Buffer.from(dkimpy<string>([request])[0] ?? '', 'base64')
  for (const [bytes, sealers] of [
    [ours, 1],
    [twice, 2],
  ] as const) {
    const verification = new ArcVerification(arcOptions.parse({}), { resolver: nodeResolver(dns), now: Date.now() })
    verification.write(bytes)
    const { result, sealers: who, comment } = await verification.finish()
    assert.deepEqual([result, who.length], ['pass', sealers], comment)
  }
})

test('RFC 8301 §3.1: what OpenDKIM’s tool signs has the right hashes, but rsa-sha1 does not count', {
  skip,
}, async () => {
  for (const body of ['Hello\r\n', ' a  b\t \r\n\r\n c \r\n\r\n\r\n']) {
    const { stdout, stderr } = spawnSync(
      programPath('opendkim-testmsg'),
      ['-C', '-d', 'a.example', '-s', 'r', '-k', join(folder, 'r')],
      {
        input: HEAD + body,
      },
    )
    assert.match(stdout.toString(), /^DKIM-Signature:/, stderr.toString())
    // A wrong hash of the body would be said first.
    assert.deepEqual(await verify(stdout), ['weak algorithm, weak-algorithm'])
  }
})

test('OpenDKIM verifies what we sign', { skip: skip || !canMount || process.platform !== 'linux' }, async () => {
  await using server = await serveZone(zone, { address: '127.0.0.154', port: 53 })
  await writeFile(join(folder, 'resolv.conf'), `nameserver ${server.address}\n`)
  // OpenDKIM asks the resolver of the machine: it gets a /etc/resolv.conf of its own.
  const verified = (message: Buffer) =>
    privateMount(join(folder, 'resolv.conf'), [programPath('opendkim-testmsg')], message)
  const signed = (await sign('Hello  there \r\n\r\n')).toString()
  // This build knows no Ed25519.
  const rsaOnly = signed.slice(0, signed.indexOf('DKIM-Signature', 10)) + signed.slice(signed.indexOf('From:'))
  assert.deepEqual(await verified(Buffer.from(rsaOnly)), { code: 0, text: '' })
  assert.notEqual((await verified(Buffer.from(rsaOnly.replace('there', 'their')))).text, '')
  assert.ok(server.questions > 0)
})
