/** The milters that mail servers really run, behind the plugin: `npm run interop -- milter-client`. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { dkim } from '@postroad/dkim'
import { zoneDns } from '@postroad/dns'
import { milter } from '@postroad/milter'
import { Dns } from '@postroad/plugin'
import { sessionWith } from '@postroad/testing'
import { requires } from '../runner/requires.ts'
import { startClamd } from './clamd.ts'
import { EICAR } from './eicar.ts'
import { startClamavMilter, startOpendkim, startOpendmarc, startSpamassMilter, startSpamd } from './milters.ts'

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('latin1')
const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})
const record = `v=DKIM1; k=rsa; p=${publicKey.toString('base64')}`
const zone = { 'sel._domainkey.signed.test': { TXT: [record] } }

/** Fields without a blank, with a tab, two blanks, folds, 8 bit; a body with a dot and blanks at the end. */
const tricky = Buffer.from(
  [
    'From: a@signed.test',
    'To:b@mx.test',
    'Subject:\ttab and\r\n\ta fold  ',
    'Date: Mon, 30 Nov 2026 08:00:00 +0000',
    'Message-ID: <1@signed.test>',
    'X-Odd:  two \xe4',
    '',
    '.dot',
    'blanks  ',
    '',
    '',
  ].join('\r\n'),
  'latin1',
)

test('opendkim signs, and our dkim, and another opendkim, agree: simple and relaxed', {
  skip: requires('opendkim'),
}, async () => {
  for (const canonicalization of ['simple/simple', 'relaxed/relaxed', 'simple/relaxed']) {
    await using signer = await startOpendkim({ mode: 's', domain: 'signed.test', key: privateKey, canonicalization })
    await using verifier = await startOpendkim({ mode: 'v', domain: 'signed.test', record })
    let signed: Uint8Array = Buffer.alloc(0)
    await sessionWith({}, milter({ at: signer.at }))
      .mail('a@signed.test')
      .rcpt('b@mx.test')
      .data(tricky)
      .expectDelivered(({ bytes }) => {
        assert.match(text(bytes), /^DKIM-Signature: /m, signer.log())
        signed = bytes
      })
    const { lines } = await sessionWith({ services: [[Dns, zoneDns(zone)]] }, dkim(), milter({ at: verifier.at }))
      .mail('a@signed.test')
      .rcpt('b@mx.test')
      .data(signed)
      .expectDelivered(({ bytes }) =>
        assert.match(text(bytes), /^Authentication-Results: mx\.test;\r\n\tdkim=pass/m, verifier.log()),
      )
    assert.match(JSON.stringify(lines.findLast(({ event }) => event === 'transaction')?.['facts']), /"result":"pass"/)
  }
})

test('opendmarc reads what opendkim has found, in a chain', { skip: requires('opendkim', 'opendmarc') }, async () => {
  await using signer = await startOpendkim({ mode: 's', domain: 'signed.test', key: privateKey })
  await using verifier = await startOpendkim({ mode: 'v', domain: 'signed.test', record })
  await using opendmarc = await startOpendmarc({ '_dmarc.signed.test': 'v=DMARC1; p=reject' })
  const chain = () =>
    sessionWith(
      {},
      [milter({ at: verifier.at }), { as: 'opendkim' }],
      [milter({ at: opendmarc.at }), { as: 'opendmarc' }],
    ).mail('a@signed.test')
  let signed: Uint8Array = Buffer.alloc(0)
  await sessionWith({}, milter({ at: signer.at }))
    .mail('a@signed.test')
    .data(tricky)
    .expectDelivered(({ bytes }) => void (signed = bytes))
  await chain()
    .data(signed)
    .expectDelivered(({ bytes }) => {
      assert.match(text(bytes), /^Authentication-Results: mx\.test;\r\n\tdkim=pass/m)
      assert.match(text(bytes), /^Authentication-Results: mx\.test; dmarc=pass/m, opendmarc.log())
    })
  await chain()
    .data(tricky)
    .expectRefusal('5.7.1', /rejected by DMARC policy for signed\.test/)
})

test('clamav-milter refuses or holds EICAR, and the rest passes', {
  skip: requires('clamav-daemon', 'clamav-milter'),
}, async () => {
  await using clamd = await startClamd()
  const infected = Buffer.concat([Buffer.from('From: a@client.test\r\nSubject: x\r\n\r\n'), EICAR])
  await using refusing = await startClamavMilter(clamd, 'Reject')
  const session = (at: string) =>
    sessionWith({}, milter({ at, stages: ['message'] }))
      .mail('a@client.test')
      .rcpt('b@mx.test')
  await session(refusing.at)
    .data(infected)
    .expectRefusal('5.7.1', /Infected by Eicar-Test-Text/)
  await session(refusing.at)
    .data('Subject: clean\n\nbody\n')
    .expectDelivered(({ bytes }) => assert.match(text(bytes), /^X-Virus-Status: Clean/m, refusing.log()))
  await using holding = await startClamavMilter(clamd, 'Quarantine')
  await session(holding.at).data(infected).expectQuarantined()
  await clamd.kill()
  await session(refusing.at).data('Subject: clean\n\nbody\n').expectCode(451)
})

test('spamass-milter refuses GTUBE, and marks the rest', { skip: requires('spamd', 'spamass-milter') }, async () => {
  await using spamd = await startSpamd()
  await using peer = await startSpamassMilter(Number(spamd.at))
  const gtube = 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X'
  const session = () =>
    sessionWith({}, milter({ at: peer.at }))
      .mail('a@client.test')
      .rcpt('b@mx.test')
  const letter = (body: string) =>
    `From: a@client.test\nTo: b@mx.test\nSubject: hello\nDate: Mon, 30 Nov 2026 08:00:00 +0000\n\n${body}\n`
  await session().data(letter(gtube)).expectRefusal('5.7.1')
  await session()
    .data(letter('A meeting is at ten.'))
    .expectDelivered(({ bytes }) =>
      assert.match(text(bytes), /^X-Spam-Checker-Version: /m, `${peer.log()}${spamd.log()}`),
    )
})
