import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StsPolicy } from './sts-policy.ts'
import { adviseSts, type SeenSts, serveSts } from './sts-serve.ts'

const policy: StsPolicy = { mode: 'enforce', mx: ['mx.example.org', '*.backup.example.org'], maxAge: 604_800 }
const served = serveSts(policy)
const right: SeenSts = {
  texts: [`v=STSv1; id=${served.id};`],
  fetched: { policy },
  mx: ['mx.example.org', 'a.backup.example.org'],
}
const advise = (more: Partial<SeenSts>) => adviseSts('example.org', served, { ...right, ...more }).join('\n')

test('RFC 8461 §3.2: the policy is written as others read it, and its id is another when it is another', () => {
  assert.equal(
    served.text,
    'version: STSv1\r\nmode: enforce\r\nmx: mx.example.org\r\nmx: *.backup.example.org\r\nmax_age: 604800\r\n',
  )
  assert.match(served.id, /^[0-9a-f]{20}$/)
  assert.equal(serveSts({ ...policy }).id, served.id)
  assert.notEqual(serveSts({ ...policy, mode: 'testing' }).id, served.id)
})

test('a policy that others would not understand is a mistake', () => {
  assert.throws(() => serveSts({ ...policy, mx: [] }), /the mode is enforce, and no mx is named/)
  assert.throws(() => serveSts({ ...policy, mx: ['not a host'] }), /mx is no name of a host/)
})

test('nothing is said where record, served policy and MX agree', () => {
  assert.equal(advise({}), '')
})

test('an MX host that the policy does not name comes first: its mail stops', () => {
  assert.match(
    advise({ mx: ['mx.example.org', 'new.example.org'], texts: [] }),
    /^The policy does not name new\.example\.org/,
  )
  const none = serveSts({ mode: 'none', mx: [], maxAge: 86_400 })
  const seen = { ...right, texts: [`v=STSv1; id=${none.id}`], fetched: { policy: none.policy } }
  assert.deepEqual(adviseSts('example.org', none, { ...seen, mx: ['any.test'] }), [])
})

test('what is served, and the id of the record, are held against the policy', () => {
  assert.match(advise({ fetched: { policy: { ...policy, maxAge: 1 } } }), /another policy than this one/)
  assert.match(
    advise({ fetched: { failure: 'sts-policy-fetch-error', reason: 'answered 404' } }),
    /cannot be had: answered 404/,
  )
  assert.match(
    advise({ texts: ['v=STSv1; id=old'] }),
    /^The record has the id old, of another policy: publish _mta-sts\.example\.org\. IN TXT "v=STSv1; id=[0-9a-f]{20};"$/,
  )
  assert.match(advise({ texts: [] }), /^There is no valid record: publish /)
  assert.match(advise({ texts: undefined, mx: undefined }), /DNS does not say what MX[\s\S]*DNS does not say whether/)
})
