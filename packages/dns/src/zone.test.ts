import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zoneDns } from './zone.ts'

const dns = zoneDns({
  'signed.test': { MX: [[10, 'mx.signed.test']], secure: true },
  'mx.signed.test': { A: ['192.0.2.1'], secure: true },
  'near.signed.test': { CNAME: 'mx.signed.test', secure: true },
  'far.signed.test': { CNAME: 'mx.unsigned.test', secure: true },
  'broken.signed.test': { A: 'SERVFAIL', AAAA: 'NODATA', secure: true },
  'gone.signed.test': 'NXDOMAIN',
  'island.signed.test': { A: ['192.0.2.3'] },
  'unsigned.test': { CNAME: 'mx.signed.test' },
  'mx.unsigned.test': { A: ['192.0.2.2'] },
})

test('an answer of a chain of aliases is secure when all of the chain is, and says where the chain ends', async () => {
  for (const [name, canonical, secure] of [
    ['mx.signed.test', 'mx.signed.test', true],
    ['NEAR.signed.test', 'mx.signed.test', true],
    ['far.signed.test', 'mx.unsigned.test', false],
    ['unsigned.test', 'mx.signed.test', false],
    ['island.signed.test', 'island.signed.test', false],
  ] as const) {
    const answer = await dns.a(name)
    assert.deepEqual([answer.canonical, answer.secure], [canonical, secure], name)
  }
})

test('an alias can be asked for itself, and its own proof is that of its zone', async () => {
  assert.deepEqual(await dns.cname('far.signed.test'), {
    records: ['mx.unsigned.test'],
    secure: true,
    ttl: 300,
    canonical: 'far.signed.test',
  })
  await assert.rejects(dns.cname('mx.signed.test'), { code: 'NODATA', secure: true })
})

test('what is not there is denied by the nearest name above it', async () => {
  for (const [question, code, secure] of [
    [dns.tlsa('_25._tcp.mx.signed.test'), 'NXDOMAIN', true],
    [dns.mx('mx.signed.test'), 'NODATA', true],
    [dns.aaaa('broken.signed.test'), 'NODATA', true],
    [dns.a('broken.signed.test'), 'SERVFAIL', false],
    [dns.a('gone.signed.test'), 'NXDOMAIN', true],
    [dns.tlsa('_25._tcp.island.signed.test'), 'NXDOMAIN', false],
    [dns.mx('mx.unsigned.test'), 'NODATA', false],
    [dns.mx('nowhere'), 'NXDOMAIN', false],
  ] as const)
    await assert.rejects(question, { code, secure })
})
