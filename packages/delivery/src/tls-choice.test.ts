import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Zone, zoneDns } from '@postroad/dns'
import type { Job, MailParameters, Outcome, TlsAnswer, TlsPolicy, TlsQuestion } from '@postroad/mail'
import { createSink, type Sink, type SinkOptions } from '@postroad/testing'
import { type SmtpOptions, smtpTransport } from './smtp-transport.ts'
import { certificate, job, source, streamed } from './support/fixture.ts'
import { TlsChoice } from './tls-choice.ts'
import { saysTlsOptional } from './tls-optional.ts'

const ca = certificate.cert
const trusting: TlsPolicy = { mode: 'opportunistic', servername: 'sink.test', options: { ca } }

async function attempt(
  zone: Zone,
  options: Partial<SmtpOptions>,
  changes: Partial<Job>,
  sinks: readonly (SinkOptions | undefined)[],
) {
  const running: Sink[] = []
  for (const [i, sink] of sinks.entries()) {
    const one = await createSink({ ...sink, host: `127.0.0.${i + 2}`, port: running[0]?.port ?? 0 })
    if (sink === undefined) await one.close()
    running.push(one)
  }
  const transport = smtpTransport({
    hostname: 'client.test',
    dns: zoneDns(zone),
    port: running[0]?.port ?? 0,
    ...options,
  })
  const outcomes: readonly Outcome[] = await transport.deliver(job(['b@to.test'], changes))
  await transport.close()
  await Promise.all(running.map((one) => one.close()))
  return outcomes
    .map(({ kind, reply, tls }) => `${kind} ${reply.status}${tls ? ` ${tls.policy} ${tls.verified ?? '-'}` : ''}`)
    .join()
}

const requireTls: MailParameters = { requireTls: true }
const able: SinkOptions = { certificate, extensions: ['REQUIRETLS', 'PIPELINING'] }
const unable: SinkOptions = { certificate, extensions: ['PIPELINING'] }

function zoneOf(secure: boolean, hosts = 1): Zone {
  const names = Array.from({ length: hosts }, (_, i) => `mx${i + 1}.to.test`)
  return {
    'to.test': { MX: names.map((name, i) => [i, name] as const), secure },
    ...Object.fromEntries(names.map((name, i) => [name, { A: [`127.0.0.${i + 2}`] }])),
  }
}

test('RFC 8689 §4.2.1: REQUIRETLS goes to no host whose name anybody could have put there, and the sender hears of it', async () => {
  const send = (zone: Zone, options: Partial<SmtpOptions> = {}) =>
    attempt(zone, { tls: trusting, ...options }, { parameters: requireTls }, [able])
  assert.equal(await send(zoneOf(false)), 'failed 5.7.30')
  assert.equal(await send(zoneOf(true)), 'delivered 2.0.0 required pkix')
  assert.equal(
    await send(zoneOf(false), { tlsPolicy: () => ({ ...trusting, source: 'sts', isHostAuthentic: true }) }),
    'delivered 2.0.0 sts pkix',
  )
  assert.equal(await send(zoneOf(false), { tlsPolicy: () => ({ ...trusting, source: 'sts' }) }), 'failed 5.7.30')
  const unknown: TlsAnswer = {
    refusal: { code: 451, status: '4.7.5', text: 'Not known yet' },
    failure: 'sts-policy-fetch-error',
    source: 'sts',
  }
  assert.equal(await send(zoneOf(false), { tlsPolicy: () => unknown }), 'deferred 4.7.5')
})

test('RFC 7672 §2.2.1: a domain without MX is its own secure host where that is proven', async () => {
  for (const [secure, shown] of [[true, 'delivered 2.0.0 required pkix'], [false, 'failed 5.7.30']] as const) // biome-ignore format: a table
    assert.equal(
      await attempt({ 'to.test': { A: ['127.0.0.2'], secure } }, { tls: trusting }, { parameters: requireTls }, [able]),
      shown,
    )
})

test('a next hop that the operator has named is authentic, and so is an address', async () => {
  const named = await createSink({ ...able, host: '127.0.0.2' })
  const changes = { parameters: requireTls, route: { via: 'smtp', host: '127.0.0.2', port: named.port } }
  assert.equal(await attempt({}, { tls: trusting }, changes, []), 'delivered 2.0.0 required pkix')
  await named.close()
})

