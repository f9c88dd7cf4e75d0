import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { type Zone, zoneDns } from '@postroad/dns'
import type { TlsQuestion } from '@postroad/mail'
import { identities } from '../../../test/tls/certificate.ts'
import { findDane } from './dane.ts'
import { proveResolver } from './resolver-proof.ts'

const record = { usage: 3, selector: 1, matching: 1, data: Buffer.alloc(32, 1) }
const other = { ...record, data: Buffer.alloc(32, 2) }
const TLSA = [record]

const base: TlsQuestion = {
  domain: 'dane.test',
  canonicalDomain: 'dane.test',
  host: { name: 'mx.dane.test', isSecure: true },
  address: '192.0.2.1',
  isAddressSecure: true,
  canonical: 'mx.dane.test',
  port: 25,
  isRequired: false,
}

async function find(zone: Zone, question: Partial<TlsQuestion> = {}, insecureMx: 'off' | 'try' = 'off') {
  const dns = zoneDns(zone)
  const { answer, reason } = await findDane({ ...base, ...question }, { dns, insecureMx, now: () => 0 })
  const shown =
    answer === undefined
      ? 'none'
      : 'refusal' in answer
        ? `left out ${answer.refusal.code} ${answer.failure}`
        : `${answer.mode} ${answer.servername} ${answer.authenticate ? 'records' : 'encrypted'}`
  return { shown, asked: dns.questions, reason, answer }
}

const at = (name: string, tlsa: Zone[string] = { TLSA, secure: true }): Zone => ({ [`_25._tcp.${name}`]: tlsa })
const signed: Zone = { 'dane.test': { secure: true } }

test('RFC 7672 §2.2.1: where the MX record is not signed nothing is asked, unless the operator wants it', async () => {
  const unsigned = { host: { name: 'mx.dane.test', isSecure: false } }
  assert.deepEqual(await find(at('mx.dane.test'), unsigned).then(({ shown, asked }) => [shown, asked]), ['none', []])
  const tried = await find(at('mx.dane.test'), unsigned, 'try')
  assert.equal(tried.shown, 'required mx.dane.test records')
  assert.ok(tried.answer && 'mode' in tried.answer && tried.answer.isHostAuthentic === false)
})

test('RFC 7672 §2.2.2: where the addresses are not signed no TLSA record is asked for', async () => {
  const { shown, asked } = await find(at('mx.dane.test', 'SERVFAIL'), { isAddressSecure: false })
  assert.deepEqual([shown, asked], ['none', []])
})

test('RFC 7672 §2.2.3: no records that count, and whatever is no answer leaves the host out', async () => {
  for (const [there, expected] of [
    [{ TLSA, secure: true }, 'required mx.dane.test records'],
    [{ TLSA }, 'none'],
    [{ TXT: ['x'], secure: true }, 'none'],
    ['NXDOMAIN', 'none'],
    ['NODATA', 'none'],
    ['SERVFAIL', 'left out 451 dnssec-invalid'],
    ['REFUSED', 'left out 451 dnssec-invalid'],
    ['TIMEOUT', 'left out 451 dnssec-invalid'],
    ['BUDGET', 'left out 451 dnssec-invalid'],
    [{ TLSA: [{ ...record, usage: 1 }], secure: true }, 'required mx.dane.test encrypted'],
    [{ TLSA: [{ ...record, data: Buffer.alloc(31) }], secure: true }, 'required mx.dane.test encrypted'],
    [{ TLSA: [{ ...record, usage: 0 }, record], secure: true }, 'required mx.dane.test records'],
  ] as const)
    assert.equal((await find({ ...signed, ...at('mx.dane.test', there) })).shown, expected, JSON.stringify(there))
})

test('RFC 7672 §2.2.2: the end of a signed chain of aliases goes before its beginning', async () => {
  const alias = { canonical: 'host.test' }
  for (const [zone, expected] of [
    [{ ...at('host.test'), ...at('mx.dane.test', { TLSA: [other], secure: true }) }, 'required host.test records'],
    [at('mx.dane.test'), 'required mx.dane.test records'],
    [{ ...at('host.test', { TLSA: [other] }), ...at('mx.dane.test') }, 'required mx.dane.test records'],
    [{ ...at('host.test', 'SERVFAIL'), ...at('mx.dane.test') }, 'left out 451 dnssec-invalid'],
    [{}, 'none'],
  ] as const)
    assert.equal((await find(zone, alias)).shown, expected, JSON.stringify(zone))
})

