import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zoneDns } from '@postroad/dns'
import { createSink } from '@postroad/testing'
import { z } from 'zod'
import { openTransports } from './open-transports.ts'
import { job } from './support/fixture.ts'
import { transportOptions } from './transport-options.ts'

test('neverTo: a domain of a stranger does not lead into networks that only insiders reach', async (t) => {
  const sink = await createSink({ host: '127.0.0.3' })
  t.after(() => sink.close())
  const dns = zoneDns({
    'inside.test': { MX: [[10, 'a.inside.test'], [20, 'b.inside.test']] }, // biome-ignore format: a table
    'a.inside.test': { A: ['10.0.0.5', '127.0.0.3'], AAAA: ['::ffff:127.0.0.3', 'fd00::5'] },
    'b.inside.test': { A: ['192.168.1.1', '169.254.169.254'] },
  })
  const deliver = async (neverTo: readonly string[], route = {}) => {
    const options = z
      .strictObject(transportOptions)
      .parse({ smtp: { port: sink.port, neverTo, tls: { mode: 'none' } } })
    const transports = openTransports(options, { hostname: 'client.test', dns, resolve: (file) => file })
    const smtp = transports.find({ via: 'smtp' })?.transport
    assert.ok(smtp)
    const [outcome] = await smtp.deliver(job(['b@inside.test'], { route: { via: 'smtp', ...route } }))
    await transports.close()
    return `${outcome?.kind} ${outcome?.reply.code} ${outcome?.reply.status}`
  }
  assert.equal(await deliver(['private']), 'failed 550 5.4.4')
  assert.equal(
    await deliver(['10.0.0.0/8', '192.168.0.0/16', '127.0.0.0/8', 'fd00::/8', '169.254.0.0/16']),
    'failed 550 5.4.4',
  )
  assert.equal(sink.connections, 0)
  assert.equal(await deliver(['198.51.100.0/24', '10.0.0.0/8']), 'delivered 250 2.0.0')
  // What a route names the operator has named.
  assert.equal(await deliver(['private'], { host: '127.0.0.3', port: sink.port }), 'delivered 250 2.0.0')
})
