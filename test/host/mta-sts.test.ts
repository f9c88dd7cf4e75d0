/** A policy of one's own, served by a listener of kind `http` and held against what others see. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { createServer, type Server } from '@postroad/core'
import { type Zone, zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { mtaSts } from '@postroad/mta-sts'
import { Dns } from '@postroad/plugin'
import { fetchStsPolicy } from '@postroad/tls-policy'
import { freePort } from '../cli/operator.ts'
import { identities } from '../tls/certificate.ts'

const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-sts-'))
after(() => rm(folder, { recursive: true, force: true }))

const { key, cert } = identities.wildLeaf
const certificate = { key, cert: cert + identities.intermediate.cert }
const ca = identities.root.cert
const WEEK_S = 604_800

async function serving(port: number, zone: Zone): Promise<Server> {
  const dns = zoneDns(zone)
  const embedded = embeddedServices(path.join(folder, 'services'))
  after(() => embedded.close())
  const server = await createServer(
    {
      hostname: 'mx.dane.test',
      folder,
      log: { format: 'silent' },
      setup(app) {
        app.use(
          mtaSts({
            port,
            ca,
            allow: ['127.0.0.0/8'],
            serve: { 'dane.test': { mode: 'enforce', mx: ['mx.dane.test'] } },
          }),
        )
        app.listen({ name: 'sts', protocol: 'http', host: '127.0.0.1', port, routes: 'public', hosts: ['mta-sts.dane.test', 'mta-sts.other.test'], certificate }) // biome-ignore format: one line
      },
    },
    {
      services: [...embedded.services, { service: Dns, create: () => dns }],
    },
  )
  await server.listen()
  return server
}

async function check(server: Server): Promise<{ code: number; lines: readonly string[] }> {
  const lines: string[] = []
  const code = await server.commands.get('mta-sts')?.['check']?.run([], {
    json: false,
    signal: AbortSignal.timeout(30_000),
    row: (fields) => void lines.push(Object.values(fields).join(' ')),
    print: (line) => void lines.push(line.trim()),
  })
  return { code: Number(code), lines }
}

const address = { A: ['127.0.0.1'] }
const web: Zone = { 'mta-sts.dane.test': address, 'mta-sts.other.test': address }

test('RFC 8461 §3.3: others fetch it, and no policy of another domain', async () => {
  const port = await freePort()
  await using server = await serving(port, web)
  assert.equal(server.addresses[0]?.port, port)
  const fetch = (domain: string) =>
    fetchStsPolicy(domain, { dns: zoneDns(web), ca, port, allows: () => true, timeoutMs: 20_000 })
  assert.deepEqual(await fetch('dane.test'), { policy: { mode: 'enforce', mx: ['mx.dane.test'], maxAge: WEEK_S } })
  const other = await fetch('other.test')
  assert.ok('failure' in other)
})

test('the check says what is to be published, and then that all agrees; a new MX host is told before its mail stops', async () => {
  const port = await freePort()
  const mx = { MX: [[0, 'mx.dane.test']] } as const
  let id = ''
  {
    await using server = await serving(port, { ...web, 'dane.test': mx })
    const { code, lines } = await check(server)
    id = /id=([0-9a-f]+);/.exec(lines.join())?.[1] ?? ''
    assert.deepEqual([code, lines.length], [1, 2], lines.join('\n'))
    assert.match(lines[1] ?? '', /^There is no valid record: publish _mta-sts\.dane\.test\. IN TXT "v=STSv1; id=/)
  }
  const record = { '_mta-sts.dane.test': { TXT: [`v=STSv1; id=${id};`] } }
  {
    await using server = await serving(port, { ...web, ...record, 'dane.test': mx })
    assert.deepEqual(await check(server), { code: 0, lines: [`dane.test enforce ${id} agrees`] })
  }
  await using server = await serving(port, { ...web, ...record, 'dane.test': { MX: [[0, 'mx.dane.test'], [5, 'new.test']] } }) // biome-ignore format: one line
  const { code, lines } = await check(server)
  assert.equal(code, 1)
  assert.match(lines[1] ?? '', /^The policy does not name new\.test: who obeys it brings nothing there/)
})
