/** Policy services of others as plugins: postgrey and policyd-spf as Debian has them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policy } from '@postroad/policy'
import { until } from '../cli/operator.ts'
import { requires } from '../runner/requires.ts'
import { startPolicydRateLimit, startPolicydSpf, startPostgrey } from './policy-service.ts'
import { offer, startScannerServer } from './scanner-server.ts'

const skip = requires('postgrey', 'postfix-policyd-spf-python')
const mail = Buffer.from('From: a@client.test\r\nSubject: hello\r\n\r\nHello\r\n')

test('postgrey asks a stranger to come again, and its field is on what comes again', { skip }, async () => {
  await using postgrey = await startPostgrey(1)
  await using server = await startScannerServer(policy({ at: postgrey.at }))
  assert.match(await offer(server.port, mail), /^450 4\.2\.0 Greylisted, see http/)
  await until(async () => ((await offer(server.port, mail)).startsWith('250') ? true : undefined))
  const [{ text = '' } = {}] = server.taken
  assert.match(text, /^X-Greylist: delayed \d+ seconds by postgrey-1\.\d+ at /m)
  // Two recipients, asked about one after the other on the same connection.
  const both = { to: ['one@mx.test', 'two@mx.test'] }
  assert.match(await offer(server.port, mail, both), /^450 4\.2\.0 Greylisted/)
})

test('policyd-spf says what it has found, once for several recipients', { skip }, async () => {
  await using spf = await startPolicydSpf()
  await using server = await startScannerServer(policy({ at: spf.at, timeout: '30 s' }))
  assert.match(await offer(server.port, mail, { to: ['one@mx.test', 'two@mx.test'] }), /^250 /)
  const [{ text = '' } = {}] = server.taken
  assert.equal(text.match(/^X-Comment: SPF (?:check N\/A|skipped)/gm)?.length, 1, text)
})

test('policyd-rate-limit counts recipients of a sender, over messages and sessions', {
  skip: requires('policyd-rate-limit'),
}, async () => {
  await using limit = await startPolicydRateLimit(2)
  await using server = await startScannerServer(policy({ at: limit.at }))
  assert.match(await offer(server.port, mail, { to: ['one@mx.test', 'two@mx.test'] }), /^250 /)
  assert.match(await offer(server.port, mail), /^450 4\.7\.1 Rate limit reach, retry later/)
  assert.match(await offer(server.port, mail, { from: 'other@client.test' }), /^250 /)
})

test('a service that is not there is worth what the operator says', { skip }, async () => {
  const gone = await startPolicydSpf()
  await gone[Symbol.asyncDispose]()
  await using strict = await startScannerServer(policy({ at: gone.at }))
  assert.match(await offer(strict.port, mail), /^451 4\.3\.0/)
  await using mild = await startScannerServer(policy({ at: gone.at }), { onError: 'pass' })
  assert.match(await offer(mild.port, mail), /^250 /)
})
