/** Reports on TLS that are handed to a web server, and the commands of those who send reports, from a shell: all on one machine, with an authority of its own. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { Store } from '@postroad/plugin'
import { type ReadReport, ReportLedger, readReport } from '@postroad/report'
import { createSink } from '@postroad/testing'
import { postReport } from '../../packages/report/src/post.ts'
import { rowOf } from '../../plugins/dmarc-report/src/row.ts'
import { textOfRow } from '../../plugins/tls-rpt/src/row.ts'
import { EXPORT, freePort, Operator, send, until } from '../cli/operator.ts'
import { identities } from '../tls/certificate.ts'
import { serveLiteral } from '../tls/zone-server.ts'

const { root, intermediate, wildLeaf, leaf } = identities
const LOOPBACK = (address: string): boolean => address === '127.0.0.1'
const TODAY = new Date().toISOString().slice(0, 10)
const YESTERDAY = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10)

interface Posted {
  readonly type: string | undefined
  readonly octets: Buffer
}

/** A web server for reports.dane.test, and for the policy of dane.test. */
class Web {
  readonly posted: Posted[] = []
  status = 201
  policy = ''
  readonly #server: Server
  #requests = 0

  constructor({ key, cert } = wildLeaf) {
    this.#server = createServer({ key, cert: cert + intermediate.cert }, (request, response) => void this.#answer(request, response)) // biome-ignore format: one line
  }

  get requests(): number {
    return this.#requests
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as AddressInfo).port // it listens on a port
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests++
    if (request.url === '/.well-known/mta-sts.txt') {
      response.writeHead(200, { 'content-type': 'text/plain' }).end(this.policy)
      return
    }
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    this.posted.push({ type: request.headers['content-type'], octets: Buffer.concat(parts) })
    response.writeHead(this.status, this.status === 302 ? { location: '/elsewhere' } : {}).end()
  }
}

type TlsReport = Extract<ReadReport, { readonly kind: 'tls' }>['report']

async function tlsOf(octets: Uint8Array): Promise<TlsReport> {
  const read = await readReport(octets)
  return read.kind === 'tls' ? read.report : assert.fail(`${read.kind}: no report on TLS`)
}

let operator: Operator
before(async () => {
  operator = await Operator.begin()
})
after(() => operator.end())