test('RFC 7672 §2.2.2: an alias that leads out of signed zones still has a name of its own, when it is signed itself', async () => {
  const alias = { canonical: 'host.test', isAddressSecure: false }
  const cname = (secure: boolean): Zone => ({ 'mx.dane.test': { CNAME: 'host.test', secure } })
  assert.equal((await find({ ...cname(true), ...at('mx.dane.test') }, alias)).shown, 'required mx.dane.test records')
  const unsigned = await find({ ...cname(false), ...at('mx.dane.test') }, alias)
  assert.deepEqual([unsigned.shown, unsigned.asked], ['none', ['CNAME mx.dane.test']])
  assert.equal((await find({ 'mx.dane.test': 'SERVFAIL' }, alias)).shown, 'left out 451 dnssec-invalid')
  // Nobody asks at the unsigned end.
  assert.deepEqual((await find({ ...cname(true), ...at('host.test') }, alias)).asked, [
    'CNAME mx.dane.test',
    'TLSA _25._tcp.mx.dane.test',
  ])
})

test('a next hop that the operator has named is looked up, and one signed family will do', async () => {
  const named: Partial<TlsQuestion> = {
    domain: undefined,
    address: undefined,
    isAddressSecure: false,
    host: { name: 'mx.dane.test', isSecure: false },
  }
  const hop = (entry: Zone[string]): Zone => ({ 'mx.dane.test': entry, ...at('mx.dane.test') })
  assert.equal(
    (await find(hop({ A: ['192.0.2.1'], AAAA: 'SERVFAIL', secure: true }), named)).shown,
    'required mx.dane.test records',
  )
  assert.equal((await find(hop({ A: ['192.0.2.1'] }), named)).shown, 'none')
  assert.equal((await find(hop('SERVFAIL'), named)).shown, 'left out 451 dnssec-invalid')
  assert.equal((await find(hop('NXDOMAIN'), named)).shown, 'none')
  assert.equal((await find({}, { ...named, host: { name: '192.0.2.1', isSecure: false } })).shown, 'none')
})

test('RFC 7672 §3.2.2: a certificate below an anchor may have the name of the host, of the domain, or of what that is an alias of', async () => {
  const tlsa = { ...record, usage: 2, selector: 0, matching: 0, data: new X509Certificate(identities.root.cert).raw }
  const zone = at('mx.dane.test', { TLSA: [tlsa], secure: true })
  const chain = [identities.domainLeaf, identities.intermediate].map(({ cert }) => new X509Certificate(cert))
  const judge = async (question: Partial<TlsQuestion>, insecureMx: 'off' | 'try' = 'off') => {
    const dns = zoneDns(zone)
    const now = () => Date.parse('2026-06-01')
    const { answer } = await findDane({ ...base, ...question }, { dns, insecureMx, now })
    const verdict =
      answer && 'mode' in answer && answer.authenticate?.({ chain: chain as [X509Certificate], untrusted: 'x' })
    return verdict ? ('verified' in verdict ? verdict.verified : verdict.failure) : 'none'
  }
  assert.equal(await judge({}), 'dane-ta')
  assert.equal(await judge({ domain: 'alias.test', canonicalDomain: 'dane.test' }), 'dane-ta')
  assert.equal(await judge({ domain: 'other.test', canonicalDomain: 'other.test' }), 'certificate-host-mismatch')
  assert.equal(await judge({ host: { name: 'mx.dane.test', isSecure: false } }, 'try'), 'certificate-host-mismatch')
})

test('the same records are the same policy, in whatever order they come; other records are another one', async () => {
  const idOf = async (...tlsa: (typeof record)[]) => {
    const { answer } = await find(at('mx.dane.test', { TLSA: tlsa, secure: true }))
    return answer && 'mode' in answer ? answer.id : assert.fail()
  }
  assert.equal(await idOf(record, other), await idOf(other, record))
  assert.notEqual(await idOf(record), await idOf(other))
  assert.notEqual(await idOf(record), await idOf(record, other))
})

test('a resolver is proven by a name that is signed, and by one that must not be answered', async () => {
  const names = { signed: 'signed.test', bogus: 'bogus.test' }
  for (const [zone, state] of [
    [{ 'signed.test': { TXT: ['x'], secure: true }, 'bogus.test': 'SERVFAIL' }, 'validates'],
    [{ 'signed.test': { A: ['192.0.2.1'], secure: true }, 'bogus.test': 'SERVFAIL' }, 'validates'],
    [{ 'signed.test': { TXT: ['x'] }, 'bogus.test': 'SERVFAIL' }, 'blind'],
    [{ 'signed.test': { TXT: ['x'], secure: true }, 'bogus.test': { TXT: ['x'] } }, 'blind'],
    [{ 'signed.test': { TXT: ['x'], secure: true }, 'bogus.test': 'NXDOMAIN' }, 'blind'],
    [{ 'signed.test': 'TIMEOUT', 'bogus.test': 'TIMEOUT' }, 'unknown'],
  ] as const)
    assert.equal((await proveResolver(zoneDns(zone), names)).state, state, JSON.stringify(zone))
})
