/** What a destination that is known costs before each delivery: no question, no promise, and next to no time. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { dane } from '@postroad/dane'
import { createDns } from '@postroad/dns'
import { mtaSts } from '@postroad/mta-sts'
import { DeliveryHooks, Dns, definePlugin, type TlsQuestion } from '@postroad/plugin'
import { createTestServer } from '@postroad/testing'

const ROUNDS = 20
const CALLS = 2_000
const LIMIT_US = 10

const question = (domain: string, isSecure: boolean): TlsQuestion => ({
  domain,
  canonicalDomain: domain,
  host: { name: `mx.${domain}`, isSecure },
  address: '192.0.2.1',
  isAddressSecure: isSecure,
  canonical: `mx.${domain}`,
  port: 25,
  isRequired: false,
})

test('the policy of a destination that is known takes at most 10 µs and asks DNS nothing', async () => {
  let questions = 0
  const data = createHash('sha256').update('x').digest()
  const dns = createDns({
    servers: ['127.0.0.1'],
    exchange: async (_, { type, name }) => {
      questions++
      const isThere = type === 'TLSA'
      const records = isThere ? [{ usage: 3, selector: 1, matching: 1, data }] : []
      return { type, records, code: isThere ? 'NOERROR' : 'NXDOMAIN', secure: true, ttl: 3_600, alias: false, truncated: false, canonical: name } // biome-ignore format: one line
    },
  })
  let hooks: DeliveryHooks | undefined
  const asker = definePlugin({
    name: 'a-queue',
    needs: { hooks: DeliveryHooks },
    setup: (context) => {
      hooks = context.hooks
      return {}
    },
  })
  const server = await createTestServer([asker(), dane({ probe: false }), mtaSts()], { services: [[Dns, dns]] })
  for (const [one, source] of [
    [question('signed.test', true), 'dane'],
    [question('unsigned.test', false), undefined],
  ] as const) {
    const first = await hooks?.tls(one)
    assert.equal(first && 'source' in first ? first.source : undefined, source)
    const before = questions
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < ROUNDS; round++) {
      const begun = performance.now()
      for (let call = 0; call < CALLS; call++)
        if (hooks?.tls(one) !== first) assert.fail('another answer, or a promise')
      best = Math.min(best, ((performance.now() - begun) * 1_000) / CALLS)
    }
    assert.equal(questions, before)
    assert.ok(best <= LIMIT_US, `${best.toFixed(1)} µs`)
  }
  await server.close()
})
