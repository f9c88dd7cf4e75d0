/** A Postroad with the embedded queue, between servers that others wrote: what comes in goes on by the domain of its recipient. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { Dns, definePlugin, type Route } from '@postroad/plugin'
import { queue } from '@postroad/queue'

/** Where mail goes on to, by domain. Asked for each message: a server behind it may be started later. */
export type Routes = ReadonlyMap<string, Route>

/** Starts it on a port of 127.0.0.1. What is deferred is tried again at once, what could not connect a little later: else the destination would be closed. */
export async function startMiddle(port: number, routes: Routes): Promise<AsyncDisposable> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-middle-'))
  const byDomain = definePlugin({
    name: 'by-domain',
    hooks: { route: ({ recipient }) => routes.get(recipient.domain) },
  })
  const plugin = queue({ minFree: 0, retry: [300], retryByClass: { greylist: [300], network: [2_000] }, lmtp: {} })
  const embedded = embeddedServices(join(folder, 'services'))
  const server = await createServer(
    {
      hostname: 'middle.test',
      folder,
      log: { format: 'silent' },
      setup(app) {
        app.use(byDomain()).use(plugin)
        app.listen({ port, host: '127.0.0.1' })
      },
    },
    { services: [...embedded.services, { service: Dns, create: () => zoneDns({}) }] },
  )
  await server.listen()
  return {
    async [Symbol.asyncDispose]() {
      await server.close({ grace: 2_000 })
      await embedded.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
