import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { newToken } from '@postroad/http'
import { injection } from '@postroad/injection'
import { Dns } from '@postroad/plugin'
import { redis } from '@postroad/redis'
import { redisQueue } from '@postroad/redis-queue'
import { routing } from '@postroad/routing'
import { Link } from '../../plugins/redis/src/link.ts'
import { RedisStore } from '../../plugins/redis-queue/src/store/redis-store.ts'
import { linkOptions, silent } from '../cluster/link.ts'
import { DURABLE, startRedis } from '../cluster/redis.ts'
import { requires } from '../runner/requires.ts'
import { ask as askAt, start } from './server.ts'

const MAIL = { from: 'shop@shop.example', to: 'ann@example.com', subject: 's', text: 't', at: '+1 h' }

test('a store that is gone is 503 with Retry-After and takes nothing; when it is back the same request is one message', {
  skip: requires('redis-server'),
}, async (t) => {
  await using store = await startRedis(DURABLE)
  const { secret, sha256 } = newToken()
  const folder = await mkdtemp(join(tmpdir(), 'postroad-injection-'))
  const services = embeddedServices(join(folder, 'services'))
  const server = await createServer(
    {
      hostname: 'mx.test',
      folder,
      log: { format: 'silent' },
      grace: 500,
      setup(app) {
        app
          .use(routing({ domains: { 'example.com': { via: 'smtp', host: '127.0.0.1', port: 1 } } }))
          .use(redis({ url: store.url }))
          .use(redisQueue())
          .use(injection({ clients: { shop: { senders: ['shop.example'] } } }))
          .listen({ name: 'api', protocol: 'http', port: 0, tokens: [{ name: 'shop', sha256, roles: ['send'] }] })
      },
    },
    { services: [...services.services, { service: Dns, create: () => zoneDns({}) }] },
  )
  t.after(async () => {
    await server.close()
    await services.close()
    await rm(folder, { recursive: true, force: true })
  })
  await server.listen()
  const [place] = server.addresses
  const url = `http://127.0.0.1:${place && 'port' in place ? place.port : 0}/v1/messages`
  const post = (headers: Record<string, string> = {}, body: object = MAIL) =>
    askAt(url, { method: 'POST', body, headers: { authorization: `Bearer ${secret}`, ...headers } })
  const first = await post()
  assert.equal(first.status, 202, first.text)

  await store.kill()
  const key = { 'idempotency-key': 'k' }
  for (const answer of [await post(key), await post()]) {
    assert.equal(answer.status, 503, answer.text)
    assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/)
    assert.equal(answer.headers.get('content-type'), 'application/problem+json')
  }

  await store.start()
  let again = await post(key)
  while (again.status === 503 || again.status === 409) {
    await sleep(50)
    again = await post(key)
  }
  assert.equal(again.status, 202, again.text)
  assert.equal((await post(key)).json.id, again.json.id)
  // Both are in the queue, and nothing of what was refused.
  const link = new Link(linkOptions({ url: store.url }), silent)
  t.after(() => link.close())
  const ids: string[] = []
  for await (const { message } of new RedisStore({ link, name: 'mail' }).list()) ids.push(message.id)
  assert.deepEqual(ids.toSorted(), [first.json.id, again.json.id].toSorted())
})

test('a body that does not come until its time is over is 408, and the connection ends', async (t) => {
  const { port, tokens, ask } = await start(t, { limits: { requestTimeoutMs: 300, headerTimeoutMs: 300 } })
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  socket.write(
    `POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${tokens['shop']}\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"from"`,
  )
  let said = ''
  socket.on('data', (chunk) => {
    said += chunk
  })
  await once(socket, 'close')
  assert.match(said, /^HTTP\/1\.1 408 /)
  // What it had asked room for is free again.
  assert.equal((await ask('POST', '/v1/messages', MAIL)).status, 202)
})
