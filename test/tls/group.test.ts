/** An operator demands a post-quantum key exchange of one destination: its mail waits, the reply names the group, and the report counts it. */
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createServer } from '@postroad/core'
import type { TlsSession } from '@postroad/delivery'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { Dns, definePlugin } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { tlsRpt } from '@postroad/tls-rpt'
import { SMTPServer } from 'smtp-server'
import { send } from '../cli/operator.ts'
import { freePorts } from '../interop/loopback.ts'
import { identities } from './certificate.ts'

/** A mail host that agrees on these groups, and counts what it gets. */
async function host(address: string, port: number, ecdhCurve: string) {
  const got: string[] = []
  const { key, cert } = identities.leaf
  // `as`: the types know only some of the options of Node that are passed on.
  const options = { key, cert, ecdhCurve, authOptional: true, disabledCommands: ['AUTH'] } as object
  const server = new SMTPServer({
    ...options,
    onData(stream, { envelope }, done) {
      got.push(...envelope.rcptTo.map(({ address: to }) => to))
      stream.resume().on('end', () => done())
    },
  })
  // A handshake without a common group is what is looked for.
  server.on('error', () => undefined)
  const net = server.listen(port, address)
  if (!net.listening) await new Promise((go) => net.once('listening', go))
  return { got, port: (net.address() as AddressInfo).port, close: () => new Promise<void>((go) => server.close(go)) } // it listens on a port
}

test('minimumGroup of a route: mail to a host without the group waits, the reply names it, and it is counted; another host gets its mail', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-group-'))
  const classic = await host('127.0.0.2', 0, 'X25519:P-256')
  const hybrid = await host('127.0.0.3', classic.port, 'X25519MLKEM768')
  const embedded = embeddedServices(join(folder, 'services'))
  const dns = zoneDns({
    'old.test': { MX: [[10, 'mx.old.test']] },
    'mx.old.test': { A: ['127.0.0.2'] },
    'new.test': { MX: [[10, 'mx.new.test']] },
    'mx.new.test': { A: ['127.0.0.3'] },
  })
  const seen: string[] = []
  const groups: string[] = []
  const hear = (session: unknown): void => {
    const { group } = (session as TlsSession).tls ?? {} // what the channel carries
    if (group !== undefined) groups.push(group)
  }
  subscribe('postroad:tls', hear)
  t.after(() => unsubscribe('postroad:tls', hear))
  const watch = definePlugin({
    name: 'watch',
    hooks: {
      delivered: ({ host: name }) => void seen.push(`${name} has it`),
      deferred: ({ host: name, reply }) => void seen.push(`${name} ${reply.code} ${reply.status} ${reply.text}`),
    },
  })
  const [port = 0] = await freePorts(1)
  const route = { via: 'smtp', settings: { minimumGroup: 'X25519MLKEM768' } } as const
  const server = await createServer(
    {
      hostname: 'mx.out.test',
      folder,
      log: { format: 'silent' },
      setup(app) {
        app.use(tlsRpt({ from: 'tls@out.test' })).use(watch())
        app.use(routing({ domains: { 'old.test': route, 'new.test': route } }))
        app.use(queue({ smtp: { port: classic.port } }))
        app.listen({ name: 'out', host: '127.0.0.1', port })
      },
    },
    { services: [...embedded.services, { service: Dns, create: () => dns }] },
  )
  await server.listen()
  t.after(async () => {
    await server.close({ grace: 100 })
    await embedded.close()
    await Promise.all([classic.close(), hybrid.close()])
    await rm(folder, { recursive: true })
  })
  for (const domain of ['old.test', 'new.test']) assert.match(await send(port, 'hello', `a@${domain}`), /^250 /)
  for (let turn = 0; turn < 200 && seen.length < 2; turn++) await pause(50)
  assert.deepEqual([classic.got, hybrid.got], [[], ['a@new.test']])
  const [other = '', old = ''] = seen.sort()
  assert.equal(other, 'mx.new.test has it')
  assert.deepEqual(groups, ['X25519MLKEM768'])
  assert.match(old, /^mx\.old\.test 454 4\.7\.5 .*at least X25519MLKEM768 is required$/)
  await pause(100)
  const lines: string[] = []
  const rows: unknown[] = []
  const io = { json: true, signal: AbortSignal.timeout(10_000), print: (line: string) => void lines.push(line), row: (row: object) => void rows.push(row) } // biome-ignore format: one line
  await server.close({ grace: 100 })
  const again = await createServer(
    {
      hostname: 'mx.out.test',
      folder,
      log: { format: 'silent' },
      setup: (app) => void app.use(tlsRpt({ from: 'tls@out.test' })).listen({ name: 'out', host: '127.0.0.1', port }),
    },
    { services: [...embedded.services, { service: Dns, create: () => dns }], looks: true },
  )
  assert.equal(await again.commands.get('tls-rpt')?.['show']?.run(['old.test'], io), 0)
  await again.close()
  const [policy] = JSON.parse(lines.join('\n')).policies
  assert.equal(policy.summary['total-failure-session-count'], 1)
  assert.deepEqual(
    policy['failure-details'].map((one: Record<string, unknown>) => [one['result-type'], one['failure-reason-code']]),
    [['validation-failure', 'minimum-group:X25519MLKEM768']],
  )
})
