import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { type Zone, zoneDns } from '@postroad/dns'
import { identities } from '../../../test/tls/certificate.ts'
import { fetchStsPolicy, type StsFetchOptions } from './sts-fetch.ts'

const POLICY = 'version: STSv1\nmode: enforce\nmx: mx.dane.test\nmax_age: 86400\n'
const ZONE: Zone = { 'mta-sts.dane.test': { A: ['127.0.0.1'] } }

/** What is fetched from a server that answers so; its certificate is for *.dane.test. */
async function fetchFrom(
  answer: RequestListener,
  more: Partial<StsFetchOptions> & { readonly zone?: Zone; readonly domain?: string } = {},
) {
  const { zone = ZONE, domain = 'dane.test', ...options } = more
  const { key, cert } = identities.wildLeaf
  const server = createServer({ key, cert: cert + identities.intermediate.cert }, answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on a port
  const allows = (address: string) => address === '127.0.0.1'
  try {
    const fetched = await fetchStsPolicy(domain, {
      dns: zoneDns(zone),
      ca: identities.root.cert,
      allows,
      port,
      ...options,
    })
    return 'policy' in fetched ? fetched.policy.mode : `${fetched.failure}: ${fetched.reason}`
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const says =
  (text: string, type = 'text/plain', code = 200): RequestListener =>
  (_, response) =>
    void response.writeHead(code, { 'content-type': type }).end(text)

test('RFC 8461 §3.3: a policy is at its well-known place, with the name of its host', async () => {
  let seen = ''
  const mode = await fetchFrom((request, response) => {
    seen = `${request.method} ${request.url} ${request.headers.host}`
    says(POLICY, 'Text/Plain; charset=utf-8')(request, response)
  })
  assert.deepEqual([mode, seen], ['enforce', 'GET /.well-known/mta-sts.txt mta-sts.dane.test'])
})

test('RFC 8461 §3.3: no redirect is followed, and nothing but 200, text and a policy will do', async () => {
  const redirect: RequestListener = (_, response) => void response.writeHead(301, { location: '/other' }).end(POLICY)
  for (const [answer, expected] of [
    [redirect, /^sts-policy-fetch-error: .* answered 301/],
    [says(POLICY, 'text/plain', 404), /^sts-policy-fetch-error: .* answered 404/],
    [says(POLICY, 'text/plain', 203), /^sts-policy-fetch-error/],
    [says(POLICY, 'text/html'), /^sts-policy-fetch-error: .* no text\/plain/],
    [says(POLICY, 'text/plainish'), /^sts-policy-fetch-error/],
    [says('hello'), /^sts-policy-invalid: version/],
    [says(POLICY + '#'.repeat(70_000)), /^sts-policy-fetch-error: .* more than 65536 octets/],
    [(_: unknown, response: Parameters<RequestListener>[1]) => void response.destroy(), /^sts-policy-fetch-error/],
  ] as const)
    assert.match(await fetchFrom(answer as RequestListener), expected)
})

test('a server that is slow, or never comes to an end, has its time', async () => {
  const silent: RequestListener = () => {}
  const trickle: RequestListener = (_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    const timer = setInterval(() => response.write('x'), 20)
    response.once('close', () => clearInterval(timer))
  }
  for (const answer of [silent, trickle])
    assert.match(await fetchFrom(answer, { timeoutMs: 150 }), /^sts-policy-fetch-error/)
})

test('RFC 8461 §3.3: the certificate must be trusted, and for the name of the policy’s host', async () => {
  assert.match(await fetchFrom(says(POLICY), { ca: identities.otherRoot.cert }), /^sts-webpki-invalid/)
  const zone = { 'mta-sts.a.dane.test': { A: ['127.0.0.1'] } }
  assert.match(
    await fetchFrom(says(POLICY), { zone, domain: 'a.dane.test' }),
    /^sts-webpki-invalid: .*mta-sts\.a\.dane\.test/,
  )
})

test('nothing that is not public is connected to, whatever DNS says', async () => {
  let connections = 0
  const counting: RequestListener = (request, response) => {
    connections++
    says(POLICY)(request, response)
  }
  const closed = ['127.0.0.1', '10.0.0.1', '169.254.169.254', '192.168.0.1', '172.16.0.1', '0.0.0.0']
  for (const address of closed) {
    const zone = { 'mta-sts.dane.test': { A: [address] } }
    assert.match(await fetchFrom(counting, { zone, allows: () => false }), /no address in public networks/, address)
  }
  const six = { 'mta-sts.dane.test': { AAAA: ['::1', '::ffff:127.0.0.1', 'fd00::1'] } }
  assert.match(await fetchFrom(counting, { zone: six, allows: () => false }), /no address in public networks/)
  assert.equal(connections, 0)
})

test('a host that has no address, or of which nobody knows, has no policy', async () => {
  for (const entry of ['NXDOMAIN', 'SERVFAIL', { TXT: ['x'] }] as const)
    assert.match(
      await fetchFrom(says(POLICY), { zone: { 'mta-sts.dane.test': entry } }),
      /^sts-policy-fetch-error: .* no address/,
    )
})
