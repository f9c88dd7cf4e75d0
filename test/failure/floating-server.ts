/** A server whose plugin lets rejections float at every hook, and throws in a timer: run by floating.test.ts in a process of its own. */
import { createServer, guardProcess } from '@postroad/core'
import { definePlugin, HOOKS, quarantine } from '@postroad/plugin'

const floating = async () => {
  void Promise.reject(new Error('floating'))
  void (async () => {
    await null
    throw new Error('floating too')
  })()
  setTimeout(() => {
    throw new Error('in a timer')
  }, 1)
}
const hooks = Object.fromEntries(
  HOOKS.map(({ name }) => [
    name,
    name === 'auth' ? { mechanisms: ['PLAIN'], handler: floating } : { handler: floating },
  ]),
)
const failing = definePlugin({ name: 'failing', hooks: hooks as never })
// Answers at once, so that it is not tracked from the start: the second rejection is attributed all the same.
const sync = definePlugin({
  name: 'sync',
  hooks: { helo: () => void Promise.reject(new Error('from a handler that answers at once')) },
})
const road = definePlugin({
  name: 'road',
  hooks: {
    route: () => ({ via: 'road' }),
    message: ({ message }) => (message.headers.has('x-quarantine') ? quarantine('asked for') : undefined),
    queue: ({ envelope }) => ({ id: envelope.id }),
    quarantine: ({ envelope }) => ({ id: envelope.id }),
  },
})

const server = await createServer({
  hostname: 'mx.test',
  folder: process.argv[2] ?? 'var',
  log: { format: 'json' },
  setup: (app) =>
    app.use(failing()).use(sync()).use(road()).listen({ host: '127.0.0.1', port: 0, authWithoutTls: true }) &&
    undefined,
})
guardProcess(server.log)
await server.listen()
process.send?.({ port: server.addresses[0]?.port })
process.once('disconnect', () => void server.close({ grace: 0 }))
