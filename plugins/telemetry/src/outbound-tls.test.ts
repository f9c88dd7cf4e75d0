import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { Meter } from './meter.ts'
import { watchOutboundTls } from './outbound-tls.ts'

const target = { tls: { mode: 'opportunistic' } }

test('connections are counted by policy, version, group, proof and failure; what never came to TLS is not', async () => {
  const meter = new Meter()
  const watch = watchOutboundTls((session) => meter.secured(session))
  const tls = { version: 'TLSv1.3', group: 'X25519MLKEM768', cipher: 'x', policy: 'dane', verified: 'dane-ee' }
  for (const session of [
    { target, tls },
    { target, tls },
    { target },
    { target: { tls: { mode: 'required', source: 'sts' } }, error: { failure: 'certificate-expired' } },
    { target, error: {} },
    { target, refused: { failure: 'dnssec-invalid', source: 'dane', refusal: { code: 451, text: '' } } },
  ])
    channel('postroad:tls').publish(session)
  watch.stop()
  channel('postroad:tls').publish({ target, tls })
  const lines = (await meter.registry.metrics()).split('\n').filter((line) => line.startsWith('postroad_outbound_tls'))
  const line = (policy: string, version: string, group: string, verified: string, error: string) =>
    `postroad_outbound_tls_total{policy="${policy}",tls_protocol_version="${version}",tls_curve="${group}",verified="${verified}",error_type="${error}"}`
  assert.deepEqual(lines, [
    `${line('dane', '1.3', 'X25519MLKEM768', 'dane-ee', '')} 2`,
    `${line('opportunistic', '', '', '', '')} 1`,
    `${line('sts', '', '', '', 'certificate-expired')} 1`,
    `${line('dane', '', '', '', 'dnssec-invalid')} 1`,
  ])
})
