/** All of identity in the real host: what an operator gets who uses spf, dkim, arc, dmarc and auth-results together. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { arc } from '@postroad/arc'
import { authResults } from '@postroad/auth-results'
import { parseAuthResults } from '@postroad/authres'
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import { type Zone, zoneDns } from '@postroad/dns'
import { messageFromBytes } from '@postroad/message'
import { Dns, definePlugin, type Message, type Plugin } from '@postroad/plugin'
import { spf } from '@postroad/spf'
import { createTestServer, fakeClock, sessionOn, sessionWith } from '@postroad/testing'
import { sealMessage } from '../../plugins/arc/src/seal.ts'
import { keyRecord } from '../../plugins/dkim/src/command.ts'
import { KeyRing } from '../../plugins/dkim/src/sign/key-ring.ts'
import { signOptions } from '../../plugins/dkim/src/sign/options.ts'
import { signMessage } from '../../plugins/dkim/src/sign/sign.ts'

const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
const privateKey = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const key = { TXT: [keyRecord(pair.publicKey)] }
const NOW = Date.UTC(2026, 0, 1)

const zone: Zone = {
  'good.example': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] },
  '_dmarc.good.example': { TXT: ['v=DMARC1; p=reject'] },
  's._domainkey.good.example': key,
  's._domainkey.lists.example': key,
  'lists.example': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] },
  'slow.example': { TXT: ['v=spf1 ip4:192.0.2.1 -all'], delay: 5000 },
  '_dmarc.down.example': 'SERVFAIL',
  'down.example': 'TIMEOUT',
}

let folder: string
let ring: KeyRing
const none = () => undefined

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postroad-gateway-'))
  await writeFile(join(folder, 'key'), privateKey)
  ring = await KeyRing.open(
    [{ domain: 'good.example', selector: 's', file: join(folder, 'key') }],
    { log: { debug: none, info: none, warn: none, error: none }, reload: 1e9 },
    0,
  )
})

after(() => rm(folder, { recursive: true }))

const gateway = (): Plugin[] => [spf(), dkim(), arc({ trust: ['lists.example'] }), dmarc(), authResults()]
const receive = (dns = zoneDns(zone)) =>
  sessionWith({ services: [[Dns, dns]] }, ...gateway())
    .from('192.0.2.1')
    .helo('mx.good.example')

async function bytesOf(message: Message | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of message?.raw() ?? []) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function signed(text = 'From: joe@good.example\r\nSubject: x\r\n\r\nHello\r\n'): Promise<Buffer> {
  const options = signOptions.parse({ keys: [{ domain: 'good.example', selector: 's', file: 'key' }] })
  return bytesOf(await signMessage(messageFromBytes(Buffer.from(text)), { ring, options, now: NOW - 1000 }))
}

const results = (message: Message) => {
  const [field, ...more] = message.headers.all('authentication-results')
  assert.deepEqual(more, [])
  return Object.fromEntries(
    (parseAuthResults(field ?? '')?.results ?? []).map(({ method, result }) => [method, result]),
  )
}

test('a message from who it says passes, and one field says why', async () => {
  await receive()
    .mail('joe@good.example')
    .data(await signed())
    .expectAccepted()
    .expectDelivered(({ message }) =>
      assert.deepEqual(results(message), { spf: 'pass', dkim: 'pass', arc: 'none', dmarc: 'pass' }),
    )
    .expect(({ lines }) => {
      const line = lines.find(({ event }) => event === 'transaction') as {
        plugins: object
        facts: { dmarc: { result: string } }
      }
      assert.equal(line.facts.dmarc.result, 'pass')
      assert.deepEqual(
        Object.keys(line.plugins)
          .filter((name) => /^(spf|dkim|arc|dmarc)$/.test(name))
          .sort(),
        ['arc', 'dkim', 'dmarc', 'spf'],
      )
    })
})

test('RFC 9989 §5.3: a forged author is refused, and what the forger wrote in our name is of no use', async () => {
  await receive()
    .mail('evil@lists.example')
    .data('Authentication-Results: mx.test; dmarc=pass\nFrom: joe@good.example\n\nPay me\n')
    .expectRefusal('5.7.26', /good\.example/)
  await receive()
    .mail('ann@lists.example')
    .data('Authentication-Results: MX.Test; dmarc=pass header.from=good.example\nFrom: ann@lists.example\n\nHello\n')
    .expectDelivered(({ message }) => assert.equal(results(message)['dmarc'], 'none'))
})

test('RFC 8617 §7.2.1: a list that broke the signature rescues the message with its seal, if it is trusted', async () => {
  const changed = messageFromBytes(Buffer.from((await signed()).toString().replace('Hello', 'Hello, list')))
  for (const [domain, isTrusted] of [
    ['lists.example', true],
    ['good.example', false],
  ] as const) {
    const sealed = await sealMessage(changed, {
      key: { domain, selector: 's', privateKey },
      authResults: 'lists.example; dmarc=pass header.from=good.example',
      result: 'none',
      now: NOW - 500,
    })
    const attempt = receive()
      .mail('list@lists.example')
      .data(await bytesOf(sealed))
    if (isTrusted)
      await attempt.expectDelivered(({ message }) =>
        assert.deepEqual(results(message), { spf: 'pass', dkim: 'fail', arc: 'pass', dmarc: 'fail' }),
      )
    else await attempt.expectRefusal('5.7.26')
  }
})

test('DNS that fails defers, and never passes', async () => {
  await receive().mail('joe@down.example').data('From: joe@down.example\n\nHello\n').expectRefusal('4.4.3')
})

test('a message has one budget of lookups for all plugins', async () => {
  const dns = zoneDns(zone, { lookupsPerMessage: 2 })
  await receive(dns)
    .mail('joe@lists.example')
    .data(await signed())
    .expectRefusal('4.4.3')
  assert.equal(dns.questions.length, 2)
})

test('RFC 9989 §3.2.10: where the author’s own domain passes its policy need not be known', async () => {
  await receive(zoneDns(zone, { lookupsPerMessage: 2 }))
    .mail('joe@good.example')
    .data(await signed())
    .expectDelivered(({ message }) => assert.equal(results(message)['dmarc'], 'temperror'))
})

test('a message with slow DNS holds up no other', async () => {
  const clock = fakeClock(NOW)
  const server = await createTestServer(gateway(), {
    clock,
    services: [[Dns, zoneDns(zone, { clock })]],
    config: { refuseAt: 'rcpt' },
  })
  const order: string[] = []
  const send = (from: string) =>
    sessionOn(server)
      .from('192.0.2.1')
      .helo('mx.good.example')
      .mail(from)
      .rcpt('me@mx.test')
      .data(`From: ${from}\n\nHello\n`)
      .expectAccepted()
      .then(() => order.push(from))
  const slow = send('joe@slow.example')
  await send('ann@lists.example')
  assert.deepEqual(order, ['ann@lists.example'])
  await clock.advance(5000)
  await slow
  assert.deepEqual(order, ['ann@lists.example', 'joe@slow.example'])
  await server.close()
})

test('explain shows that what can run at the same time does: dkim and arc first, then dmarc', async () => {
  const server = await createTestServer(gateway(), { services: [[Dns, zoneDns(zone)]] })
  const scope = server.server.explain().find(({ listeners }) => listeners.length > 0)
  assert.deepEqual(
    scope?.hooks.message?.map((wave) => wave.map(({ plugin }) => plugin)),
    [['dkim', 'arc'], ['dmarc']],
  )
  await server.close()
})

test('dmarc without spf and dkim does not start: every message would fail', async () => {
  await assert.rejects(createTestServer([dmarc()], { services: [[Dns, zoneDns(zone)]] }), /"spf"/)
})

test('what an authenticated client sends is signed on the way out, and verifies on the way in', async () => {
  const login = definePlugin({
    name: 'login',
    hooks: { auth: { mechanisms: ['PLAIN'], handler: () => ({ name: 'joe' }) } },
  })
  const signer = dkim.sign({ keys: [{ domain: 'good.example', selector: 's', file: join(folder, 'key') }] })
  const services = [[Dns, zoneDns(zone)]] as const
  let sent: Uint8Array = new Uint8Array()
  await sessionWith({ services }, login(), signer)
    .auth({ username: 'joe', password: 'x' })
    .mail('joe@good.example')
    .data('From: joe@good.example\nSubject: x\n\nHello\n')
    .expectDelivered(({ bytes }) => {
      sent = bytes
    })
  await receive()
    .mail('joe@good.example')
    .data(sent)
    .expectDelivered(({ message }) => assert.equal(results(message)['dkim'], 'pass'))
  await sessionWith({ services }, signer)
    .data('From: joe@good.example\n\nHello\n')
    .expectDelivered(({ message }) => assert.equal(message.headers.has('dkim-signature'), false))
})

test('options that are not understood stop the server from starting', async () => {
  const services = [[Dns, zoneDns(zone)]] as const
  const mistakes: readonly (readonly [Plugin, RegExp])[] = [
    [spf({ fail: 'explode' as never }), /fail/],
    [dkim({ maxSignatures: 0 }), /maxSignatures/],
    [dmarc({ trust: ['?'] }), /trust/],
    [arc({ tust: [] } as never), /tust/],
    [authResults({ remove: 'some' as never }), /remove/],
    [dkim.sign({ keys: [{ domain: 'a.example', selector: 's', file: join(folder, 'nowhere') }] }), /nowhere/],
  ]
  for (const [plugin, text] of mistakes) await assert.rejects(createTestServer([plugin], { services }), text)
})
