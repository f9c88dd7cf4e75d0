import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Zone, zoneDns } from '@postroad/dns'
import type { TlsNote } from '@postroad/mail'
import { createSink, type SinkOptions } from '@postroad/testing'
import { certificate } from '../support/fixture.ts'
import type { SurveyContext } from './survey.ts'
import { tlsCommand } from './tls-command.ts'

const zone: Zone = {
  'to.test': { MX: [[10, 'mx.to.test'], [20, 'mx2.to.test']], secure: true },
  'mx.to.test': { A: ['127.0.0.2'], secure: true },
  'mx2.to.test': { A: ['127.0.0.3'] },
  'null.test': { MX: [[0, '']] },
} // biome-ignore format: a table

const local: SurveyContext['smtp'] = { tls: { mode: 'opportunistic', verify: false }, tlsOptional: true }

async function run(args: readonly string[], context: Partial<SurveyContext> = {}, json = false) {
  const lines: string[] = []
  const command = tlsCommand({ hostname: 'client.test', dns: zoneDns(zone), smtp: local, ...context })
  const { signal } = new AbortController()
  const code = await command.run(args, { json, signal, print: (line) => void lines.push(line) })
  return { code, text: lines.join('\n') }
}

test('each host and address is shown with what DNSSEC says of it, who says what, and the policy that follows', async () => {
  const { code, text } = await run(['someone@TO.test'], {
    tlsPolicy: (question) => {
      question.note?.({ source: 'dane', reason: 'TLSA records of mx.to.test', records: ['3 1 1 ab'] })
      if (question.host.name !== 'mx.to.test')
        return { refusal: { code: 451, status: '4.7.5', text: 'no' }, failure: 'dnssec-invalid', source: 'dane' }
      return { mode: 'required', source: 'dane', id: 'dane:x', servername: 'mx.to.test', authenticate: () => ({ verified: 'dane-ee' }) }
    },
    look: async () => [
      { source: 'dane', reason: 'not shown twice', records: [] },
      { source: 'sts', reason: 'no policy is published', records: [] },
    ],
  }) // biome-ignore format: as short as it can be
  assert.equal(code, 0)
  assert.equal(
    text,
    `to.test: by MX
  10 mx.to.test (MX record signed by DNSSEC)
    127.0.0.2 (signed)
      DANE     TLSA records of mx.to.test
               3 1 1 ab
      MTA-STS  no policy is published; not asked, for DANE goes first
      policy   TLS or no mail, the certificate is verified, SNI mx.to.test, by DANE
  20 mx2.to.test (MX record signed by DNSSEC)
    127.0.0.3 (not signed)
      DANE     TLSA records of mx.to.test
               3 1 1 ab
      MTA-STS  no policy is published; not asked, for DANE goes first
      policy   gets no mail: 451 4.7.5 no`,
  )
})

test('what is published and no plugin asks for is said to be obeyed by nobody', async () => {
  const look = async (): Promise<readonly TlsNote[]> => [
    { source: 'sts', reason: 'the policy 1 names the host', records: [] },
  ]
  const { text } = await run(['to.test'], { look })
  assert.match(text, /MTA-STS {2}the policy 1 names the host; not obeyed: no plugin asks for it \(mta-sts\)/)
  assert.match(text, /policy {3}TLS where it is offered, with any certificate; else in the clear, by your options/)
})

test('a route of the operator goes before what is published, and says so; what goes by no SMTP needs no TLS', async () => {
  const routed = await run(['to.test'], {
    routeOf: async () => ({ via: 'smtp', settings: { tls: 'verified', minimumGroup: 'X25519MLKEM768' } }),
    tlsPolicy: () => assert.fail('nobody is asked'),
  })
  assert.match(routed.text, /^to\.test: by MX; the route says tls: verified, which goes before what is published/)
  assert.match(
    routed.text,
    /policy {3}TLS or no mail, the certificate is verified, at least X25519MLKEM768, by the route/,
  )
  const fixed = await run(['to.test'], { routeOf: async () => ({ via: 'smtp', host: 'hub.test', port: 2525 }) })
  assert.match(
    fixed.text,
    /^to\.test: to hub\.test, as routing says.*\n {2}0 hub\.test \(named by you\)\n {4}looked up when/,
  )
  const kept = await run(['to.test'], { routeOf: async () => ({ via: 'maildir' }) })
  assert.deepEqual([kept.code, /by maildir/.test(kept.text)], [0, true])
})

test('--connect shows version, group, cipher and how the host was verified, and fails where no host may have mail', async () => {
  const seen = async (sink: SinkOptions, smtp: Partial<SurveyContext['smtp']>) => {
    const server = await createSink({ host: '127.0.0.2', ...sink })
    const context = { smtp: { ...local, port: server.port, ...smtp } }
    const { code, text } = await run(['to.test', '--connect'], context, true)
    const { transactions } = server
    await server.close()
    assert.equal(transactions.length, 0, 'no mail is sent')
    return { code, connection: JSON.parse(text).hosts[0].addresses[0].connection }
  }
  const good = await seen({ certificate, extensions: ['REQUIRETLS'] }, {})
  const { version, group, policy } = good.connection.tls
  assert.deepEqual([good.code, version, group, policy, good.connection.passesRequireTls], [0, 'TLSv1.3', 'X25519MLKEM768', 'opportunistic', true]) // biome-ignore format: one line
  const plain = await seen({}, {})
  assert.deepEqual([plain.code, plain.connection.tls], [0, 'none'])
  const strict = await seen({ certificate }, { tls: { mode: 'required', verify: true } })
  assert.deepEqual([strict.code, strict.connection.stage], [1, 'tls'])
  assert.match(strict.connection.failed, /DEPTH_ZERO_SELF_SIGNED_CERT/)
})

test('a domain whose mail goes nowhere is told with the reply its senders would get; what is no domain is wrong usage', async () => {
  const nowhere = await run(['null.test'])
  assert.equal(nowhere.code, 1)
  assert.match(nowhere.text, /goes nowhere: 556 5\.1\.10 The domain null\.test takes no mail/)
  assert.equal((await run(['no such domain'])).code, 64)
  assert.equal((await run([])).code, 64)
})

test('what DNS or a server has said cannot write on the terminal', async () => {
  const look = async (): Promise<readonly TlsNote[]> => [{ source: 'sts', reason: 'a\u001b[31mb\r\nc', records: [] }]
  const { text } = await run(['to.test'], { look })
  assert.match(text, /a·\[31mb··c/)
})
