/** `postroad sender check`: each planted fault is found by the rule that is there for it, and none where everything is right. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type { Server } from '@postroad/core'
import { countStates, type DoctorContext, diagnose, readSampleMessage } from '@postroad/doctor'
import { readAll } from '@postroad/mail'
import { messageFromBytes } from '@postroad/message'
import { KeyRing } from '../../plugins/dkim/src/sign/key-ring.ts'
import { signOptions } from '../../plugins/dkim/src/sign/options.ts'
import { signMessage } from '../../plugins/dkim/src/sign/sign.ts'
import { Operator } from '../cli/operator.ts'
import { ADDRESS, type Change, GOOD_ZONE, goodServer, patient, SIGNING_KEY } from '../doctor/patient.ts'
import { serveLiteral } from '../tls/zone-server.ts'

let folder: string
let server: Server
let good: string
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'postroad-sender-'))
  await writeFile(path.join(folder, 's1.pem'), SIGNING_KEY, { mode: 0o600 })
  server = await goodServer(folder)
  good = await signed(MESSAGE)
})
after(async () => {
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

const MESSAGE = [
  'From: "News, daily" <news@dane.test>',
  'To: a@remote.test',
  'Subject: News',
  'Date: Mon, 30 Nov 2026 12:00:00 +0000',
  'Message-ID: <1@dane.test>',
  'List-Unsubscribe: <https://mail.dane.test/u/k.token>,',
  ' <mailto:unsubscribe@dane.test?subject=k.token>',
  'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
  '',
  'Hello',
  '',
].join('\r\n')
const HOP = `Return-Path: <bounce+x@dane.test>\r\nReceived: from mx.dane.test (mx.dane.test. [${ADDRESS}])\r\n        by mx.remote.test with ESMTPS id 1\r\n        for <a@remote.test>; Mon, 30 Nov 2026 04:00:00 -0800 (PST)\r\n`

async function signed(message: string, more: object = {}): Promise<string> {
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const keys = [{ domain: 'dane.test', selector: 's1', file: path.join(folder, 's1.pem') }]
  const options = signOptions.parse({ keys, ...more })
  const ring = await KeyRing.open(options.keys, { log, reload: 1e9 }, 0)
  const one = await signMessage(messageFromBytes(Buffer.from(message)), { ring, options, now: Date.now() })
  return HOP + (one ? (await readAll(one)).toString() : message)
}

interface Case extends Change {
  readonly message?: string | readonly string[]
  readonly returnPaths?: readonly string[]
  readonly traffic?: NonNullable<DoctorContext['sender']>['traffic']
  readonly selectors?: readonly string[]
}

const LITTLE = { days: 7, delivered: 100_000, complaints: 40 }

async function ask(
  { message, returnPaths = [], traffic = LITTLE, selectors = ['s1'], ...change }: Case,
  only?: string,
) {
  await using asked = await patient(server, change)
  const context = { ...asked.context, selectors }
  const messages = await Promise.all(
    [message ?? good].flat().map((text) => readSampleMessage({ name: 'one.eml', octets: Buffer.from(text) }, context)),
  )
  return await diagnose(
    { ...context, sender: { returnPaths, messages, traffic } },
    { of: 'sender', ...(only && { only: [only] }) },
  )
}

test('where everything is right there is no fault and no remark, and each rule says what it has seen', async () => {
  const found = await ask({})
  assert.deepEqual(
    found.filter(({ state }) => state !== 'ok'),
    [],
  )
  assert.deepEqual(
    [...new Set(found.map(({ check }) => check))],
    [
      'from-domain',
      'spf',
      'dkim-selector',
      'dmarc',
      'alignment',
      'ptr',
      'helo',
      'delivery-tls',
      'format',
      'one-click',
      'complaints',
      'dkim-key',
    ],
  )
  assert.ok(found.every(({ evidence }) => evidence !== ''))
  assert.deepEqual(found.find(({ check }) => check === 'dmarc')?.askedBy, ['Gmail', 'Yahoo', 'Microsoft'])
})

test('mail of other shapes that is right is not found fault with', async () => {
  for (const message of [
    good.replaceAll('\r\n', '\n'),
    await signed(MESSAGE.replace('"News, daily" <news@dane.test>', '=?utf-8?q?N=C3=A4ws?= <news@DANE.test>')),
    await signed(
      MESSAGE.replace('+0000', '+0000 (a comment (GMT))').replace(
        'From: "News, daily" <news@dane.test>',
        'From: news@dane.test (News)',
      ),
    ),
    good.replace('with ESMTPS', 'with ESMTP').replace('id 1', '(version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384) id 1'),
  ]) {
    const found = await ask({ message })
    assert.deepEqual(
      found.filter(({ state }) => state === 'fault'),
      [],
      message,
    )
  }
  // Below the author's domain is aligned, as the record allows by default.
  const zone = { 'b.dane.test': { TXT: [`v=spf1 ip4:${ADDRESS} -all`] } }
  const message = good.replace('<bounce+x@dane.test>', '<bounce+x@b.dane.test>')
  assert.equal(countStates(await ask({ message, zone })).fault, 0)
})

const zone = (entries: NonNullable<Change['zone']>): Case => ({ zone: entries })
const head =
  (from: string, to: string): (() => Promise<Case>) =>
  async () => ({ message: await signed(MESSAGE.replace(from, to)) })
const received =
  (from: string | RegExp, to: string): (() => Promise<Case>) =>
  async () => ({ message: good.replace(from, to) })
const domain = { MX: [[10, 'mx.dane.test']], secure: true } as const

const PLANTED: readonly (readonly [what: string, check: string, evidence: RegExp, change: Case | (() => Promise<Case>)])[] = [
  ['the domain of From does not exist', 'from-domain', /NXDOMAIN/, zone({ 'dane.test': 'NXDOMAIN' })],
  ['the domain of From has a null MX', 'from-domain', /null MX/, zone({ 'dane.test': { MX: [[0, '.']], TXT: ['v=spf1 mx -all'] } })],
  ['it has neither MX nor address', 'from-domain', /neither/, zone({ 'dane.test': { TXT: ['v=spf1 mx -all'] } })],
  ['no SPF record', 'spf', /no SPF record/, zone({ 'dane.test': { ...domain, TXT: ['x'] } })],
  ['SPF leaves us out', 'spf', /gets fail/, zone({ 'dane.test': { ...domain, TXT: ['v=spf1 ip4:192.0.2.1 -all'] } })],
  ['SPF of the reverse-path leaves us out', 'alignment', /SPF of the reverse-path: fail/, { returnPaths: ['b.dane.test'], ...zone({ 'b.dane.test': { TXT: ['v=spf1 -all'] } }) }],
  ['no key under the selector', 'dkim-selector', /no key/, { selectors: ['s9'] }],
  ['a key that is withdrawn', 'dkim-selector', /no key/, zone({ 's1._domainkey.dane.test': { TXT: ['v=DKIM1; k=ed25519; p='] } })],
  ['no DMARC record', 'dmarc', /no DMARC record/, zone({ '_dmarc.dane.test': 'NXDOMAIN' })],
  ['two DMARC records', 'dmarc', /several records/, zone({ '_dmarc.dane.test': { TXT: ['v=DMARC1; p=none', 'v=DMARC1; p=reject'] } })],
  ['a DMARC policy that does not exist', 'dmarc', /does not exist/, zone({ '_dmarc.dane.test': { TXT: ['v=DMARC1; p=all'] } })],
  ['a message that is not signed', 'alignment', /no signature of DKIM that passes/, async () => ({ message: HOP + MESSAGE })],
  ['a message that was changed on its way', 'alignment', /no signature of DKIM that passes/, received('Hello', 'Hallo')],
  ['neither SPF nor DKIM is of the author', 'alignment', /neither is of other\.test/, async () => ({
    message: (await signed(MESSAGE)).replace('<news@dane.test>', '<news@other.test>').replace(/DKIM-Signature:[\s\S]*?(?=From:)/, ''),
    zone: { 'other.test': { MX: [[10, 'mx.dane.test']] }, '_dmarc.other.test': { TXT: ['v=DMARC1; p=none'] } },
  })],
  ['no reverse name', 'ptr', /no name/, zone({ [ADDRESS]: { TXT: ['x'] } })],
  ['a reverse name that does not lead back', 'ptr', /does not lead back/, zone({ [ADDRESS]: { PTR: ['mx.remote.test'] } })],
  ['the name of EHLO has no address', 'helo', /no address/, { context: { hostname: 'none.dane.test' } }],
  ['brought without TLS', 'delivery-tls', /without TLS/, received('ESMTPS', 'ESMTP')],
  ['no Date', 'format', /no Date/, head('Date: Mon, 30 Nov 2026 12:00:00 +0000\r\n', '')],
  ['a Date that is none', 'format', /a Date that is none/, head('Mon, 30 Nov 2026 12:00:00 +0000', 'yesterday')],
  ['no Message-ID', 'format', /no Message-ID/, head('Message-ID: <1@dane.test>\r\n', '')],
  ['a Message-ID that is none', 'format', /a Message-ID that is none/, head('<1@dane.test>', '1')],
  ['two From fields', 'format', /2 fields From/, head('To:', 'From: b@dane.test\r\nTo:')],
  ['From is no address', 'format', /From is not one address/, head('"News, daily" <news@dane.test>', 'News')],
  ['two subjects', 'format', /2 fields Subject/, head('To:', 'Subject: other\r\nTo:')],
  ['a line that is no field', 'format', /no fields/, head('To:', 'this is no field\r\nTo:')],
  ['a line that is too long', 'format', /more than 998/, head('Hello', 'x'.repeat(1_200))],
  ['no link of https', 'one-click', /no https link/, head('<https://mail.dane.test/u/k.token>', '<http://mail.dane.test/u/k.token>')],
  ['no List-Unsubscribe-Post', 'one-click', /no List-Unsubscribe-Post/, head('List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n', '')],
  ['another List-Unsubscribe-Post', 'one-click', /is "yes"/, head('List-Unsubscribe=One-Click', 'yes')],
  ['fields that no signature covers', 'one-click', /covers list-unsubscribe and list-unsubscribe-post/, async () => ({ message: await signed(MESSAGE, { guardedHeaders: [] }) })],
  ['fields without a signature', 'one-click', /not believed/, async () => ({ message: HOP + MESSAGE })],
  ['one in two hundred complains', 'complaints', /0\.50 %/, { traffic: { days: 7, delivered: 10_000, complaints: 50 } }],
] // biome-ignore format: a table

for (const [what, check, evidence, change] of PLANTED)
  test(`${check} finds: ${what}`, async () => {
    const found = await ask(typeof change === 'function' ? await change() : change, check)
    const right = found.filter((one) => one.state === 'fault' && evidence.test(one.evidence))
    assert.ok(right.length > 0, JSON.stringify(found))
    assert.match(right[0]?.fix ?? '', /^\S.*[.:)\w"]$/)
    assert.match(right[0]?.rfc ?? '', /RFC|Gmail/)
  })

test('what is not known is a remark: DNS that does not answer, no message, no records, a rate in between', async () => {
  const dead = await ask({
    zone: Object.fromEntries(Object.keys(GOOD_ZONE).map((name) => [name, 'SERVFAIL' as const])),
  })
  // That a signature could not be verified is not that there is none.
  assert.deepEqual(
    dead.filter(({ state }) => state === 'fault'),
    [],
  )
  const blind = await ask({ message: [], traffic: undefined })
  assert.equal(countStates(blind).fault, 0)
  assert.deepEqual(
    blind.filter(({ state }) => state === 'remark').map(({ check }) => check),
    ['delivery-tls', 'format', 'one-click'],
  )
  const rates = await ask({ traffic: { days: 7, delivered: 10_000, complaints: 20 } }, 'complaints')
  assert.deepEqual(
    rates.map(({ state }) => state),
    ['remark'],
  )
  const few = await ask({ traffic: { days: 7, delivered: 100, complaints: 1 } }, 'complaints')
  assert.deepEqual(
    few.map(({ state }) => state),
    ['ok'],
  )
})

test('the command: text, JSON, exit codes, and what is wrong with its arguments', async (t) => {
  const operator = await Operator.begin()
  t.after(() => operator.end())
  await using dns = await serveLiteral(GOOD_ZONE)
  await writeFile(path.join(operator.folder, 'one.eml'), good)
  const args = ['--dns', dns.place, '--address', ADDRESS, '--hostname', 'mx.dane.test']
  const well = await operator.run(
    'sender',
    'check',
    'dane.test',
    '--message',
    'one.eml',
    '--dkim',
    's1',
    '--json',
    ...args,
  )
  assert.equal(well.code, 0, well.out + well.err)
  const { domain, counts, findings } = JSON.parse(well.out)
  assert.deepEqual([domain, counts.fault, counts.remark], ['dane.test', 0, 1])
  assert.ok(findings.every((one: Record<string, unknown>) => one['check'] && one['evidence'] && one['subject']))
  await writeFile(path.join(operator.folder, 'plain.eml'), good.replace('ESMTPS', 'ESMTP'))
  const bad = await operator.run('sender', 'check', 'news@dane.test', '--message', 'plain.eml', ...args)
  assert.equal(bad.code, 1, bad.out + bad.err)
  assert.match(bad.out, /FAULT +delivery-tls +plain\.eml: without TLS: from mx\.dane\.test/)
  for (const [given, text] of [
    [['nonsense'], /"nonsense" is no domain/],
    [['dane.test', '--message', 'none.eml'], /none\.eml cannot be read/],
    [['dane.test', '--mesage', 'one.eml'], /unknown option '--mesage'[\s\S]*--message/],
  ] as const) {
    const { code, err } = await operator.run('sender', 'check', ...given, ...args)
    assert.notEqual(code, 0)
    assert.match(err, text)
  }
})
