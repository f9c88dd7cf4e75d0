/** Postroad as the targets measure it. */
import { createServer } from '@postroad/core'
import { definePlugin, type Plugin } from '@postroad/plugin'
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

/** A server with these plugins and no log, as the peers have none. */
export async function startPostroad({ port, folder }: Place, plugins: readonly Plugin[]): Promise<Running> {
  const server = await createServer({
    hostname: 'mx.postroad.test',
    folder,
    log: { format: 'silent' },
    setup(app) {
      for (const plugin of plugins) app.use(plugin)
      app.listen({ port, host: '127.0.0.1', backlog: 1024, limits: LIMITS })
    },
  })
  await server.listen()
  return { close: () => server.close({ grace: 100 }) }
}
