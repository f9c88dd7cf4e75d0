import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDns, type Zone, zoneDns } from '@postroad/dns'
import { type CommandIo, DeliveryHooks, Dns, definePlugin, type TlsQuestion } from '@postroad/plugin'
import { createTestServer } from '@postroad/testing'
import { dane } from './dane.ts'

const record = { usage: 3, selector: 1, matching: 1, data: Buffer.alloc(32, 1) }
const PROOF: Zone = { 'ietf.org': { TXT: ['x'], secure: true }, 'dnssec-failed.org': 'SERVFAIL' }
const HOST: Zone = { '_25._tcp.mx.dane.test': { TLSA: [record], secure: true } }

const question: TlsQuestion = {
  domain: 'dane.test',
  canonicalDomain: 'dane.test',
  host: { name: 'mx.dane.test', isSecure: true },
  address: '192.0.2.1',
  isAddressSecure: true,
  canonical: 'mx.dane.test',
  port: 25,
  isRequired: false,
}

async function withDane(dns: Dns, options: Parameters<typeof dane>[0] = {}) {
  let hooks: DeliveryHooks | undefined
  const asker = definePlugin({
    name: 'a-queue',
    needs: { hooks: DeliveryHooks },
    setup: (context) => {
      hooks = context.hooks
      return {}
    },
  })
  const server = await createTestServer([asker(), dane(options)], { services: [[Dns, dns]] })
  // The resolver is proven beside the start, which does not wait for it.
  await new Promise((resolve) => setTimeout(resolve, 20))
  return {
    server,
    ask: (more: Partial<TlsQuestion> = {}) => (hooks ?? assert.fail()).tls({ ...question, ...more }),
    lines: () => server.lines.filter(({ plugin }) => plugin === 'dane').map(({ level, text }) => `${level} ${text}`),
    async check() {
      const rows: object[] = []
      const io: CommandIo = {
        json: false,
        print: () => {},
        row: (fields) => void rows.push(fields),
        signal: AbortSignal.timeout(5_000),
      }
      return { code: await server.server.commands.get('dane')?.['check']?.run([], io), rows }
    },
  }
}

test('a host with signed records gets mail only as they say, and the records are asked for once', async () => {
  let asked = 0
  const answer = {
    type: 'TLSA',
    records: [record],
    code: 'NOERROR',
    truncated: false,
    secure: true,
    ttl: 60,
    alias: false,
  } as const
  const dns = createDns({
    servers: ['127.0.0.1'],
    exchange: async (_, query) => {
      if (query.type === 'TLSA') asked++
      const name = query.name === 'dnssec-failed.org' ? 'SERVFAIL' : 'NOERROR'
      return { ...answer, canonical: query.name, code: name, records: query.type === 'TLSA' ? [record] : ['x'] }
    },
  })
  const { server, ask } = await withDane(dns)
  const first = await ask()
  assert.ok(
    first &&
      'mode' in first &&
      first.mode === 'required' &&
      first.source === 'dane' &&
      first.servername === 'mx.dane.test',
  )
  // At once, and the same object: no promise, no question, no new key for the pool.
  assert.equal(ask(), first)
  assert.equal(asked, 1)
  await server.close()
})

test('where nothing is signed nobody waits, and nothing is asked', async () => {
  const dns = zoneDns({ ...PROOF, ...HOST })
  const { server, ask } = await withDane(dns)
  const before = dns.questions.length
  assert.equal(ask({ host: { name: 'mx.dane.test', isSecure: false } }), undefined)
  assert.equal(ask({ isAddressSecure: false }), undefined)
  assert.equal(dns.questions.length, before)
  await server.close()
})

test('a host of which nothing can be known is left out for now', async () => {
  const { server, ask } = await withDane(zoneDns({ ...PROOF, '_25._tcp.mx.dane.test': 'SERVFAIL' }))
  const answer = await ask()
  assert.ok(answer && 'refusal' in answer && answer.refusal.code === 451 && answer.failure === 'dnssec-invalid')
  await server.close()
})

test('a resolver that does not validate turns DANE off, and that is said', async () => {
  for (const zone of [
    { 'ietf.org': { TXT: ['x'] } },
    { ...PROOF, 'dnssec-failed.org': { A: ['192.0.2.1'] } },
  ] as const) {
    const { server, ask, lines, check } = await withDane(zoneDns({ ...zone, ...HOST }))
    assert.equal(ask(), undefined)
    assert.deepEqual(lines(), ['error DANE is off: the resolver does not validate DNSSEC'])
    assert.equal((await check()).code, 1)
    await server.close()
  }
})

test('DNSSEC that breaks later is told once, defers mail and sends none in the clear; when it is mended that is told, too', async () => {
  const zone: Record<string, Zone[string]> = { ...PROOF, ...HOST }
  let broken = false
  const good = zoneDns(zone)
  const bad = zoneDns({ 'ietf.org': 'SERVFAIL', 'dnssec-failed.org': 'SERVFAIL', '_25._tcp.mx.dane.test': 'SERVFAIL' })
  const dns = new Proxy(good, { get: (_, key) => Reflect.get(broken ? bad : good, key).bind?.(broken ? bad : good) })
  const { server, ask, lines } = await withDane(dns)
  const settle = () => new Promise((resolve) => setTimeout(resolve, 20))
  broken = true
  for (let looks = 0; looks < 4; looks++) {
    await server.clock.advance(300_000)
    await settle()
  }
  const told = 'error DNSSEC is broken: the resolver answers no signed name, and mail that depends on it is deferred'
  assert.deepEqual(lines(), [told])
  const answer = await ask()
  assert.ok(answer && 'refusal' in answer && answer.refusal.code === 451)
  broken = false
  await server.clock.advance(300_000)
  await settle()
  assert.deepEqual(lines(), [told, 'info DANE is on'])
  await server.close()
})

test('a resolver that is only silent is no reason to send in the clear', async () => {
  const { server, ask, lines } = await withDane(zoneDns({ 'ietf.org': 'TIMEOUT', '_25._tcp.mx.dane.test': 'TIMEOUT' }))
  const answer = await ask()
  assert.ok(answer && 'refusal' in answer)
  assert.deepEqual(lines(), ['warn it is not known whether the resolver validates DNSSEC'])
  await server.close()
})

test('a resolver that validates is silent about it, says so when asked, and need not be asked', async () => {
  const { server, lines, check } = await withDane(zoneDns({ ...PROOF, ...HOST }))
  assert.deepEqual(lines(), [])
  const { code, rows } = await check()
  assert.deepEqual([code, rows.length], [0, 1])
  await server.close()
  const believed = await withDane(zoneDns(HOST), { probe: false })
  assert.ok((await believed.ask()) !== undefined)
  await believed.server.close()
})
