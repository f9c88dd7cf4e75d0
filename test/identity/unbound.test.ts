/** `@postroad/dns` against a real recursive resolver, with zones of its own: it never asks the world. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDns, type Resolver } from '@postroad/dns'
import { freePorts } from '../interop/loopback.ts'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'

const skip = requires('unbound')
const LONG = 'x'.repeat(250)

const zone = [
  'zone.example. 300 IN SOA ns.zone.example. h.zone.example. 1 2 3 4 60',
  'zone.example. 300 IN MX 10 mx.zone.example.',
  'zone.example. 300 IN TXT "v=spf1 " "-all"',
  `long.zone.example. 300 IN TXT ${`"${LONG}" `.repeat(16)}`,
  'mx.zone.example. 120 IN A 192.0.2.1',
  'mx.zone.example. 120 IN AAAA 2001:db8::1',
  'null.zone.example. 300 IN MX 0 .',
  '_25._tcp.mx.zone.example. 300 IN TLSA 3 1 1 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20',
]

let folder: string
let unbound: ChildProcess | undefined
let dns: Resolver

before(async () => {
  if (skip) return
  folder = await mkdtemp(join(tmpdir(), 'postroad-unbound-'))
  const [port = 0, dead = 0] = await freePorts(2)
  const conf = [
    'server:',
    `  directory: "${folder}"`,
    '  chroot: ""',
    '  username: ""',
    '  pidfile: ""',
    '  use-syslog: no',
    '  interface: 127.0.0.1',
    `  port: ${port}`,
    '  do-ip6: no',
    '  do-not-query-localhost: no',
    '  module-config: "iterator"',
    '  local-zone: "." static',
    '  local-zone: "zone.example." static',
    '  local-zone: "dead.example." transparent',
    ...zone.map((record) => `  local-data: '${record}'`),
    '  local-data-ptr: "192.0.2.1 mx.zone.example"',
    'forward-zone:',
    '  name: "dead.example."',
    `  forward-addr: 127.0.0.1@${dead}`,
    'remote-control:',
    '  control-enable: no',
  ]
  await writeFile(join(folder, 'unbound.conf'), `${conf.join('\n')}\n`)
  unbound = spawn(programPath('unbound'), ['-d', '-c', join(folder, 'unbound.conf')], { stdio: 'ignore' })
  dns = createDns({ servers: [`127.0.0.1:${port}`] })
  for (let tries = 0; tries < 50 && !(await dns.a('mx.zone.example').then(Boolean, () => false)); tries++) {
    dns.flush()
    await sleep(100)
  }
})

after(async () => {
  if (unbound === undefined) return
  unbound.kill()
  await once(unbound, 'exit')
  await rm(folder, { recursive: true })
})

const code = (expected: string) => (error: { code?: string }) => error.code === expected

test('records of every type are read as they were written', { skip }, async () => {
  assert.deepEqual((await dns.mx('zone.example')).records, [{ preference: 10, exchange: 'mx.zone.example' }])
  assert.deepEqual((await dns.mx('null.zone.example')).records, [{ preference: 0, exchange: '' }])
  assert.deepEqual((await dns.txt('ZONE.example.')).records, ['v=spf1 -all'])
  assert.deepEqual((await dns.a('mx.zone.example')).records, ['192.0.2.1'])
  assert.deepEqual((await dns.aaaa('mx.zone.example')).records, ['2001:db8::1'])
  assert.deepEqual((await dns.ptr('192.0.2.1')).records, ['mx.zone.example'])
  const [tlsa] = (await dns.tlsa('_25._tcp.mx.zone.example')).records
  assert.deepEqual([tlsa?.usage, tlsa?.selector, tlsa?.matching, tlsa?.data.length], [3, 1, 1, 32])
})

test('RFC 7766 §5: an answer too long for UDP comes over TCP', { skip }, async () => {
  const before = dns.stats().tcp
  assert.deepEqual((await dns.txt('long.zone.example')).records, [LONG.repeat(16)])
  assert.equal(dns.stats().tcp, before + 1)
})

test('RFC 2308 §5: a denial is kept as long as the SOA says, and a second question does not leave the process', {
  skip,
}, async () => {
  await assert.rejects(dns.a('nobody.zone.example'), code('NXDOMAIN'))
  await assert.rejects(dns.txt('mx.zone.example'), code('NODATA'))
  const { sent } = dns.stats()
  await assert.rejects(dns.a('nobody.zone.example'), code('NXDOMAIN'))
  await assert.rejects(dns.txt('mx.zone.example'), code('NODATA'))
  assert.equal(dns.stats().sent, sent)
})

test('a zone whose servers do not answer is a failure, within the deadline', { skip }, async () => {
  const start = Date.now()
  await assert.rejects(
    dns.a('x.dead.example'),
    (error: { code?: string }) => error.code === 'SERVFAIL' || error.code === 'TIMEOUT',
  )
  assert.ok(Date.now() - start < 8000)
})