test('RFC 8689 §4.2.1: each host is asked whether it passes REQUIRETLS on; it fails when all were asked, and none does', async () => {
  const send = (sinks: readonly (SinkOptions | undefined)[]) =>
    attempt(zoneOf(true, sinks.length), { tls: trusting }, { parameters: requireTls }, sinks)
  assert.equal(await send([unable, unable, unable, able]), 'delivered 2.0.0 required pkix')
  assert.equal(await send([unable, unable, unable]), 'failed 5.7.30 required pkix')
  // Who is down today may be the one that can.
  assert.equal(await send([unable, undefined]), 'deferred 4.4.1')
})

const refusing: TlsAnswer = {
  refusal: { code: 451, status: '4.7.5', text: 'Not in the policy' },
  failure: 'validation-failure',
  source: 'sts',
}
const saysNo = source('From: a@b.test\r\nTLS-Required: No\r\n\r\nHello\r\n')

test('RFC 8689 §4.2.2: a message that says TLS-Required: No goes as if nothing were published, and only it', async () => {
  const published: readonly TlsAnswer[] = [refusing, { mode: 'required', verify: true, source: 'sts' }]
  for (const answer of published) {
    const send = (changes: Partial<Job>, options: Partial<SmtpOptions> = {}) =>
      attempt(zoneOf(false), { tlsPolicy: () => answer, ...options }, changes, [{ certificate }])
    assert.equal(await send({}), 'deferred 4.7.5')
    assert.equal(await send({ message: saysNo }), 'delivered 2.0.0 opportunistic -')
    assert.equal(await send({ message: saysNo }, { tlsOptional: false }), 'deferred 4.7.5')
    // RFC 8689 §3: REQUIRETLS goes before the field; and what the operator himself demands is nobody else's to take back.
    assert.match(await send({ message: saysNo, parameters: requireTls }), /^(deferred 4.7.5|failed 5.7.30)$/)
    assert.equal(await send({ message: saysNo }, { tls: { mode: 'required', verify: true } }), 'deferred 4.7.5')
    const route = { via: 'smtp', settings: { tls: 'verified' } }
    assert.equal(await send({ message: saysNo, route }), 'deferred 4.7.5')
  }
})

test('RFC 8461 §5: what a policy only advises stops no mail where the operator demands TLS, and takes nothing from what they demand', async () => {
  const advice: TlsPolicy = {
    mode: 'opportunistic',
    source: 'sts',
    id: 'x',
    isAdvice: true,
    authenticate: () => ({ failure: 'certificate-not-trusted', text: 'no' }),
  }
  const send = (options: Partial<SmtpOptions>, changes: Partial<Job> = {}) =>
    attempt(zoneOf(true), { tlsPolicy: () => advice, ...options }, changes, [{ certificate, ...able }])
  assert.equal(await send({}), 'delivered 2.0.0 sts -')
  assert.equal(await send({ tls: { mode: 'required' } }), 'delivered 2.0.0 sts -')
  assert.equal(await send({ tls: { mode: 'opportunistic', minimumGroup: 'X25519MLKEM768' } }), 'delivered 2.0.0 sts -')
  assert.equal(await send({ tls: { mode: 'required', verify: true } }), 'deferred 4.7.5')
  const trusted = { servername: 'sink.test', options: { ca } }
  const named = { tlsPolicy: () => ({ ...advice, servername: 'sink.test' }) }
  assert.equal(
    await send({ ...named, tls: { mode: 'required', verify: true, ...trusted } }),
    'delivered 2.0.0 sts pkix',
  )
  for (const tls of [trusting, { mode: 'required' }] as const)
    assert.equal(await send({ tls }, { parameters: requireTls }), 'deferred 4.7.5')
})

test('RFC 8689 §3: the field counts once, with the value No, in the header', async () => {
  for (const [header, says] of [
    ['TLS-Required: No\r\n', true],
    ['tls-required : no \r\n', true],
    ['Tls-Required:\r\n  No\r\n', true],
    ['TLS-Required:No\r\nX: y\r\n', true],
    ['', false],
    ['TLS-Required: Yes\r\n', false],
    ['TLS-Required: No\r\nTLS-Required: No\r\n', false],
    ['TLS-Required: No way\r\n', false],
    ['TLS-Required:\r\n', false],
    ['X-TLS-Required: No\r\n', false],
    ['Subject: x\r\n TLS-Required: No\r\n', false],
    ['\r\nTLS-Required: No\r\n', false],
  ] as const) {
    const text = `From: a@b.test\r\n${header}\r\nTLS-Required: No\r\n`
    assert.equal(await saysTlsOptional(source(text)), says, header)
    const octets = [...Buffer.from(text)].map((octet) => Uint8Array.of(octet))
    assert.equal(await saysTlsOptional(streamed(...octets)), says, `${header}, octet by octet`)
  }
  assert.equal(await saysTlsOptional(source('\r\nTLS-Required: No\r\n\r\n')), false)
  assert.equal(await saysTlsOptional({ size: 1, raw: () => { throw new Error('unreadable') } }), false) // biome-ignore format: one line
})

