import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { type Zone, zoneDns } from '@postroad/dns'
import { DeliveryHooks, Dns, definePlugin, type TlsAnswer, type TlsQuestion } from '@postroad/plugin'
import { createTestServer } from '@postroad/testing'
import { identities } from '../../../test/tls/certificate.ts'
import { mtaSts } from './mta-sts.ts'

const question: TlsQuestion = {
  domain: 'dane.test',
  canonicalDomain: 'dane.test',
  host: { name: 'mx.dane.test', isSecure: false },
  address: '192.0.2.1',
  isAddressSecure: false,
  canonical: 'mx.dane.test',
  port: 25,
  isRequired: false,
}

const policyOf = (mode: string, mx: string) => `version: STSv1\r\nmode: ${mode}\r\nmx: ${mx}\r\nmax_age: 86400\r\n`
const RECORD: Zone = { '_mta-sts.dane.test': { TXT: ['v=STSv1; id=1'] } }

interface World {
  text: string
  fetches: number
  advance(ms: number): Promise<void>
  ask(more?: Partial<TlsQuestion>): Promise<string>
  answer(more?: Partial<TlsQuestion>): TlsAnswer | undefined | Promise<TlsAnswer | undefined>
}

/** The plugin, and a web server with the policy of dane.test. */
async function withSts(zone: Zone, work: (world: World) => Promise<void>): Promise<void> {
  const { key, cert } = identities.wildLeaf
  const web = createServer({ key, cert: cert + identities.intermediate.cert }, (_, response) => {
    world.fetches++
    response.writeHead(200, { 'content-type': 'text/plain' }).end(world.text)
  })
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  const { port } = web.address() as AddressInfo // it listens on a port
  let hooks: DeliveryHooks | undefined
  const asker = definePlugin({
    name: 'a-queue',
    needs: { hooks: DeliveryHooks },
    setup: (context) => {
      hooks = context.hooks
      return {}
    },
  })
  const dns = zoneDns({ 'mta-sts.dane.test': { A: ['127.0.0.1'] }, ...zone })
  const sts = mtaSts({ port, ca: identities.root.cert, allow: ['127.0.0.0/8'] })
  const server = await createTestServer([asker(), sts], { services: [[Dns, dns]] })
  const world: World = {
    text: policyOf('enforce', 'mx.dane.test'),
    fetches: 0,
    advance: (ms) => server.clock.advance(ms),
    answer: (more = {}) => (hooks ?? assert.fail()).tls({ ...question, ...more }),
    async ask(more) {
      const answer = await world.answer(more)
      if (answer === undefined) return 'nothing'
      return 'refusal' in answer ? `left out ${answer.refusal.code}` : answer.mode
    },
  }
  try {
    await work(world)
  } finally {
    await server.close()
    web.closeAllConnections()
    web.close()
  }
}

test('RFC 8461 §5: a host that the policy names gets mail under TLS with a certificate for its name, and another one gets none', async () => {
  await withSts(RECORD, async (world) => {
    assert.equal(await world.ask(), 'required')
    assert.equal(await world.ask({ host: { name: 'other.test', isSecure: true } }), 'left out 451')
    // Known by now: the answer is there at once, and is the same object.
    const answer = world.answer()
    assert.ok(answer && 'mode' in answer && answer.isHostAuthentic && answer.source === 'sts')
    assert.equal(world.answer(), answer)
    assert.equal(world.fetches, 1)
  })
})

test('RFC 8461 §5: with testing mail goes as it would without, and the policy is noted', async () => {
  await withSts(RECORD, async (world) => {
    world.text = policyOf('testing', 'mx.dane.test')
    assert.equal(await world.ask(), 'opportunistic')
    assert.equal(await world.ask({ host: { name: 'other.test', isSecure: false } }), 'opportunistic')
  })
})

test('a domain without a policy, with one that is none, or with two records has nothing to say', async () => {
  for (const entry of [undefined, 'NXDOMAIN', { TXT: ['x'] }, { TXT: ['v=STSv1; id=1', 'v=STSv1; id=2'] }] as const)
    await withSts(entry === undefined ? {} : { '_mta-sts.dane.test': entry }, async (world) =>
      assert.equal(await world.ask(), 'nothing'),
    )
  await withSts(RECORD, async (world) => {
    world.text = policyOf('none', 'mx.dane.test')
    assert.equal(await world.ask(), 'nothing')
  })
})

test('RFC 8461 §5.1: before a host is ruled out the policy is fetched once more, though its id is the same', async () => {
  await withSts(RECORD, async (world) => {
    assert.equal(await world.ask(), 'required')
    world.text = policyOf('enforce', '*.new.test')
    const moved = { host: { name: 'mx.new.test', isSecure: false } }
    // Fetched a moment ago: it is not asked again for each message.
    assert.equal(await world.ask(moved), 'left out 451')
    assert.equal(world.fetches, 1)
    await world.advance(120_000)
    assert.deepEqual([await world.ask(moved), world.fetches], ['required', 2])
    // And not for each host that is not named.
    for (let n = 0; n < 3; n++) assert.equal(await world.ask(), 'left out 451')
    assert.equal(world.fetches, 2)
  })
})

test('a policy that cannot be had stops no mail, but that of who demands TLS', async () => {
  for (const [zone, text, expected] of [
    [{ ...RECORD, 'mta-sts.dane.test': 'SERVFAIL' }, '', 'opportunistic sts-policy-fetch-error'],
    [RECORD, 'garbage', 'opportunistic sts-policy-invalid'],
    // Whether there is one nobody knows: a domain without is not reported as one with a fault.
    [{ '_mta-sts.dane.test': 'SERVFAIL' }, '', 'nothing '],
  ] as const)
    await withSts(zone, async (world) => {
      world.text = text
      for (let time = 0; time < 2; time++) {
        const mode = await world.ask()
        const answer = await world.answer()
        const said = answer && 'authenticate' in answer ? answer.authenticate?.({ chain: [] } as never) : undefined
        assert.equal(`${mode} ${said && 'failure' in said ? said.failure : ''}`, expected)
        assert.equal(
          answer && 'isAdvice' in answer ? answer.isAdvice : undefined,
          mode === 'nothing' ? undefined : true,
        )
      }
      assert.equal(await world.ask({ isRequired: true }), 'left out 451')
    })
})

test('RFC 8461 §2: with a relay the policy is that of the relay; an address has none', async () => {
  await withSts(RECORD, async (world) => {
    const relay = { domain: undefined, host: { name: 'dane.test', isSecure: false } }
    world.text = policyOf('enforce', 'dane.test')
    assert.equal(await world.ask(relay), 'required')
    for (const more of [{ domain: '[192.0.2.1]' }, { domain: undefined, host: { name: '192.0.2.1', isSecure: false } }])
      assert.equal(await world.ask(more), 'nothing')
  })
})
