/** A server with nothing but the plugins under test: what they leave unanswered stays unanswered, except `queue`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type ListenOptions } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { Clock, Dns, definePlugin, Limiter, Lock, type Plugin, Store } from '@postroad/plugin'
import { fakeClock, memoryLimiter, memoryLock, memoryStore } from '@postroad/testing'

/** A server, and what takes it down. */
export interface PolicyServer extends AsyncDisposable {
  readonly port: number
}

const terminal = definePlugin({ name: 'terminal', hooks: { queue: ({ envelope }) => ({ id: envelope.id }) } })

/** Time stands still, and nobody sleeps. */
function standing(): Clock {
  return { ...fakeClock(), sleep: async () => undefined }
}

/** Starts it on a free port of the loopback. */
export async function startServer(
  plugins: readonly Plugin[],
  listen: Partial<ListenOptions> = {},
  clock: Clock = standing(),
): Promise<PolicyServer> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  const services = [
    { service: Clock, create: () => clock },
    { service: Store, create: () => memoryStore(clock) },
    { service: Limiter, create: () => memoryLimiter(clock) },
    { service: Lock, create: () => memoryLock() },
    { service: Dns, create: () => zoneDns({}) },
  ]
  const server = await createServer(
    {
      hostname: 'mx.test',
      folder,
      refuseAt: 'now',
      log: { format: 'json', level: 'error', write: () => undefined },
      setup(app) {
        for (const plugin of [...plugins, terminal()]) app.use(plugin)
        app.listen({ name: 'policy', port: 0, host: '127.0.0.1', ...listen })
      },
    },
    { services },
  )
  await server.listen()
  return {
    port: server.addresses[0]?.port ?? 0,
    async [Symbol.asyncDispose]() {
      await server.close({ grace: 0 })
      await rm(folder, { recursive: true, force: true })
    },
  }
}