test('what the operator wrote for a route goes before what is published, and nobody is asked', async () => {
  const questions: TlsQuestion[] = []
  const tlsPolicy = (question: TlsQuestion) => {
    questions.push(question)
    return refusing
  }
  const route = { via: 'smtp', settings: { tls: 'none' } }
  assert.equal(await attempt(zoneOf(false), { tlsPolicy }, { route }, [{ certificate }]), 'delivered 2.0.0')
  assert.deepEqual(questions, [])
})

test('a question says what DNSSEC vouches for: the host, its address, and the name at the end of its aliases', async () => {
  const questions: TlsQuestion[] = []
  const zone: Zone = {
    'to.test': { CNAME: 'real.test', secure: true },
    'real.test': { MX: [[0, 'alias.test']], secure: true },
    'alias.test': { CNAME: 'host.test', secure: true },
    'host.test': { A: ['127.0.0.2'], AAAA: 'SERVFAIL', secure: true },
  }
  const tlsPolicy = (question: TlsQuestion) => void questions.push(question)
  assert.equal(await attempt(zone, { tlsPolicy }, {}, [{}]), 'delivered 2.0.0')
  const [{ port: _, ...question } = assert.fail()] = questions
  assert.deepEqual(question, {
    domain: 'to.test',
    canonicalDomain: 'real.test',
    host: { name: 'alias.test', preference: 0, isSecure: true, owner: 'real.test' },
    address: '127.0.0.2',
    isAddressSecure: true,
    canonical: 'host.test',
    isRequired: false,
  })
})

const question: TlsQuestion = {
  domain: 'to.test',
  canonicalDomain: 'to.test',
  host: { name: 'mx.to.test', isSecure: false },
  address: '192.0.2.1',
  isAddressSecure: false,
  canonical: 'mx.to.test',
  port: 25,
  isRequired: false,
}

test('what is published is never weaker than what the operator wants of everybody, and keeps his certificates', async () => {
  const local: TlsPolicy = { mode: 'required', verify: true, minimumGroup: 'X25519MLKEM768', options: { ca } }
  const of = async (published: TlsPolicy) =>
    new TlsChoice({ tls: local, tlsPolicy: () => published }).of(question, job(['b@to.test']))
  assert.deepEqual(await of({ mode: 'opportunistic', source: 'x' }), { ...local, source: 'x' })
  assert.deepEqual(await of({ mode: 'required', options: { minVersion: 'TLSv1.3' } }), {
    ...local,
    options: { ca, minVersion: 'TLSv1.3' },
  })
  const authenticate = () => ({ verified: 'dane-ee' })
  const dane: TlsPolicy = { mode: 'required', source: 'dane', id: 'dane:1', authenticate }
  assert.deepEqual(await of(dane), { ...dane, minimumGroup: 'X25519MLKEM768', options: { ca } })
})

test('the same policy is the same object each time, so that its key is made once', async () => {
  const published: TlsPolicy = {
    mode: 'required',
    source: 'dane',
    id: 'dane:1',
    authenticate: () => ({ verified: 'dane-ee' }),
  }
  const choice = new TlsChoice({ tls: { mode: 'opportunistic', options: { ca } }, tlsPolicy: () => published })
  const route = { via: 'smtp', settings: { minimumGroup: 'X25519MLKEM768' } }
  for (const changes of [{}, { route }]) {
    const first = await choice.of(question, job(['b@to.test'], changes))
    assert.equal(await choice.of(question, job(['c@to.test'], changes)), first)
  }
})

test('a route may demand a group; then TLS is required, and a slip of the pen is told', async () => {
  const of = (settings: Record<string, string>) =>
    new TlsChoice({}).of(question, job(['b@to.test'], { route: { via: 'smtp', settings } }))
  assert.deepEqual(await of({ minimumGroup: 'X25519MLKEM768' }), { mode: 'required', minimumGroup: 'X25519MLKEM768' })
  assert.deepEqual(await of({ minimumGroup: 'X25519MLKEM768', tls: 'implicit' }), { mode: 'implicit', verify: true, minimumGroup: 'X25519MLKEM768' }) // biome-ignore format: one line
  await assert.rejects(of({ minimumGroup: 'X25519' }), /X25519MLKEM768/)
  await assert.rejects(of({ minimumGroup: 'X25519MLKEM768', tls: 'none' }), TypeError)
})
