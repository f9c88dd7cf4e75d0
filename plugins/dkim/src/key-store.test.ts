import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { zoneDns } from '@postroad/dns'
import { BodyHash } from '@postroad/mailauth'
import { messageFromBytes } from '@postroad/message'
import { keyRecord } from './command.ts'
import { KeyStore } from './key-store.ts'
import { dkimOptions } from './options.ts'
import { readSigningKey } from './sign/key-ring.ts'
import { makeSignature, signedFields } from './sign/signature.ts'
import { Verification } from './verification.ts'

const NOW = Date.UTC(2026, 0, 1)
const HEAD = 'From: joe@a.example\r\nSubject: x\r\n'

const pair = generateKeyPairSync('ed25519')
const OWN = keyRecord(pair.publicKey)
const OTHER = keyRecord(generateKeyPairSync('ed25519').publicKey)
const RSA = keyRecord(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)

async function signed(head = HEAD): Promise<string> {
  const text = `${head}\r\nHello\r\n`
  const message = messageFromBytes(Buffer.from(text))
  const body = new BodyHash({ canonicalization: 'relaxed' })
  for await (const chunk of message.body()) body.update(chunk)
  const key = readSigningKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), {
    domain: 'a.example',
    selector: 's',
  })
  const signable = { fields: signedFields(message.headers), bodyHash: body.digest().toString('base64') }
  const value = await makeSignature(key, signable, { headers: ['From', 'Subject'], looseHeaders: [], time: NOW / 1000 })
  return `DKIM-Signature: ${value}\r\n${text}`
}

async function verify(records: readonly string[], text: string) {
  const dns = zoneDns({ 's._domainkey.a.example': { TXT: [...records] } })
  const options = dkimOptions.parse({})
  const keys = new KeyStore(options).forMessage({ dns, now: NOW })
  const verification = new Verification(options, { keys, now: NOW })
  verification.write(Buffer.from(text))
  const { signatures } = await verification.finish()
  return { result: signatures[0]?.result, comment: signatures[0]?.comment, questions: dns.questions.length }
}

for (const [records, why] of [
  [[OWN], 'the only one'],
  [[OTHER, OWN], 'the second of two keys'],
  [['v=spf1 -all', OWN], 'a wildcard of somebody is before it'],
  [['v=DKIM1; p=', OWN], 'one that was withdrawn is before it'],
  [['', 'nonsense', OTHER, OWN], 'the fourth'],
  [[RSA, OWN], 'one for another algorithm is before it'],
] as const)
  test(`RFC 6376 §6.1.2: a signature verifies with the key that fits it, ${why}`, async () => {
    assert.deepEqual(await verify(records, await signed()), { result: 'pass', comment: undefined, questions: 1 })
  })

test('RFC 6376 §6.1.2: no key fits: what the first came to is told, and no record but the first four is looked at', async () => {
  const text = await signed()
  assert.equal((await verify([OTHER, OTHER], text)).comment, 'bad signature')
  assert.equal((await verify(['v=DKIM1; p='], text)).comment, 'invalid public key')
  assert.equal((await verify([OTHER, OTHER, OTHER, OTHER, OWN], text)).result, 'fail')
  assert.equal((await verify([OTHER, OWN], text.replace('Hello', 'Hallo'))).result, 'fail')
})

for (const line of ['foo bar', 'X y: z', ': x', 'no colon at all'])
  test(`what is signed over a line that begins no field (${line}) verifies: signer and verifier read it the same`, async () => {
    assert.equal((await verify([OWN], await signed(`From: joe@a.example\r\n${line}\r\nSubject: x\r\n`))).result, 'pass')
    assert.equal((await verify([OWN], await signed(`${line}\r\n${HEAD}`))).result, 'pass')
  })

test('keys are parsed once for all messages, and asked for as often as their records want it', async () => {
  const record = keyRecord(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey)
  const dns = zoneDns({ 'r._domainkey.a.example': { TXT: [record], ttl: 60 } })
  const store = new KeyStore({ minBits: 1024, maxBits: 4096 })
  const at = (now: number) => store.forMessage({ dns, now })
  const get = (now: number) => at(now).get('DKIM', 'r._domainkey.a.example', undefined, { hashAlgo: 'sha256' })
  assert.equal(at(NOW).known('r._domainkey.a.example', 'sha256'), undefined)
  const { publicKey } = await get(NOW)
  assert.equal(at(NOW + 59_999).known('r._domainkey.a.example', 'sha256')?.publicKey, publicKey)
  assert.equal((await get(NOW + 59_999)).publicKey, publicKey)
  assert.equal(dns.questions.length, 1)
  assert.equal(at(NOW + 60_000).known('r._domainkey.a.example', 'sha256'), undefined)
  assert.equal((await get(NOW + 60_000)).publicKey, publicKey)
  assert.equal(dns.questions.length, 2)
  const strict = new KeyStore({ minBits: 1024, maxBits: 1024 }).forMessage({ dns, now: NOW })
  await assert.rejects(strict.get('DKIM', 'r._domainkey.a.example', undefined, { hashAlgo: 'sha256' }), {
    code: 'EINVALIDVAL',
  })
})
