/** Postroad as the targets measure it. */
import { join } from 'node:path'
import { type App, type Config, createServer, defineConfig } from '@postroad/core'
import { createDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { Dns, definePlugin, type Plugin } from '@postroad/plugin'
import { MailRecords, openRecords } from '@postroad/records'
import type { ListenerOptions } from '@postroad/smtp'
import type { DnsOptions } from '../../packages/dns/src/resolver.ts'
import { LIMITS } from './limits.ts'
import type { Place, Running } from './target.ts'

/** Gives every recipient a route and takes every message, and drops it: the end of the road that costs nothing. */
export const discardAll = definePlugin({
  name: 'discard-all',
  hooks: {
    route: () => ({ via: 'discard' }),
    queue: { supports: ['8BITMIME'], handler: ({ envelope }) => ({ id: envelope.id }) },
  },
})

/** What a target wants otherwise. */
export interface PostroadOptions {
  readonly listener?: Pick<ListenerOptions, 'certificate'>
  /** In place of a listener that takes mail. */
  readonly listen?: Parameters<App['listen']>[0]
  /** Another listener. */
  readonly beside?: Parameters<App['listen']>[0]
  readonly thresholds?: Config['thresholds']
  /** Default: the system's resolvers. */
  readonly dns?: DnsOptions
  /** Default: none, as the peers have none. */
  readonly log?: Config['log']
}

/** A server with these plugins, and the services that the command gives it too. */
export async function startPostroad(
  { port, folder }: Place,
  plugins: readonly Plugin[],
  options: PostroadOptions = {},
): Promise<Running> {
  const embedded = embeddedServices(join(folder, 'services'))
  let records: MailRecords | undefined
  const services = [
    ...embedded.services,
    { service: Dns, create: () => createDns(options.dns) },
    { service: MailRecords, create: () => (records ??= openRecords({ folder: join(folder, 'records') })) },
  ]
  const config = defineConfig({
    hostname: 'mx.postroad.test',
    folder,
    log: options.log ?? { format: 'silent' },
    ...(options.thresholds && { thresholds: options.thresholds }),
    setup(app) {
      for (const plugin of plugins) app.use(plugin)
      if (options.beside) app.listen(options.beside)
      if (options.listen) app.listen(options.listen)
      else app.listen({ port, host: '127.0.0.1', backlog: 1024, limits: LIMITS, ...options.listener })
    },
  })
  const server = await createServer(config, { services })
  await server.listen()
  return {
    close: async () => {
      await server.close({ grace: 100 })
      await records?.close()
      await embedded.close()
    },
  }
}
