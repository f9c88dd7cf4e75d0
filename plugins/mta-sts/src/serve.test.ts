import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Zone, zoneDns } from '@postroad/dns'
import type { HealthFinding } from '@postroad/plugin'
import type { StsFetched } from '@postroad/tls-policy'
import { servedCheck, servedPolicies } from './serve.ts'

const policies = servedPolicies({ 'dane.test': { mode: 'enforce', mx: ['mx.dane.test'], maxAge: 86_400_000 } })
const [served] = policies.values()
const id = served?.id ?? ''

const ZONE: Zone = {
  'dane.test': { MX: [[10, 'mx.dane.test']] },
  '_mta-sts.dane.test': { TXT: [`v=STSv1; id=${id};`] },
}

async function ask(zone: Zone, fetched?: StsFetched): Promise<readonly HealthFinding[]> {
  const outside = {
    dns: zoneDns({ ...ZONE, ...zone }),
    fetch: async () => fetched ?? { policy: served?.policy ?? assert.fail() },
  }
  return servedCheck(policies, outside).run(new AbortController().signal)
}

const TABLE: readonly (readonly [what: string, zone: Zone, fetched: StsFetched | undefined, said: RegExp])[] = [
  ['record, policy and MX agree', {}, undefined, /^ok enforce, id /],
  ['the record has another id', { '_mta-sts.dane.test': { TXT: ['v=STSv1; id=1;'] } }, undefined, /^fault The record has the id 1/],
  ['there is no record', { '_mta-sts.dane.test': 'NXDOMAIN' }, undefined, /^fault There is no valid record: publish /],
  ['MX names a host that the policy does not', { 'dane.test': { MX: [[10, 'new.dane.test']] } }, undefined, /^fault The policy does not name new\.dane\.test/],
  ['nobody can have the policy', {}, { failure: 'sts-policy-fetch-error', reason: '404' }, /^fault https:.* cannot be had: 404$/],
  ['another policy is served', {}, { policy: { mode: 'testing', mx: ['mx.dane.test'], maxAge: 86_400 } }, /^fault What is served at mta-sts\.dane\.test is another/],
  ['DNS does not answer at all', { 'dane.test': 'SERVFAIL', '_mta-sts.dane.test': 'SERVFAIL' }, { failure: 'sts-policy-fetch-error', reason: 'SERVFAIL' }, /^remark DNS does not say what MX.* \(and 2 more\)$/],
  ['of half of it DNS says nothing, and the other half is wrong', { 'dane.test': 'SERVFAIL', '_mta-sts.dane.test': { TXT: ['v=STSv1; id=1;'] } }, undefined, /^fault The record has the id 1.* \(and 1 more\)$/],
] // biome-ignore format: a table

for (const [what, zone, fetched, said] of TABLE)
  test(`RFC 8461 §3, mta-sts-served: ${what}`, async () => {
    const [finding, ...more] = await ask(zone, fetched)
    assert.match(`${finding?.state} ${finding?.evidence}`, said)
    assert.deepEqual([finding?.subject, more], ['dane.test', []])
    if (finding?.state !== 'ok') assert.match(finding?.fix ?? '', /`postroad mta-sts check dane\.test`/)
  })
