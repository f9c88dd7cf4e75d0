import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Dns, DnsFailure } from '@postroad/plugin'
import { nodeResolver, unlessAborted } from './node-resolver.ts'

const answer = <T>(...records: T[]) => Promise.resolve({ records, secure: false, ttl: 1, canonical: 'x.example' })
const asked: string[] = []

const dns: Dns = {
  a: (name) =>
    name === 'alias.example'
      ? Promise.reject(Object.assign(new Error(), { code: 'NXDOMAIN', alias: true }))
      : answer('192.0.2.1'),
  aaaa: () => answer('2001:db8::1'),
  mx: () => answer({ preference: 10, exchange: 'mx.example' }),
  txt: (name) =>
    name.includes('.') ? answer('v=spf1') : Promise.reject(Object.assign(new Error(), { code: name.toUpperCase() })),
  ptr: (address) => {
    asked.push(address)
    return answer('host.example')
  },
  tlsa: () => answer(),
  cname: () => answer(),
}

test('records have the form of node:dns', async () => {
  const resolve = nodeResolver(dns)
  assert.deepEqual(await resolve('x.example', 'A'), ['192.0.2.1'])
  assert.deepEqual(await resolve('x.example', 'AAAA'), ['2001:db8::1'])
  assert.deepEqual(await resolve('x.example', 'TXT'), [['v=spf1']])
  assert.deepEqual(await resolve('x.example', 'MX'), [{ priority: 10, exchange: 'mx.example' }])
  assert.deepEqual(await resolve('1.2.0.192.in-addr.arpa', 'PTR'), ['host.example'])
  await resolve('1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa', 'PTR')
  assert.deepEqual(asked, ['192.0.2.1', '2001:0db8:0000:0000:0000:0000:0000:0001'])
  assert.deepEqual(await resolve('x.example', 'CNAME'), [])
  assert.deepEqual(await resolve('alias.example', 'CNAME'), ['.'])
  await assert.rejects(resolve('x.example', 'SRV'))
})

test('failures have the codes of node:dns, and a name that cannot exist is not asked', async () => {
  const codes: readonly (readonly [DnsFailure, string])[] = [
    ['NXDOMAIN', 'ENOTFOUND'],
    ['NODATA', 'ENODATA'],
    ['SERVFAIL', 'ESERVFAIL'],
    ['TIMEOUT', 'ETIMEOUT'],
    ['REFUSED', 'EREFUSED'],
    ['BUDGET', 'EBUDGET'],
  ]
  for (const [code, expected] of codes) await assert.rejects(nodeResolver(dns)(code, 'TXT'), { code: expected })
  await assert.rejects(nodeResolver(dns)('unheard-of', 'TXT'), { code: 'ESERVFAIL' })
  for (const name of ['a..b', `${'a'.repeat(64)}.example`, '', 'a.'.repeat(128)])
    await assert.rejects(nodeResolver(dns)(name, 'TXT'), { code: 'EBADNAME' })
})

test('waiting ends with the signal, whatever becomes of the work', async () => {
  const { signal } = new AbortController()
  assert.equal(await unlessAborted(Promise.resolve(1), signal), 1)
  await assert.rejects(unlessAborted(Promise.reject(new Error('broken')), signal), /broken/)
  const late = new AbortController()
  const waiting = unlessAborted(new Promise(() => undefined), late.signal)
  late.abort(new Error('time is up'))
  await assert.rejects(waiting, /time is up/)
  await assert.rejects(unlessAborted(Promise.reject(new Error('later')), AbortSignal.abort(new Error('gone'))), /gone/)
})
