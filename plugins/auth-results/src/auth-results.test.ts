import assert from 'node:assert/strict'
import { test } from 'node:test'
import { arcFact, type Dmarc, dkimFact, dmarcFact, parseAuthResults, type Spf, spfFact } from '@postroad/authres'
import { messageFromBytes } from '@postroad/message'
import { definePlugin, type Message } from '@postroad/plugin'
import { session } from '@postroad/testing'
import { authResults, authResultsOptions, withoutForged } from './auth-results.ts'

const spf: Spf = {
  mailFrom: { identity: 'mailfrom', result: 'pass', domain: 'a.example', comment: undefined, explanation: undefined },
  helo: undefined,
}
const dmarc: Dmarc = {
  result: 'pass',
  domain: 'a.example',
  policyDomain: 'a.example',
  policy: 'reject',
  aligned: ['spf'],
  override: undefined,
  comment: undefined,
}

const finder = definePlugin({
  name: 'finder',
  hooks: {
    mail: { provides: [spfFact], handler: ({ set }) => set(spfFact, spf) },
    message: {
      provides: [dkimFact, dmarcFact],
      handler: ({ set }) => {
        set(dkimFact, { signatures: [], ignored: 0 })
        set(dmarcFact, dmarc)
      },
    },
  },
})

test('one field of all that was found out stands on top', async () => {
  await session(finder(), authResults({ authservId: 'mx.example.com' }))
    .data({ Subject: 'x' })
    .expectDelivered(({ message }) => {
      assert.deepEqual(message.headers.all('authentication-results').map(parseAuthResults), [
        {
          authservId: 'mx.example.com',
          results: [
            { method: 'spf', result: 'pass', properties: [{ type: 'smtp', name: 'mailfrom', value: 'a.example' }] },
            { method: 'dkim', result: 'none', properties: [] },
            {
              method: 'dmarc',
              result: 'pass',
              comment: 'p=reject',
              properties: [
                { type: 'header', name: 'from', value: 'a.example' },
                { type: 'policy', name: 'dmarc', value: 'reject' },
              ],
            },
          ],
        },
      ])
    })
})

test('RFC 8601 §2.2: where nothing was found out the field says none, by the name of the server', async () => {
  await session(authResults())
    .data()
    .expectDelivered(({ message }) =>
      assert.match(message.headers.get('authentication-results') ?? '', /^mx\.test;\s+none$/),
    )
  assert.equal(arcFact.name, 'arc')
})

const forged = [
  'mx.example.com; dkim=pass header.d=bank.example',
  'MX.EXAMPLE.COM. 1; dkim=pass',
  '(x)\r\n mx.example.com (y); dkim=pass',
  '"mx.example.com"; dkim=pass',
  'mx\uff0eexample\uff0ecom; dkim=pass',
  'mx.example.com',
  'mx.example.com dkim=pass',
  'inner.example.net; dkim=pass',
]

const foreign = ['mx.example.org; dkim=pass', 'example.com; dkim=pass', 'mx.example.com.evil.example; dkim=pass']

const message = (values: readonly string[]) =>
  messageFromBytes(
    Buffer.from(
      `${values.map((value) => `Authentication-Results: ${value}\r\n`).join('')}AUTHENTICATION-RESULTS : mx.example.com; spf=pass\r\nFrom: a@b\r\n\r\n`,
    ),
  )

test('RFC 8601 §5: fields that claim to be ours are removed in any spelling, those of others stay', () => {
  const cleaned = withoutForged(message([...forged, ...foreign]), ['mx.example.com', '*.example.net'], 'own')
  assert.deepEqual(cleaned.headers.all('authentication-results'), foreign)
  assert.deepEqual(withoutForged(message(foreign), ['mx.example.com'], 'all').headers.all('authentication-results'), [])
  const untouched = messageFromBytes(Buffer.from('From: a@b\r\n\r\n'))
  assert.equal(withoutForged(untouched, ['mx.example.com'], 'own'), untouched)
})

test('a field whose name or id is outside the grammar goes, too, where a lenient reader would take it for ours', () => {
  const kept = ['X\0: y', 'Authentication\0-Results: mx.example.org; dkim=pass']
  const lines = [
    'Authentication-Results\0: mx.example.com; dkim=pass',
    'Authentication\0-Results: mx.example.com; dkim=pass',
    '\u0001authentication-results: mx.example.com@; dkim=pass',
    'Authentication-Results: mx.example.com@; dkim=pass',
    ...kept,
  ]
  const given = messageFromBytes(Buffer.from(`${lines.join('\r\n')}\r\nFrom: a@b\r\n\r\n`))
  const raws = (message: Message) => [...message.headers].map(({ raw }) => Buffer.from(raw).toString().trimEnd())
  assert.deepEqual(raws(withoutForged(given, ['mx.example.com'], 'own')), [...kept, 'From: a@b'])
  assert.deepEqual(raws(withoutForged(given, ['mx.example.com'], 'all')), ['X\0: y', 'From: a@b'])
})

test('options are checked', () => {
  assert.deepEqual(authResultsOptions.parse({}), { own: [], remove: 'own', account: false })
  assert.throws(() => authResultsOptions.parse({ authservID: 'x' }))
  assert.throws(() => authResultsOptions.parse({ authservId: '' }))
})
