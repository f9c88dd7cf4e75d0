/** The dashboard and the alert rules of telemetry: each metric in them is there in a scrape, and promtool finds the rules right. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createServer } from '@postroad/core'
import { createDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { junk } from '@postroad/junk'
import { Dns, definePlugin } from '@postroad/plugin'
import { telemetry } from '@postroad/telemetry'
import { metricsText } from '../../packages/cli/src/doctor/metrics.ts'
import { freePort } from '../cli/operator.ts'
import { CERTIFICATE } from '../conformance/certificate.ts'
import { makeTestFolder } from '../runner/folder.ts'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'

const FOLDER = fileURLToPath(new URL('../../plugins/telemetry/dashboards', import.meta.url))
const read = (name: string): Promise<string> => readFile(path.join(FOLDER, name), 'utf8')

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[]
}

/** Names of metrics in an expression; words of the language and labels are none. */
function metricsOf(expr: string): readonly string[] {
  const bare = expr.replace(/\{[^}]*\}|"[^"]*"|\b(?:by|on|without|ignoring) ?\([^)]*\)/g, ' ')
  return [...bare.matchAll(/\b(?:postroad|process|nodejs)_\w+/g)].map(([name]) => name)
}

/** Everything that a scrape of a server with telemetry and of the doctor has. */
async function scraped(): Promise<ReadonlySet<string>> {
  const folder = makeTestFolder('dashboard')
  const port = await freePort()
  const embedded = embeddedServices(path.join(folder, 'services'))
  await writeFile(path.join(folder, 'cert.pem'), CERTIFICATE.cert)
  await writeFile(path.join(folder, 'key.pem'), CERTIFICATE.key)
  const server = await createServer(
    {
      hostname: 'mx.test',
      folder,
      log: { format: 'silent' },
      setup(app) {
        app.use(telemetry({ prometheus: { port } }), { onError: 'pass' })
        app.use(
          definePlugin({
            name: 'road',
            hooks: { route: () => ({ via: 'road' }), queue: ({ envelope }) => ({ id: envelope.id }) },
          })(),
        )
        app.use(junk({ budget: '1 in 2000' }))
        app.listen({ name: 'mx', host: '127.0.0.1', port: 0, certificateFiles: { cert: 'cert.pem', key: 'key.pem' } })
      },
    },
    {
      base: folder,
      services: [...embedded.services, { service: Dns, create: () => createDns({ servers: ['127.0.0.1:1'] }) }],
    },
  )
  await server.listen()
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  await server.close({ grace: 0 })
  await embedded.close()
  await rm(folder, { recursive: true, force: true })
  const end = Number(/^postroad_certificate_not_after_timestamp_seconds\{listener="mx"\} (\d+)$/m.exec(text)?.[1])
  assert.equal(new Date(end * 1000).getUTCFullYear(), 2036, 'the end of the certificate of the listener')
  const all = `${text}\n${metricsText({ found: [], endedAt: 0, ms: 0 })}`
  return new Set(
    [...all.matchAll(/^# TYPE (\S+) (\w+)$/gm)].flatMap(([, name = '', type]) =>
      type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  )
}

test('each metric of the dashboard and of the rules is there in a scrape', async () => {
  const { panels } = JSON.parse(await read('postroad.json')) as Dashboard
  assert.ok(panels.length >= 20)
  const rules = await read('alerts.yml')
  const exprs = [
    ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...[...rules.matchAll(/^ +expr: (.*)$/gm)].map(([, expr = '']) => expr),
  ]
  const there = await scraped()
  const named = [...new Set(exprs.flatMap(metricsOf))]
  assert.ok(named.length > 20, named.join(' '))
  assert.deepEqual(
    named.filter((name) => !there.has(name)),
    [],
  )
  for (const { title, targets } of panels)
    assert.ok(
      targets.every(({ expr }) => metricsOf(expr).length > 0),
      title,
    )
})

test('promtool: the rules can be read, and fire when they have to and not before', {
  skip: requires('prometheus'),
}, async () => {
  const promtool = (...args: readonly string[]) => promisify(execFile)(programPath('promtool'), args, { cwd: FOLDER })
  assert.match((await promtool('check', 'rules', 'alerts.yml')).stdout, /SUCCESS: 15 rules found/)
  assert.match((await promtool('test', 'rules', 'alert-cases.yml')).stdout, /SUCCESS/)
})
