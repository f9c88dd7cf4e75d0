import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zoneDns } from '@postroad/dns'
import { bestMailHosts } from './mx.ts'

test('the best mail hosts of a domain are those of the smallest preference, in the order of their names', async () => {
  const dns = zoneDns({
    'to.test': { MX: [[20, 'spare.test'], [10, 'MX2.to.test.'], [10, 'mx1.to.test']] }, // biome-ignore format: a table
    'implicit.test': { A: ['127.0.0.2'] },
    'null.test': { MX: [[0, '.']] },
    'silent.test': { MX: 'SERVFAIL' },
  })
  assert.deepEqual(await bestMailHosts('to.test', dns), ['mx1.to.test', 'mx2.to.test'])
  assert.deepEqual(await bestMailHosts('implicit.test', dns), ['implicit.test'])
  assert.deepEqual(await bestMailHosts('[IPv6:::1]', dns), ['::1'])
  for (const domain of ['null.test', 'silent.test', 'unknown.test', '[nobody]', ''])
    await assert.rejects(bestMailHosts(domain, dns))
})
