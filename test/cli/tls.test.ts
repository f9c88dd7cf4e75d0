/** `postroad tls` as an operator runs it: over a resolver, a web server and a mail server on the loopback. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { createSink } from '@postroad/testing'
import { identities } from '../tls/certificate.ts'
import { recordOf } from '../tls/tlsa-record.ts'
import { serveLiteral } from '../tls/zone-server.ts'
import { EXPORT, Operator } from './operator.ts'

let operator: Operator
before(async () => {
  operator = await Operator.begin()
})
after(() => operator.end())

const { key, cert } = identities.leaf
const chain = cert + identities.intermediate.cert

const config = (dns: string, mail: number, web: number): string => `import { dane } from '@postroad/dane'
import { mtaSts } from '@postroad/mta-sts'
import { queue } from '@postroad/queue'
import { defineConfig } from 'postroad'
${EXPORT} defineConfig({ hostname: 'mx.dane.test', folder: 'kept', dns: { servers: ['${dns}'] }, setup(app) {
  app.use(dane({ probe: { signed: 'signed.test', bogus: 'bogus.test' } }))
  app.use(mtaSts({ allow: ['127.0.0.0/8'], port: ${web}, ca: ${JSON.stringify(identities.root.cert)} }))
  app.use(queue({ smtp: { port: ${mail} } }))
  app.listen({ name: 'mx', host: '127.0.0.1', port: 0, certificateFiles: { key: 'key.pem', cert: 'cert.pem' } })
} })
`

test('tls explain asks the configuration’s own plugins, and shows each host’s policy and what TLS comes to', async () => {
  const web = createServer(
    { key: identities.wildLeaf.key, cert: identities.wildLeaf.cert + identities.intermediate.cert },
    (_, response) => {
      response
        .writeHead(200, { 'content-type': 'text/plain' })
        .end('version: STSv1\nmode: enforce\nmx: mx.dane.test\nmax_age: 86400\n')
    },
  )
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  const mail = await createSink({ host: '127.0.0.2', certificate: { key, cert: chain } })
  const { port } = web.address() as AddressInfo // it listens on a port
  const sts = { '_mta-sts.dane.test': { TXT: ['v=STSv1; id=7'] }, 'mta-sts.dane.test': { A: ['127.0.0.1'] } }
  const probes = { 'signed.test': { TXT: ['x'], secure: true }, 'bogus.test': 'SERVFAIL' } as const
  const host = { 'mx.dane.test': { A: ['127.0.0.2'], secure: true } }
  await using signed = await serveLiteral({
    ...probes, ...sts, ...host,
    'dane.test': { MX: [[10, 'mx.dane.test']], secure: true },
    [`_${mail.port}._tcp.mx.dane.test`]: { TLSA: [recordOf('3 1 1 leaf')], secure: true },
    '_25._tcp.mx.dane.test': { TLSA: [recordOf('3 1 1 leaf')], secure: true },
  }) // biome-ignore format: a table
  await using unsigned = await serveLiteral({
    ...sts, ...host,
    'dane.test': { MX: [[10, 'mx.dane.test']] },
    'signed.test': { TXT: ['x'] },
  }) // biome-ignore format: a table
  await writeFile(path.join(operator.folder, 'key.pem'), key)
  await writeFile(path.join(operator.folder, 'cert.pem'), chain)
  await operator.config('signed.ts', config(signed.place, mail.port, port))
  await operator.config('unsigned.ts', config(unsigned.place, mail.port, port))

  const shown = await operator.run('tls', 'explain', 'dane.test', '--connect', '--config', 'signed.ts')
  assert.equal(shown.code, 0, shown.err)
  assert.match(shown.out, /DANE {5}TLSA records of mx\.dane\.test\n +3 1 1 [0-9a-f]{64}\n/)
  assert.match(shown.out, /policy {3}TLS or no mail, the certificate is verified, SNI mx\.dane\.test, by DANE\n/)
  assert.match(shown.out, /TLS {6}TLSv1\.3 X25519MLKEM768 TLS_\w+, verified dane-ee, certificate until 2125-/)

  const other = await operator.run('tls', 'explain', 'a@dane.test', '--json', '--config', 'unsigned.ts')
  assert.equal(other.code, 0, other.err)
  const [address] = JSON.parse(other.out).hosts[0].addresses
  assert.deepEqual([address.policy.source, address.policy.mode, address.policy.isVerified], ['sts', 'required', true])
  const reasons = address.published.map(
    ({ source, reason }: { source: string; reason: string }) => `${source}: ${reason}`,
  )
  assert.match(reasons.join('\n'), /^dane: DANE is off: the resolver does not say that signed\.test is signed/)
  assert.match(reasons.join('\n'), /sts: the policy 7 names the host$/)

  const records = await operator.run('tls', 'tlsa', '--config', 'signed.ts', '--make-next', 'next.pem')
  assert.equal(records.code, 0, records.err)
  assert.match(records.out, /mx\.dane\.test: .*cert\.pem, of mx, until 2125-/)
  assert.match(records.out, /next {5}_25\._tcp\.mx\.dane\.test\. IN TLSA 3 1 1 [0-9a-f]{64}\n/)
  assert.match(records.out, /DNS {6}agrees with the certificate, and is signed\n {2}The next key is not published yet/)
  const made = await readFile(path.join(operator.folder, 'next.pem'), 'utf8')
  const again = await operator.run('tls', 'tlsa', '--config', 'signed.ts', '--make-next', 'next.pem')
  assert.deepEqual([again.code, await readFile(path.join(operator.folder, 'next.pem'), 'utf8')], [1, made])

  const fine = await operator.run('check', 'signed.ts', '--json')
  assert.equal(fine.code, 0, fine.err)
  assert.doesNotMatch(fine.out, /TLSA/)

  await writeFile(path.join(operator.folder, 'other.pem'), identities.ee.cert)
  const wrong = await operator.run('tls', 'tlsa', '--cert', 'other.pem', '--dns', signed.place)
  assert.equal(wrong.code, 1)
  assert.match(wrong.out, /DOES NOT AGREE.*\n {2}No record is about this certificate: who obeys DANE brings no mail/)
  web.close()
  await mail.close()
})

test('check warns of TLSA records that are not about the certificate on disk, and of nothing where DNS does not answer', async () => {
  const published = (is: object) =>
    ({ '_25._tcp.mx.dane.test': is, 'signed.test': { TXT: ['x'], secure: true } }) as const
  await using differs = await serveLiteral(published({ TLSA: [recordOf('3 1 1 ee')], secure: true }) as never)
  await using unsigned = await serveLiteral(published({ TLSA: [recordOf('3 1 1 ee')] }) as never)
  await using fails = await serveLiteral({ '_25._tcp.mx.dane.test': 'SERVFAIL' })
  await using none = await serveLiteral({ 'mx.dane.test': { A: ['127.0.0.2'] } })
  await writeFile(path.join(operator.folder, 'key.pem'), key)
  await writeFile(path.join(operator.folder, 'cert.pem'), chain)
  const check = async (place: string) => {
    await operator.config('checked.ts', config(place, 25, 443))
    return await operator.run('check', 'checked.ts')
  }
  const said = await check(differs.place)
  assert.deepEqual([said.code, said.out], [0, 'The configuration has no mistakes.\n'])
  assert.match(
    said.err,
    /warning: scope "server": the TLSA records of _25\._tcp\.mx\.dane\.test and .*cert\.pem \(mx\) do not agree: No record/,
  )
  assert.match(
    (await check(unsigned.place)).err,
    /not signed by DNSSEC: nobody obeys them\. None of them is about this/,
  )
  for (const silent of [fails.place, none.place, '127.0.0.1:1']) {
    const { code, out, err } = await check(silent)
    assert.equal(code, 0, out + err)
    assert.doesNotMatch(err, /TLSA/)
  }
})

test('tls explain needs no configuration: it shows what is published, and that nobody obeys it', async () => {
  await using dns = await serveLiteral({
    'dane.test': { MX: [[10, 'mx.dane.test']] },
    'mx.dane.test': { A: ['127.0.0.2'] },
  })
  const { code, out, err } = await operator.run('tls', 'explain', 'dane.test', '--dns', dns.place)
  assert.equal(code, 0, err)
  assert.match(out, /DANE {5}the MX record is not signed; not obeyed: no plugin asks for it \(dane\)/)
  assert.match(out, /MTA-STS {2}no policy is published/)
  assert.match((await operator.run('tls', 'explain', 'not a domain')).err, /"not a domain" is no domain/)
  assert.match((await operator.run('tls', 'tlsa')).err, /give --config, or a certificate with --cert/)
})
