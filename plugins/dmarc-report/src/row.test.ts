import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Dkim, Dmarc } from '@postroad/authres'
import { publishedOf, recordsOf } from './report.ts'
import { coarseRow, type Evidence, rowOf, rowOfText } from './row.ts'

const dmarc: Dmarc = {
  result: 'fail',
  domain: 'a.example',
  policyDomain: 'a.example',
  policy: 'reject',
  aligned: [],
  override: undefined,
  comment: undefined,
  disposition: 'reject',
}
const evidence: Evidence = {
  dmarc,
  dkim: undefined,
  spf: undefined,
  address: '::ffff:192.0.2.1',
  envelopeFrom: '',
  envelopeTo: 'b.example',
  isRefused: true,
}

const TABLE: readonly (readonly [what: string, dmarc: Partial<Dmarc>, isRefused: boolean, disposition: string, reason?: string])[] = [
  ['refused as it asks for', {}, true, 'reject'],
  ['set aside as it asks for', { policy: 'quarantine', disposition: 'quarantine' }, false, 'quarantine'],
  ['set aside, where refusal is asked for', { disposition: 'quarantine' }, false, 'quarantine', 'local_policy'],
  ['let pass by the options', { disposition: 'none' }, false, 'none', 'local_policy'],
  ['let pass in shadow mode', {}, false, 'none', 'local_policy'],
  ['a trusted forwarder', { disposition: 'none', override: 'forwarder' }, false, 'none', 'trusted_forwarder'],
  ['a trusted sealer', { disposition: 'none', override: 'arc' }, false, 'none', 'local_policy arc=pass'],
  ['t=y', { policy: 'quarantine', disposition: 'quarantine', comment: 't=y' }, false, 'quarantine', 'policy_test_mode'],
  ['nothing is asked for', { policy: 'none', disposition: 'none' }, false, 'none'],
  ['it passes, and something is asked for', { result: 'pass', aligned: ['dkim'], disposition: 'none' }, false, 'pass'],
  ['it passes, and nothing is asked for', { result: 'pass', policy: 'none', aligned: ['spf'], disposition: 'none' }, false, 'none'],
] // biome-ignore format: a table

for (const [what, changed, isRefused, disposition, reason = ''] of TABLE)
  test(`RFC 9990 §3.1.1.7: ${what}`, () => {
    const row = rowOfText(rowOf({ ...evidence, dmarc: { ...dmarc, ...changed }, isRefused }))
    const said = row.reasons.map(({ type, comment }) => [type, comment].filter(Boolean).join(' ')).join(', ')
    assert.deepEqual([row.disposition, said], [disposition, reason])
    assert.deepEqual([row.dkim, row.spf], ['dkim', 'spf'].map((one) => (changed.aligned?.includes(one as 'spf') ? 'pass' : 'fail'))) // biome-ignore format: one line
  })

const signature = (domain: string, result: 'pass' | 'fail', selector = 's'): Dkim['signatures'][number] => ({
  domain, result, selector, algorithm: 'rsa-sha256', identity: '', b: '', comment: undefined, unsigned: 0,
}) // biome-ignore format: short

test('RFC 9990 §3.1.3: signatures that pass come first, the author’s own before all, and no more than 100', () => {
  const many = Array.from({ length: 200 }, (_, at) => signature('x.example', 'fail', `${at}`))
  const signatures = [
    ...many,
    signature('list.test', 'pass'),
    signature('m.a.example', 'pass'),
    signature('a.example', 'pass'),
  ]
  const row = rowOfText(rowOf({ ...evidence, dkim: { signatures, ignored: 0 } }))
  assert.equal(row.signatures.length, 100)
  assert.deepEqual(row.signatures.slice(0, 3).map(({ domain }) => domain), ['a.example', 'm.a.example', 'list.test']) // biome-ignore format: one line
})

test('a mapped address is the IPv4 address it stands for; the null reverse-path is there, and empty', () => {
  const row = rowOfText(rowOf(evidence))
  assert.deepEqual([row.source, row.envelopeFrom, row.envelopeTo], ['192.0.2.1', '', 'b.example'])
})

test('a coarse row has neither envelope nor failed signatures, and is a row', () => {
  const dkim = { signatures: [signature('a.example', 'pass'), signature('x.example', 'fail')], ignored: 0 }
  const row = rowOfText(coarseRow(rowOf({ ...evidence, dkim, envelopeFrom: 'e.example' })))
  assert.deepEqual(
    [row.envelopeFrom, row.envelopeTo, row.signatures.length, row.source],
    [undefined, undefined, 1, '192.0.2.1'],
  )
  assert.equal(coarseRow(coarseRow(rowOf(evidence))), coarseRow(rowOf(evidence)))
})

test('RFC 9990 §3.1.1.5: tags that a record does not have have their defaults', () => {
  assert.deepEqual(publishedOf('a.example', 'v=DMARC1; p=Reject; np=odd; t=y; aspf=s'), {
    domain: 'a.example', discovery: 'treewalk', p: 'reject', sp: 'reject', np: 'reject', adkim: 'r', aspf: 's', fo: '0', testing: 'y',
  }) // biome-ignore format: a table
})

test('those with most messages come first', () => {
  const other = rowOf({ ...evidence, address: '192.0.2.2' })
  const records = recordsOf(new Map([[rowOf(evidence), 1], [other, 5]])) // biome-ignore format: a table
  assert.deepEqual(records.map(({ source, count }) => [source, count]), [['192.0.2.2', 5], ['192.0.2.1', 1]]) // biome-ignore format: a table
})
