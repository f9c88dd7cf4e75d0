import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp } from '@postroad/listener'
import fc from 'fast-check'
import { networkList } from '../config/network.ts'
import { parseProxyHeader } from './proxy-header.ts'

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const V2_TCP4 = Buffer.from(`${SIGNATURE}2111000cc0000201c6336402d43100197465`, 'hex')
const V2_TCP6 = Buffer.from(
  `${SIGNATURE}21210024${'20010db8000000000000000000000001'}${'20010db8000000000000000000000002'}d4310019`,
  'hex',
)
const ENDS = {
  remote: { address: '192.0.2.1', port: 54321 },
  local: { address: '198.51.100.2', port: 25 },
  isProbe: false,
}
const UNKNOWN_CLIENT = { remote: { address: 'unknown', port: 0 }, local: undefined, isProbe: false }

for (const [name, octets, header] of [
  ['version 1, TCP4', 'PROXY TCP4 192.0.2.1 198.51.100.2 54321 25\r\n', ENDS],
  [
    'version 1, TCP6',
    'PROXY TCP6 2001:DB8::1 ::ffff:198.51.100.2 54321 25\r\n',
    { ...ENDS, remote: { address: '2001:db8::1', port: 54321 } },
  ],
  ['version 1, UNKNOWN', 'PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n', UNKNOWN_CLIENT],
  ['version 2, TCP4', V2_TCP4.subarray(0, 28), ENDS],
  [
    'version 2, TCP6',
    V2_TCP6,
    { ...ENDS, remote: { address: '2001:db8::1', port: 54321 }, local: { address: '2001:db8::2', port: 25 } },
  ],
  ['version 2, LOCAL', Buffer.from(`${SIGNATURE}20000000`, 'hex'), { ...UNKNOWN_CLIENT, isProbe: true }],
  [
    'version 2, LOCAL with addresses',
    Buffer.from(`${SIGNATURE}2011000c7f0000017f00000100190019`, 'hex'),
    { ...UNKNOWN_CLIENT, isProbe: true },
  ],
  ['version 2, UNSPEC', Buffer.from(`${SIGNATURE}21000000`, 'hex'), UNKNOWN_CLIENT],
  ['version 2, a UNIX socket', Buffer.from(`${SIGNATURE}213100d8${'00'.repeat(216)}`, 'hex'), UNKNOWN_CLIENT],
  ['version 2, with TLVs', Buffer.from(`${SIGNATURE}21110010c0000201c6336402d431001904000100`, 'hex'), ENDS],
] as const)
  test(`PROXY protocol §2: ${name} is read, however it is cut`, () => {
    const bytes = Buffer.concat([Buffer.from(octets), Buffer.from('EHLO x\r\n')])
    const length = Buffer.from(octets).length
    for (let i = 0; i < length; i++) assert.equal(parseProxyHeader(bytes.subarray(0, i)), 'more', String(i))
    for (let i = length; i <= bytes.length; i++)
      assert.deepEqual(parseProxyHeader(bytes.subarray(0, i)), { header, length })
  })

for (const text of [
  'EHLO x\r\n',
  'PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n',
  'PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n',
  'PROXY TCP4 0300.0.2.1 198.51.100.2 1 2\r\n',
  `PROXY TCP4 ${'1'.repeat(120)}`,
  `${Buffer.from(SIGNATURE, 'hex').toString('latin1')}\x31\x11\x00\x0c${'x'.repeat(12)}`,
  `${Buffer.from(SIGNATURE, 'hex').toString('latin1')}\x21\x11\xff\xff`,
  `${Buffer.from(SIGNATURE, 'hex').toString('latin1')}\x21\x11\x00\x04abcd`,
])
  test(`PROXY protocol §2: ${JSON.stringify(text.slice(0, 50))} is not a header`, () => {
    assert.equal(parseProxyHeader(Buffer.from(text, 'latin1')), 'bad')
  })

test('the header parser never throws', () => {
  const begins = fc.constantFrom(
    '',
    'PROXY ',
    'PROXY TCP4 ',
    Buffer.from(SIGNATURE, 'hex').toString('latin1'),
    `${V2_TCP4.toString('latin1')}`,
  )
  fc.assert(
    fc.property(begins, fc.uint8Array({ maxLength: 60 }), (begin, rest) => {
      parseProxyHeader(Buffer.concat([Buffer.from(begin, 'latin1'), rest]))
    }),
  )
})

test('a network list knows addresses, networks, IPv4 in IPv6, and UNIX sockets', () => {
  const list = networkList(['192.0.2.0/24', '2001:db8::/32', '198.51.100.7', 'unix'])
  for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '2001:db8::1', '198.51.100.7', ''])
    assert.ok(list(address), address)
  for (const address of ['192.0.3.1', '2001:db9::1', '198.51.100.8', 'nonsense']) assert.ok(!list(address), address)
  assert.equal(networkList([])('192.0.2.1'), false)
  assert.throws(() => networkList(['192.0.2.0/33']), TypeError)
  assert.throws(() => networkList(['example.com']), TypeError)
})

test('addresses come in one form', () => {
  assert.equal(parseIp('2001:DB8:0::1'), '2001:db8::1')
  assert.equal(parseIp('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(parseIp('1.2'), undefined)
  assert.equal(parseIp('0x7f.1'), undefined)
})
