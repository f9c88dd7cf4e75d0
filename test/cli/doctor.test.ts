/** `postroad doctor` as an operator runs it: over a resolver and a server on the loopback. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { GOOD_FILES, GOOD_ZONE, SIGNING_KEY } from '../doctor/patient.ts'
import { vulnerableServer } from '../doctor/vulnerable-server.ts'
import { serveLiteral } from '../tls/zone-server.ts'
import { EXPORT, freePort, Operator } from './operator.ts'

let operator: Operator
before(async () => {
  operator = await Operator.begin()
  await writeFile(path.join(operator.folder, 's1.pem'), SIGNING_KEY, { mode: 0o600 })
  for (const [name, text] of Object.entries(GOOD_FILES))
    await writeFile(path.join(operator.folder, name), text, { mode: 0o600 })
})
after(() => operator.end())

const config = (port: number, dns: string): string => `import { dkim } from '@postroad/dkim'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'
${EXPORT} defineConfig({ hostname: 'mx.dane.test', folder: 'kept', dns: { servers: ['${dns}'] }, setup(app) {
  app.use(routing({ domains: { 'dane.test': { via: 'maildir' } } }))
  app.use(queue({ maildir: { folder: 'mail' } })).use(dkim.sign({ keys: [{ domain: 'dane.test', selector: 's1', file: 's1.pem' }] }))
  app.listen({ name: 'mx', host: '127.0.0.1', port: ${port}, certificateFiles: { key: 'key.pem', cert: 'cert.pem' } })
} })
`
/** What needs port 25 or the world, which tests do not have. */
const SKIP = [
  '--skip',
  'port-in',
  'port-out',
  'inbound-tls',
  'clock',
  'resolver',
  'certificate',
  'permissions',
  'mta-sts',
  '--no-blocklist',
]

test('doctor finds the configuration, its keys and its listeners; exit code 1 says that there is a fault', async (t) => {
  const port = await freePort()
  await using dns = await serveLiteral(GOOD_ZONE)
  await operator.config('postroad.config.ts', config(port, dns.place))
  const before = await readdir(operator.folder)
  const silent = await operator.run('doctor', '--json', ...SKIP, '--address', '192.0.2.25')
  const found = JSON.parse(silent.out)
  assert.deepEqual(
    [silent.code, found.domains, found.hostname, found.addresses],
    [1, ['dane.test'], 'mx.dane.test', ['192.0.2.25']],
    silent.err,
  )
  const faults = found.findings.filter(({ state }: { state: string }) => state === 'fault')
  assert.deepEqual(faults.map(({ check }: { check: string }) => check), ['greeting'], silent.out) // biome-ignore format: one line
  assert.deepEqual(await readdir(operator.folder), before)
  const text = await operator.run('doctor', ...SKIP, '--address', '192.0.2.25')
  assert.match(text.out, /^dane\.test: mx\.dane\.test, 192\.0\.2\.25\n/)
  assert.match(
    text.out,
    /\n {2}ok {6}dkim-key {7}s1\._domainkey\.dane\.test: ed25519-sha256, the key that we sign with\n/,
  )
  assert.match(text.out, /\n {2}FAULT {3}greeting {7}mx 127\.0\.0\.1:\d+: nobody answers: .*\n {25}Start the server/)
  const child = operator.spawn(['start', '--log', 'json'])
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout ?? assert.fail(), 'data')
  const good = await operator.run('doctor', ...SKIP, '--address', '192.0.2.25')
  assert.equal(good.code, 0, good.out)
  assert.match(good.out, /^dane\.test: mx\.dane\.test, 192\.0\.2\.25\n/)
  assert.match(
    good.out,
    /\n {2}ok {6}dkim-key {7}s1\._domainkey\.dane\.test: ed25519-sha256, the key that we sign with\n/,
  )
  assert.match(good.out, /remark {2}relay .*takes every local part, <probe%relay-test\.invalid@dane\.test> too/)
  assert.match(good.out, /ok {6}smuggling .*none of 7 other sequences/)
  child.kill('SIGTERM')
  await once(child, 'exit')
})

test('without a configuration it looks at what is published; a mistake in one is a finding, and the rest is looked at', async () => {
  const elsewhere = await Operator.begin()
  after(() => elsewhere.end())
  await using dns = await serveLiteral({ ...GOOD_ZONE, '_dmarc.dane.test': 'NXDOMAIN' })
  const args = ['--dns', dns.place, ...SKIP]
  const { code, out } = await elsewhere.run('doctor', 'dane.test', '--dkim', 's1', ...args)
  assert.equal(code, 1)
  assert.match(out, /^dane\.test: mx\.dane\.test, 192\.0\.2\.25\n/)
  assert.match(out, /FAULT {3}dmarc {10}dane\.test: no DMARC record/)
  assert.match(out, /ok {6}dkim-selector {2}s1\._domainkey\.dane\.test: ed25519/)
  await elsewhere.config(
    'postroad.config.ts',
    `import { defineConfig } from 'postroad'\n${EXPORT} defineConfig({ hostname: 'mx.dane.test', setup() {} })\n`,
  )
  const broken = await elsewhere.run('doctor', 'dane.test', ...args)
  assert.match(broken.out, /FAULT {3}configuration {2}configuration: no scope listens/)
  assert.match(broken.out, /dmarc/)
  assert.match(
    (await elsewhere.run('doctor', 'dane.test', '--only', 'spff')).err,
    /There is no check "spff": postroad doctor --list/,
  )
  const listed = await elsewhere.run('doctor', '--list')
  assert.match(listed.out, /^smuggling {6}self {5}A message ends with CRLF\.CRLF/m)
})

test('--watch looks again and again, and serves what it finds to Prometheus', async (t) => {
  const port = await freePort()
  await using dns = await serveLiteral({ ...GOOD_ZONE, '_dmarc.dane.test': 'NXDOMAIN' })
  const child = operator.spawn([
    'doctor',
    'dane.test',
    '--dns',
    dns.place,
    '--only',
    'dmarc',
    'mx',
    '--watch',
    '10',
    '--metrics',
    `127.0.0.1:${port}`,
  ])
  t.after(() => child.kill('SIGKILL'))
  const lines: string[] = []
  child.stdout?.setEncoding('utf8').on('data', (text: string) => lines.push(text))
  while (!lines.join('').includes('FAULT')) await once(child.stdout ?? assert.fail(), 'data')
  const scraped = await fetch(`http://127.0.0.1:${port}/metrics`)
  const text = await scraped.text()
  assert.match(text, /^postroad_doctor_faults 1$/m)
  assert.match(text, /^postroad_doctor_findings\{check="dmarc",state="fault"\} 1$/m)
  assert.match(text, /^postroad_doctor_findings\{check="mx",state="ok"\} 1$/m)
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404)
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
})

test('an open relay behind the configuration is found', async () => {
  await using relay = await vulnerableServer({ relays: true })
  await using dns = await serveLiteral(GOOD_ZONE)
  await operator.config('open.config.ts', config(relay.port, dns.place))
  const { code, out } = await operator.run(
    'doctor',
    '--config',
    'open.config.ts',
    '--only',
    'relay',
    '--address',
    '192.0.2.25',
  )
  assert.equal(code, 1)
  assert.match(out, /FAULT {3}relay .*takes mail for <probe@relay-test\.invalid>/)
})
