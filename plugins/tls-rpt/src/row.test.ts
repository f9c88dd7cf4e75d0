import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectError, type Target, type TlsSession } from '@postroad/delivery'
import { policiesOf } from './report.ts'
import { coarseRow, countedOf, rowOfText, textOfRow } from './row.ts'

const target = (tls: Target['tls'], more: Partial<Target> = {}): Target => ({
  protocol: 'smtp',
  host: 'mx.a.example',
  address: '192.0.2.1',
  port: 25,
  domain: 'a.example',
  tls,
  ...more,
})
const tls = { version: 'TLSv1.3', cipher: 'x', policy: 'x' }
const reply = (text: string) => ({ code: 454, status: '4.7.5', text })
const failed = (failure: ConstructorParameters<typeof ConnectError>[3], text = 'no') => ({
  error: new ConnectError('tls', reply(text), undefined, failure),
})
const dane = { mode: 'required', source: 'dane', published: ['3 1 1 ab'] } as const
const sts = { mode: 'required', source: 'sts' } as const

const TABLE: readonly (readonly [what: string, session: TlsSession, expected: string])[] = [
  ['TLS without a policy', { target: target({ mode: 'opportunistic' }), tls }, 'a.example no-policy-found'],
  ['no STARTTLS', { target: target({ mode: 'opportunistic' }) }, 'a.example no-policy-found starttls-not-supported'],
  ['in the clear after a failed handshake: that was counted', { target: target({ mode: 'none' }) }, 'nothing'],
  ['a host that could not be reached', { target: target(dane), error: new ConnectError('connect', reply('no')) }, 'nothing'],
  ['DANE that holds', { target: target(dane), tls }, 'a.example tlsa'],
  ['DANE that does not', { target: target(dane), ...failed('validation-failure') }, 'a.example tlsa validation-failure'],
  ['MTA-STS and an expired certificate', { target: target(sts), ...failed('certificate-expired') }, 'a.example sts certificate-expired'],
  ['MTA-STS in testing', { target: target({ mode: 'opportunistic', source: 'sts' }), tls: { ...tls, doubt: 'certificate-host-mismatch' } }, 'a.example sts certificate-host-mismatch'],
  ['a doubt of nobody’s policy', { target: target({ mode: 'opportunistic' }), tls: { ...tls, doubt: 'certificate-not-trusted' } }, 'a.example no-policy-found'],
  ['a host that is ruled out', { target: target(sts), refused: { refusal: reply('not named'), failure: 'validation-failure', source: 'sts' } }, 'a.example sts validation-failure'],
  ['a group that is demanded', { target: target({ mode: 'required', minimumGroup: 'X25519MLKEM768' }), ...failed('validation-failure', 'at least X25519MLKEM768 is required') }, 'a.example no-policy-found validation-failure minimum-group:X25519MLKEM768'],
  ['a relay of the operator’s own', { target: { protocol: 'smtp', host: 'relay.test', port: 25, tls: { mode: 'required' } }, tls }, 'nothing'],
  ['RFC 8461 §2: a relay with a policy', { target: { protocol: 'smtp', host: 'relay.test', port: 25, tls: sts }, tls }, 'relay.test sts'],
  ['an address literal', { target: target({ mode: 'opportunistic' }, { domain: '[192.0.2.1]' }), tls }, 'nothing'],
] // biome-ignore format: a table

for (const [what, session, expected] of TABLE)
  test(`RFC 8460 §4.3: ${what}`, () => {
    const counted = countedOf(session)
    const { type, failure, reason } = counted?.row ?? {}
    assert.equal(counted ? [counted.domain, type, failure, reason].filter(Boolean).join(' ') : 'nothing', expected)
    if (counted) assert.deepEqual(rowOfText(textOfRow(counted.row)), { receivingIp: undefined, sendingIp: undefined, failure: undefined, information: undefined, reason: undefined, ...counted.row }) // biome-ignore format: one line
  })

test('RFC 8460 §4.4: each policy has its own entry, its hosts or patterns, and sums that agree with the failures', () => {
  const row = (session: TlsSession) => textOfRow(countedOf(session)?.row ?? assert.fail())
  const rows = new Map([
    [row({ target: target(dane), tls }), 7],
    [row({ target: target(dane, { host: 'mx2.a.example' }), ...failed('tlsa-invalid') }), 2],
    [row({ target: target(sts), tls }), 3],
    [row({ target: target(sts), ...failed('certificate-expired') }), 1],
  ])
  const policies = policiesOf('a.example', rows, { mode: 'enforce', mx: ['*.a.example'], maxAge: 86_400 })
  assert.deepEqual(
    policies.map(({ failures, ...policy }) => ({ ...policy, failures: failures.map(({ type, count, mxHost }) => [type, count, mxHost]) })),
    [
      { type: 'tlsa', strings: ['3 1 1 ab'], domain: 'a.example', mxHosts: ['mx.a.example', 'mx2.a.example'], successful: 7, failed: 2, failures: [['tlsa-invalid', 2, 'mx2.a.example']] },
      { type: 'sts', strings: ['version: STSv1', 'mode: enforce', 'mx: *.a.example', 'max_age: 86400'], domain: 'a.example', mxHosts: ['*.a.example'], successful: 3, failed: 1, failures: [['certificate-expired', 1, 'mx.a.example']] },
    ],
  ) // biome-ignore format: a table
})

test('RFC 8460 §4.4: sending-mta-ip is the address that the other side has seen, and no other', () => {
  for (const [local, expected] of [
    ['198.41.0.4', '198.41.0.4'],
    ['::ffff:198.41.0.4', '198.41.0.4'],
    ['2a00:1450::1', '2a00:1450::1'],
    ['10.0.0.7', undefined],
    ['fe80::1', undefined],
    ['127.0.0.1', undefined],
    [undefined, undefined],
  ] as const) {
    const row = textOfRow(countedOf({ target: target(sts), ...failed('certificate-expired'), local })?.row ?? assert.fail()) // biome-ignore format: one line
    const [policy] = policiesOf('a.example', new Map([[row, 1]]), undefined)
    assert.equal(policy?.failures[0]?.sendingIp, expected)
  }
})

test('a coarse row says how it failed, and no more', () => {
  const text = textOfRow(countedOf({ target: target(dane), ...failed('tlsa-invalid', 'a text of the server') })?.row ?? assert.fail()) // biome-ignore format: one line
  const { type, failure, mxHost, information } = rowOfText(coarseRow(text))
  assert.deepEqual([type, failure, mxHost, information], ['tlsa', 'tlsa-invalid', '', undefined])
})
