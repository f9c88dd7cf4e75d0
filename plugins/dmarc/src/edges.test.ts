/** What is on the edge of the grammar: no author, the root's dot, letters of the other case. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge } from './dmarc.ts'
import { check, dkim, spf } from './fixture.test.ts'
import { dmarcOptions } from './options.ts'

const domain = (record: string) => ({
  'e.example': { A: ['192.0.2.1'] },
  '_dmarc.e.example': { TXT: [record] },
})

test('no author and no policy are two things, with an option each', async () => {
  const options = (text: object) => dmarcOptions.parse(text)
  for (const from of [[], ['undisclosed:;'], ['Joe'], ['<>']]) {
    const found = await check(from)
    assert.equal(found.result, 'none', JSON.stringify(from))
    assert.equal(judge(found, options({})), undefined)
    assert.equal(judge(found, options({ none: 'reject' })), undefined)
    const refused = judge(found, options({ noAuthor: 'reject' }))
    assert.deepEqual(refused, {
      kind: 'reject',
      text: 'The message has no author: its From field names no domain',
      status: '5.6.0',
      code: 554,
      disconnect: false,
    })
  }
  const without = await check('joe@policy-less.example')
  assert.equal(judge(without, options({ noAuthor: 'reject' })), undefined)
  assert.equal(judge(without, options({ none: 'reject' }))?.kind, 'reject')
})

test('RFC 1034 §3.1: the dot of the root is no part of the domain that is compared, and told', async () => {
  for (const from of ['joe@e.example.', 'Joe <joe@E.example.>'])
    for (const evidence of [{ dkim: dkim(['pass', 'e.example']) }, { spf: spf('pass', 'e.example') }]) {
      const found = await check(from, { ...evidence, zone: domain('v=DMARC1; p=reject') })
      assert.deepEqual([found.result, found.domain], ['pass', 'e.example'])
    }
  assert.equal((await check('joe@e.example.', { zone: domain('v=DMARC1; p=reject') })).policyDomain, 'e.example')
})

for (const [record, policy] of [
  ['v=DMARC1; p=reject', 'reject'],
  ['V=DMARC1; p=reject', 'reject'],
  ['v = DMARC1 ; p = reject', 'reject'],
  ['v=DMARC1; p=Reject', 'reject'],
  // Names of tags other than the version are those of a tag list of DKIM, RFC 6376 §3.2: of one case.
  ['v=DMARC1; P=reject', undefined],
  ['v=DMARC1; P=reject; rua=mailto:d@e.example', 'none'],
  ['v=dmarc1; p=reject', undefined],
  ['p=reject; v=DMARC1', undefined],
] as const)
  test(`RFC 9989 §4.7: ${record} asks for ${policy ?? 'nothing, it is no record'}`, async () => {
    assert.equal((await check('joe@e.example', { zone: domain(record) })).policy, policy)
  })
