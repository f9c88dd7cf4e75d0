/** What providers say, from the wire to the class of the bounce table. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lmtpTransport, smtpTransport } from '@postroad/delivery'
import { zoneDns } from '@postroad/dns'
import { makeAddress } from '@postroad/mail'
import { createSink, PROVIDER_REPLIES, providerScript } from '@postroad/testing'
import { classify } from '../../packages/queue/src/classify.ts'
import type { ProviderReply } from '../../packages/testing/src/provider-reply.ts'

async function hear(reply: ProviderReply, protocol: 'smtp' | 'lmtp') {
  const sink = await createSink({ protocol, script: providerScript(reply) })
  const transport =
    protocol === 'lmtp'
      ? lmtpTransport({ hostname: 'client.test' })
      : smtpTransport({ hostname: 'client.test', dns: zoneDns({}) })
  const octets = Buffer.from('Subject: x\r\n\r\nHello\r\n')
  const [outcome] = await transport.deliver({
    route: { via: protocol, host: '127.0.0.1', port: sink.port },
    from: makeAddress('a', 'from.test'),
    parameters: {},
    recipients: [{ address: makeAddress('b', 'to.test'), parameters: {} }],
    message: { size: octets.length, chunks: () => [octets], raw: async function* () { yield octets } }, // biome-ignore format: short
    signal: new AbortController().signal,
  })
  await transport.close()
  await sink.close()
  assert.ok(outcome, reply.who)
  return outcome
}

for (const protocol of ['smtp', 'lmtp'] as const) {
  test(`what providers say is read for what it means, over ${protocol.toUpperCase()}`, async () => {
    for (const reply of PROVIDER_REPLIES) {
      const { kind, reply: heard, retryAfterMs } = await hear(reply, protocol)
      const means = kind === 'delivered' ? undefined : classify(heard)
      const { is, who } = reply
      assert.deepEqual(
        [`${kind} ${heard.code} ${heard.status}`, means, retryAfterMs],
        [is, reply.means, reply.retryAfterMs],
        who,
      )
      assert.equal(heard.text.split('\n').length, reply.says.split('\n').length, who)
    }
  })
}
