/** Cells of each kind over zones that are really signed, and what the resolver says of them. All of them: `npm run matrix -- --zones real`. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { freePorts } from '../interop/loopback.ts'
import { requires } from '../runner/requires.ts'
import { type Cell, cell, lineOf, server } from './cell.ts'
import { CELLS } from './cells.ts'
import { DNS_PACKAGES, DnsLab } from './dns-lab.ts'
import { realDns } from './real-zone.ts'
import { isAsExpected } from './run-cell.ts'
import { runReal } from './run-real.ts'

const skip = requires(...DNS_PACKAGES)
const [port = 0] = await freePorts(1)
const lab = skip ? undefined : await DnsLab.open()
after(() => lab?.[Symbol.asyncDispose]())

/** One of each way in which a signature may be missing or wrong, and one of each place. */
const SHORT: readonly Pick<Cell, 'mx' | 'address' | 'tlsa'>[] = [
  { mx: 'secure', address: 'secure', tlsa: ['3 1 1 ee'] },
  { mx: 'insecure', address: 'secure', tlsa: ['3 1 1 ee'] },
  { mx: 'opted out', address: 'secure', tlsa: ['3 1 1 ee'] },
  { mx: 'expired', address: 'secure', tlsa: ['3 1 1 ee'] },
  { mx: 'wrong DS', address: 'secure', tlsa: ['3 1 1 ee'] },
  { mx: 'nodata secure', address: 'secure', tlsa: ['3 1 1 ee'] },
  { mx: 'secure', address: 'unknown algorithm', tlsa: ['3 1 1 ee'] },
  { mx: 'secure', address: 'stripped', tlsa: ['3 1 1 ee'] },
  { mx: 'secure', address: 'alias to unsigned', tlsa: { end: 'nodata', begin: ['3 1 1 ee'] } },
  { mx: 'secure', address: 'secure', tlsa: 'bogus' },
  { mx: 'secure', address: 'secure', tlsa: 'denial stripped' },
  { mx: 'secure', address: 'secure', tlsa: { insecure: ['3 1 1 wrong'] } },
  { mx: 'secure', address: 'secure', tlsa: 'refused' },
]

for (const one of SHORT) {
  const found = CELLS.find((other) => (['mx', 'address', 'tlsa'] as const).every((key) => isSame(one[key], other[key])))
  test(found === undefined ? JSON.stringify(one) : lineOf(found), { skip, timeout: 60_000 }, async () => {
    assert.ok(found && lab, 'the matrix has no such cell')
    const seen = await runReal(found, lab, port)
    assert.ok(isAsExpected(found, seen), `seen: ${seen.shown}, ${seen.messages} messages, ${seen.reply}`)
  })
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

test('RFC 4035 §3.2.3: what the resolver proves it says, what it cannot it does not, and what is wrong it keeps', {
  skip,
  timeout: 60_000,
}, async () => {
  assert.ok(lab)
  const tlsa = `_${port}._tcp.mx.dane.test`
  await lab.serve(realDns(cell('dane-ee', '', { tlsa: ['3 1 1 ee'] }), port))
  let dns = lab.resolver()
  assert.equal((await dns.mx('dane.test')).secure, true)
  assert.equal((await dns.tlsa(tlsa)).secure, true)
  await assert.rejects(dns.aaaa('mx.dane.test'), { code: 'NODATA', secure: true })
  await assert.rejects(dns.a('nobody.dane.test'), { code: 'NXDOMAIN', secure: true })
  await lab.serve(realDns(cell('unauthenticated', '', { address: 'opted out', server: server('ee') }), port))
  dns = lab.resolver()
  assert.equal((await dns.mx('dane.test')).secure, true)
  assert.equal((await dns.a('mx.dane.test')).secure, false)
  await assert.rejects(dns.aaaa('mx.dane.test'), { code: 'NODATA', secure: false })
  await lab.serve(realDns(cell('skipped dnssec-invalid', '', { tlsa: 'expired' }), port))
  dns = lab.resolver()
  assert.equal((await dns.a('mx.dane.test')).secure, true)
  await assert.rejects(dns.tlsa(tlsa), { code: 'SERVFAIL', secure: false })
})
