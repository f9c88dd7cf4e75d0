import assert from 'node:assert/strict'
import { BlockList } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  AddressTable,
  DomainTable,
  domainName,
  domains,
  domainTest,
  glob,
  NetworkTable,
  networkOf,
  networks,
} from './index.ts'

test('a glob fits whole texts, in any case', () => {
  const table: [string, string, boolean][] = [
    ['a', 'A', true],
    ['a*', 'abc', true],
    ['*c', 'abc', true],
    ['a*c', 'abbc', true],
    ['a*c', 'abcd', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*a*b*', 'xxaxxbxx', true],
    ['**', '', true],
    ['', 'a', false],
    ['a.c', 'abc', false],
  ]
  for (const [pattern, text, expected] of table) assert.equal(glob(pattern)(text), expected, `${pattern} on ${text}`)
})

test('a glob says what the regular expression would say', () => {
  const texts = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 12 })
  const plain = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 })
  fc.assert(
    fc.property(texts, plain, (pattern, text) => {
      const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`)
      assert.equal(glob(pattern)(text), expression.test(text))
    }),
  )
})

test('a glob of many stars stays quick on a long text', () => {
  const start = performance.now()
  assert.equal(glob(`${'*a'.repeat(200)}b`)('a'.repeat(10_000)), false)
  assert.ok(performance.now() - start < 1_000)
})

test('RFC 4632 §3.1: the smallest network wins, and IPv4-mapped addresses are IPv4', () => {
  const table = new NetworkTable([
    ['0.0.0.0/0', 'all'],
    ['192.0.2.0/24', 'net'],
    ['192.0.2.7', 'host'],
    ['2001:db8::/32', 'doc'],
  ])
  assert.equal(table.find('192.0.2.7'), 'host')
  assert.equal(table.find('192.0.2.8'), 'net')
  assert.equal(table.find('::ffff:192.0.2.8'), 'net')
  assert.equal(table.find('::192.0.2.8'), undefined)
  assert.equal(table.find('::ffff:c000:208'), 'net')
  assert.equal(table.find('198.51.100.1'), 'all')
  assert.equal(table.find('2001:db8:ffff::1'), 'doc')
  assert.equal(table.find('2001:db9::1'), undefined)
  assert.equal(table.find(''), undefined)
  assert.equal(table.find('not an address'), undefined)
})

test('what is not a network is refused', () => {
  for (const text of ['', '/8', '10.0.0.0/33', '10.0.0/8', '::/129', 'example.com', '10.0.0.0/-1', '10.0.0.0/'])
    assert.throws(() => networks([text]), TypeError, text)
})

test('networks agree with those of Node', () => {
  const v6 = fc.ipV6().filter((text) => !/^[0:]+:ffff:/i.test(text))
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), v6), fc.nat(128), fc.oneof(fc.ipV4(), v6), (base, raw, address) => {
      const family = base.includes(':') ? 'ipv6' : 'ipv4'
      const length = family === 'ipv4' ? raw % 33 : raw
      const list = new BlockList()
      list.addSubnet(base, length, family)
      const own = networks([`${base}/${length}`])
      assert.equal(own(base), true)
      if ((address.includes(':') ? 'ipv6' : 'ipv4') === family) assert.equal(own(address), list.check(address, family))
    }),
  )
})

test('RFC 5952 §4: the network of an address, in canonical text', () => {
  const lengths = { v4: 24, v6: 64 }
  assert.equal(networkOf('192.0.2.99', lengths), '192.0.2.0/24')
  assert.equal(networkOf('::ffff:192.0.2.99', lengths), '192.0.2.0/24')
  assert.equal(networkOf('2001:DB8:0:1:2:3:4:5', lengths), '2001:db8:0:1::/64')
  assert.equal(networkOf('::1', { v4: 32, v6: 128 }), '::1/128')
  assert.equal(networkOf('', lengths), undefined)
})

test('RFC 5890 §2.3.2.1: names become lower-case A-labels', () => {
  assert.equal(domainName('Example.COM.'), 'example.com')
  assert.equal(domainName('Bücher.example'), 'xn--bcher-kva.example')
  for (const text of ['', '.', 'a..b', 'a b', 'a/b', 'user@example.com'])
    assert.equal(domainName(text), undefined, text)
})

test('of several domain patterns the most particular wins', () => {
  const table = new DomainTable([
    ['*', 'all'],
    ['*.example.com', 'below'],
    ['.deep.example.com', 'deep'],
    ['mx*.example.net', 'glob'],
    ['example.com', 'own'],
    ['constructor', 'a name'],
  ])
  assert.equal(table.find('example.com'), 'own')
  assert.equal(table.find('a.example.com'), 'below')
  assert.equal(table.find('a.deep.example.com'), 'deep')
  assert.equal(table.find('deep.example.com'), 'below')
  assert.equal(table.find('mx7.example.net'), 'glob')
  assert.equal(table.find('__proto__'), 'all')
  assert.equal(table.find('constructor'), 'a name')
})

test('of several address patterns the most particular wins', () => {
  const table = new AddressTable([
    ['*', 'all'],
    ['<>', 'null'],
    ['postmaster@', 'any postmaster'],
    ['postmaster', 'the bare one'],
    ['example.com', 'domain'],
    ['*.example.com', 'below'],
    ['*-list@example.com', 'lists'],
    ['sales@example.com', 'sales'],
    ['sales+eu@example.com', 'sales in Europe'],
    ['"a b"@example.com', 'quoted'],
  ])
  const find = (local: string, domain: string) => table.find({ local, domain })
  assert.equal(find('Sales', 'example.com')?.value, 'sales')
  assert.equal(find('sales+EU', 'example.com')?.value, 'sales in Europe')
  assert.deepEqual(find('sales+Asia', 'example.com'), { pattern: 'sales@example.com', value: 'sales', detail: 'Asia' })
  assert.equal(find('dev-list', 'example.com')?.value, 'lists')
  assert.equal(find('a b', 'example.com')?.value, 'quoted')
  assert.equal(find('other', 'example.com')?.value, 'domain')
  assert.equal(find('other', 'a.example.com')?.value, 'below')
  assert.equal(find('postmaster', 'example.net')?.value, 'any postmaster')
  assert.equal(find('postmaster', '')?.value, 'the bare one')
  assert.equal(find('x', 'example.net')?.value, 'all')
  assert.equal(table.find(undefined)?.value, 'null')
})

test('without a separator a plus sign is a letter like any other', () => {
  const table = new AddressTable([['sales@example.com', 1]], '')
  assert.equal(table.find({ local: 'sales+eu', domain: 'example.com' }), undefined)
})

test('any text is looked up without an error', () => {
  const table = new AddressTable([
    ['*@*.example.com', 1],
    ['a*@b', 2],
  ])
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (local, domain) => void table.find({ local, domain })),
  )
})

test('RFC 6532 §3.1: a local part beyond ASCII fits in any normal form and case', () => {
  const table = new AddressTable([
    ['J\u00fcrgen@example.com', 'exact'],
    ['*-\u00fc@example.com', 'glob'],
  ])
  assert.equal(table.find({ local: 'ju\u0308rgen+x', domain: 'example.com' })?.value, 'exact')
  assert.equal(table.find({ local: 'list-u\u0308', domain: 'example.com' })?.value, 'glob')
})

test('patterns match a domain, what is below it, or all', () => {
  const all = ['example.com', '*.example.com', '*'].map((pattern) =>
    ['example.com', 'a.example.com', 'badexample.com'].map((domain) => domainTest(pattern)(domain)),
  )
  assert.deepEqual(all, [
    [true, false, false],
    [false, true, false],
    [true, true, true],
  ])
})

test('one pattern says what a table of it says', () => {
  const names = [
    'example.com',
    'a.example.com',
    'b.a.example.com',
    'example.net',
    'xn--bcher-kva.example',
    'mx.xn--bcher-kva.example',
  ]
  for (const pattern of [
    ...names,
    '*',
    '*.example.com',
    '.example.com',
    '*.a.example.com',
    'b*.com',
    'EXAMPLE.com',
    'bücher.example',
    '*.Bücher.example',
  ])
    for (const name of names) assert.equal(domainTest(pattern)(name), domains([pattern])(name), `${pattern} on ${name}`)
  assert.equal(domainTest('/run/lmtp')('/run/lmtp'), true)
})

test('RFC 4291 §2.5.5.2: a network of IPv4-mapped addresses is one of IPv4', () => {
  const isIn = networks(['::ffff:192.0.2.0/120'])
  assert.deepEqual(['192.0.2.7', '::ffff:192.0.2.7', '192.0.3.7'].map(isIn), [true, true, false])
})

for (const pattern of [
  '@',
  '@@',
  'user@@x.example',
  'a b@x.example',
  'a@b@x.example',
  'a,b@x.example',
  '<a@x.example>',
  'a@x y',
  '*@x y',
  'a\n@x.example',
  'a@*.x,y',
  '',
])
  test(`${JSON.stringify(pattern)} is no address pattern, and says so`, () => {
    assert.throws(() => new AddressTable([[pattern, 1]]), TypeError)
  })

test('a quoted local part may have anything in it, and international ones are patterns like others', () => {
  const table = new AddressTable([['"a b"@x.example', 1], ['"a@b"@x.example', 2], ['jörg@bücher.example', 3], ['j?rg*@*.example', 4]]) // biome-ignore format: a table
  assert.equal(table.find({ local: 'a b', domain: 'x.example' })?.value, 1)
  assert.equal(table.find({ local: 'a@b', domain: 'x.example' })?.value, 2)
  assert.equal(table.find({ local: 'Jörg', domain: 'xn--bcher-kva.example' })?.value, 3)
  assert.equal(table.find({ local: 'karl', domain: 'y.example' })?.value, undefined)
  assert.equal(table.find({ local: 'jorg.x', domain: 'y.example' })?.value, 4)
})
