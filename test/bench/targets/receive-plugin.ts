/** The function of the target `receive`, as a plugin of one's own in a server of one's own. */
import { definePlugin } from '@postroad/plugin'
import { routing } from '@postroad/routing'
import { createServer, defineConfig } from 'postroad'
import { LIMITS } from '../limits.ts'
import type { Target } from '../target.ts'
import { DOMAINS, handle } from './receive.ts'

const own = definePlugin({
  name: 'own',
  hooks: {
    queue: {
      supports: ['8BITMIME'],
      carries: (via) => via === 'own',
      async handler({ message, envelope }) {
        await handle(message)
        return { id: envelope.id }
      },
    },
  },
})

export const target: Target = {
  title: 'Postroad with a plugin that reads subject, author and text of each message',
  async start({ port, folder }) {
    const domains = Object.fromEntries(DOMAINS.map((domain) => [domain, { via: 'own' }]))
    const server = await createServer(
      defineConfig({
        hostname: 'mx.postroad.test',
        folder,
        log: { format: 'silent' },
        setup(app) {
          app.use(routing({ domains })).use(own())
          app.listen({ port, host: '127.0.0.1', backlog: 1024, limits: LIMITS })
        },
      }),
    )
    await server.listen()
    return { close: () => server.close({ grace: 100 }) }
  },
}
