/** A server in a program has the services that the command's has, closes them, and takes others in their place. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { zoneDns } from '@postroad/dns'
import { greylist } from '@postroad/greylist'
import { Clock, Dns, definePlugin, Limiter, Lock, Spool, Store } from '@postroad/plugin'
import { rateLimit } from '@postroad/rate-limit'
import { type Config, createServer, defineConfig } from 'postroad'
import { SmtpClient } from '../failure/smtp-client.ts'

const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-program-'))
after(() => rm(folder, { recursive: true, force: true }))

/** Uses every service that a server has without a plugin. */
function config(name: string, seen: string[]): Config {
  const all = definePlugin({
    name: 'all',
    needs: { dns: Dns, store: Store, limiter: Limiter, lock: Lock, spool: Spool, clock: Clock },
    setup: ({ store }) => ({
      route: () => ({ via: 'x' }),
      queue: async ({ envelope: { id } }) => {
        await store.set('last', id, 60_000)
        seen.push((await store.get('last')) === id ? 'kept' : 'lost')
        return { id }
      },
    }),
  })
  return defineConfig({
    hostname: 'mx.test',
    folder: path.join(folder, name),
    log: { format: 'silent' },
    setup: (app) =>
      void app
        .use(greylist({ delay: '1 h' }))
        .use(rateLimit({ limits: [{ of: 'messages', by: 'address', limit: '100 per 1 h' }] }))
        .use(all())
        .listen({ host: '127.0.0.1', port: 0 }),
  })
}

async function rcpt(port: number): Promise<string> {
  const client = await SmtpClient.connect(port)
  await client.reply()
  for (const line of ['EHLO c.test', 'MAIL FROM:<a@b.test>']) await client.send(line)
  const reply = await client.send('RCPT TO:<c@d.test>')
  await client.send('QUIT')
  return reply
}

test('createServer gives plugins every embedded service, which outlive it on disk', async () => {
  const seen: string[] = []
  await using server = await createServer(config('one', seen))
  await server.listen()
  assert.match(await rcpt(server.addresses[0]?.port ?? 0), /^451 4\.7\.1 .*reylist/)
  await server.close()
  // The greylist of the first is known to the second: what closes leaves its files to the next.
  await using again = await createServer(config('one', seen))
  await again.listen()
  assert.match(await rcpt(again.addresses[0]?.port ?? 0), /^451 4\.7\.1 /)
})

test('a mistake in the configuration closes what was opened for it', async () => {
  const broken = { ...config('two', []), hostname: 'not a name' }
  await assert.rejects(createServer(broken), /hostname/)
  await using server = await createServer(config('two', []))
  await server.listen()
})

test('services that the program names stand in the place of all of them', async () => {
  const dns = zoneDns({})
  await assert.rejects(
    createServer(config('three', []), { services: [{ service: Dns, create: () => dns }] }),
    /store|limiter|lock/i,
  )
})