test('RFC 8460 §5.4: 2yz takes a report; a redirect, another answer, another name and an authority nobody trusts do not', async () => {
  const web = new Web()
  const stranger = new Web(leaf)
  const [port, other] = [await web.listen(), await stranger.listen()]
  const dns = zoneDns({ 'reports.dane.test': { A: ['127.0.0.1'] }, 'inside.dane.test': { A: ['10.0.0.1'] } })
  const body = { type: 'application/tlsrpt+gzip', octets: Buffer.from('x') }
  const post = (host: string, at: number, more: object = {}) =>
    postReport(new URL(`https://${host}:${at}/v1?a=b`), body, {
      dns,
      signal: AbortSignal.timeout(20_000),
      ca: root.cert,
      allows: LOOPBACK,
      ...more,
    })
  for (const status of [200, 201, 204]) {
    web.status = status
    assert.equal(await post('reports.dane.test', port), 'ok')
  }
  for (const status of [302, 404, 413, 500]) {
    web.status = status
    assert.equal(await post('reports.dane.test', port), `reports.dane.test answered ${status}`)
  }
  assert.deepEqual([web.requests, web.posted[0]?.type], [7, 'application/tlsrpt+gzip'])
  assert.match(await post('reports.dane.test', other), /does not match certificate's altnames/)
  assert.match(await post('reports.dane.test', port, { ca: undefined }), /unable to (?:verify|get)/)
  assert.match(await post('reports.dane.test', port, { allows: () => false }), /no address in public networks/)
  assert.match(await post('inside.dane.test', port), /no address in public networks/)
  assert.match(await post('127.0.0.1', port, { allows: () => false }), /no address in public networks/)
  assert.match(await post('nowhere.dane.test', port), /no address/)
  assert.deepEqual([web.requests, stranger.requests], [7, 0])
  web.close()
  stranger.close()
})

const head = `import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import { dmarcReport } from '@postroad/dmarc-report'
import { mtaSts } from '@postroad/mta-sts'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { spf } from '@postroad/spf'
import { tlsRpt } from '@postroad/tls-rpt'
import { defineConfig } from 'postroad'
`

test('RFC 8460 §4.3.2.2: each session under a policy that cannot be had is one that failed; tls-rpt list, show and send, from a shell', async (t) => {
  const web = new Web()
  const port = await web.listen()
  const entry = await freePort()
  const sink = await createSink({ host: '127.0.0.2', certificate: { key: leaf.key, cert: leaf.cert } })
  t.after(async () => {
    web.close()
    await sink.close()
  })
  await using dns = await serveLiteral({
    'dane.test': { MX: [[10, 'mx.dane.test']] },
    'mx.dane.test': { A: ['127.0.0.2'] },
    '_mta-sts.dane.test': { TXT: ['v=STSv1; id=7'] },
    'mta-sts.dane.test': { A: ['127.0.0.1'] },
    '_smtp._tls.dane.test': { TXT: [`v=TLSRPTv1; rua=https://reports.dane.test:${port}/v1`] },
    'reports.dane.test': { A: ['127.0.0.1'] },
    'quiet.test': { MX: [[10, 'mx.dane.test']] },
  })
  const allowed = `allow: ['127.0.0.0/8'], ca: ${JSON.stringify(root.cert)}`
  await operator.config(
    'out.ts',
    `${head}${EXPORT} defineConfig({ hostname: 'mx.out.test', folder: 'kept', dns: { servers: ['${dns.place}'] }, setup(app) {
  app.use(mtaSts({ ${allowed}, port: ${port} })).use(tlsRpt({ from: 'tls@out.test', ${allowed} }))
  app.use(routing({ routes: [{ via: 'smtp' }] })).use(queue({ smtp: { port: ${sink.port} } }))
  app.listen({ name: 'out', host: '127.0.0.1', port: ${entry} })
} })\n`,
  )
  web.policy = 'garbage'
  const server = operator.spawn(['start', 'out.ts'])
  await until(() => send(entry, 'hello', 'a@dane.test').catch(() => undefined))
  assert.match(await send(entry, 'hello', 'b@quiet.test'), /^250 /)
  await until(() => (sink.transactions.length === 2 ? true : undefined))
  server.kill('SIGTERM')
  await once(server, 'close')
  const listed = await operator.run('tls-rpt', 'list', '--config', 'out.ts', '--json')
  assert.equal(listed.code, 0, listed.err)
  const rows = listed.out.trim().split('\n').map((line) => JSON.parse(line)) // biome-ignore format: one line
  assert.deepEqual(
    rows.map(({ domain, sessions, failed }) => [domain, sessions, failed]).sort(),
    [['dane.test', 1, 1], ['quiet.test', 1, 0]],
  ) // biome-ignore format: a table
  const shown = await operator.run('tls-rpt', 'show', 'dane.test', '--config', 'out.ts')
  const [policy] = (await tlsOf(Buffer.from(shown.out))).policies
  assert.deepEqual([policy?.type, policy?.successful, policy?.failed, policy?.failures[0]?.type], ['sts', 0, 1, 'sts-policy-invalid']) // biome-ignore format: one line
  assert.equal((await operator.run('tls-rpt', 'send', 'dane.test', TODAY, '--config', 'out.ts')).code, 1)

  const embedded = embeddedServices(join(operator.folder, 'kept/services'))
  const store = embedded.services.find(({ service }) => service === Store)?.create() as Store // that is what it makes
  const ledger = new ReportLedger({ name: 'tls-rpt', store })
  const row = textOfRow({ type: 'sts', strings: [], mxHost: 'mx.dane.test', failure: 'certificate-expired', receivingIp: '192.0.2.1' }) // biome-ignore format: one line
  for (const domain of ['dane.test', 'quiet.test'])
    for (let time = 0; time < 3; time++) ledger.count(Date.parse(`${YESTERDAY}T12:00:00Z`), domain, { row })
  await ledger.flush()
  await embedded.close()
  web.status = 503
  const later = await operator.run('tls-rpt', 'send', 'dane.test', '--config', 'out.ts')
  assert.deepEqual([later.code, later.out], [1, 'It could not be handed in; it will be tried again.\n'])
  web.status = 201
  web.posted.length = 0
  const sent = await operator.run('tls-rpt', 'send', 'dane.test', '--config', 'out.ts')
  assert.deepEqual([sent.code, sent.out], [0, 'The report was handed in.\n'], sent.err)
  assert.equal(web.posted[0]?.type, 'application/tlsrpt+gzip')
  const taken = await tlsOf(web.posted[0]?.octets ?? assert.fail())
  assert.deepEqual([taken.contact, taken.policies[0]?.failed], ['tls@out.test', 3])
  const quiet = await operator.run('tls-rpt', 'send', 'quiet.test', '--config', 'out.ts')
  assert.deepEqual([quiet.code, web.posted.length], [1, 1])
  const left = await operator.run('tls-rpt', 'list', '--config', 'out.ts', '--json')
  assert.ok(!left.out.split('\n').some((line) => line.includes(YESTERDAY) && line.includes('"dane.test"')), left.out)
  assert.equal((await operator.run('tls-rpt', 'show', '--config', 'out.ts')).code, 64)
  await writeFile(join(operator.folder, 'taken.json.gz'), web.posted[0]?.octets ?? '')
  const read = await operator.run('reports', 'taken.json.gz')
  assert.match(read.out, /dane\.test +certificate-expired|certificate-expired +.*dane\.test/)
})

test('dmarc-report list, show and send, from a shell: what is shown is what is sent', async (t) => {
  const sink = await createSink()
  t.after(() => sink.close())
  await using dns = await serveLiteral({ '_dmarc.dane.test': { TXT: ['v=DMARC1; p=reject; rua=mailto:d@dane.test'] } })
  await operator.config(
    'in.ts',
    `${head}${EXPORT} defineConfig({ hostname: 'mx.in.test', folder: 'in', dns: { servers: ['${dns.place}'] }, setup(app) {
  app.use(spf()).use(dkim()).use(dmarc()).use(dmarcReport({ from: 'dmarc@in.test', submit: { host: '127.0.0.1', port: ${sink.port} } }))
  app.use(routing({ domains: { 'in.test': { via: 'discard' } } })).use(queue())
  app.listen({ name: 'in', host: '127.0.0.1', port: 0 })
} })\n`,
  )
  const embedded = embeddedServices(join(operator.folder, 'in/services'))
  const store = embedded.services.find(({ service }) => service === Store)?.create() as Store // that is what it makes
  const ledger = new ReportLedger({ name: 'dmarc-report', store })
  const record = 'v=DMARC1; p=reject; rua=mailto:d@dane.test'
  const dmarc = { result: 'fail', domain: 'dane.test', policyDomain: 'dane.test', policy: 'reject', aligned: [], override: undefined, comment: undefined, record, disposition: 'reject' } as const // biome-ignore format: one line
  const row = rowOf({ dmarc, dkim: undefined, spf: undefined, address: '192.0.2.7', envelopeFrom: 'x.test', envelopeTo: 'in.test', isRefused: true }) // biome-ignore format: one line
  for (let time = 0; time < 2; time++)
    ledger.count(Date.parse(`${YESTERDAY}T12:00:00Z`), 'dane.test', { row, about: record })
  await ledger.flush()
  await embedded.close()
  const list = await operator.run('dmarc-report', 'list', '--config', 'in.ts', '--json')
  assert.equal(list.code, 0, list.out + list.err)
  assert.deepEqual(JSON.parse(list.out), { day: YESTERDAY, domain: 'dane.test', messages: 2, failed: 2 }, list.err)
  const shown = await operator.run('dmarc-report', 'show', 'dane.test', YESTERDAY, '--config', 'in.ts')
  const read = await readReport(Buffer.from(shown.out))
  const { records } = read.kind === 'dmarc' ? read.report : assert.fail(shown.err)
  assert.deepEqual(records.map(({ source, count }) => [source, count]), [['192.0.2.7', 2]]) // biome-ignore format: one line
  const sent = await operator.run('dmarc-report', 'send', 'dane.test', '--config', 'in.ts')
  assert.deepEqual([sent.code, sent.out], [0, 'The report was handed in.\n'], sent.err)
  assert.equal(sink.transactions.length, 1)
  assert.match(
    sink.transactions[0]?.message.toString() ?? '',
    /^Subject: Report Domain: dane\.test\r\n Submitter: in\.test\r\n/m,
  )
  assert.equal((await operator.run('dmarc-report', 'list', '--config', 'in.ts', '--json')).out, '')
})
