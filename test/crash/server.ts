/** A whole server, to be killed: SMTP in, the embedded queue, SMTP out to the sink of the test. */
import { createServer } from '@postroad/core'
import { createDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { Dns, definePlugin } from '@postroad/plugin'
import { queue } from '@postroad/queue'

const [, , folder = '', sinkPort = ''] = process.argv

/** Mail for `stopped.test` goes by a destination of its own. */
const toSink = definePlugin({
  name: 'to-sink',
  hooks: {
    route: ({ recipient }) => ({
      via: 'smtp',
      host: recipient.domain === 'stopped.test' ? '127.0.0.2' : '127.0.0.1',
      port: Number(sinkPort),
    }),
  },
})
const services = embeddedServices(`${folder}/services`)
const server = await createServer(
  {
    hostname: 'crash.test',
    folder,
    log: { format: 'silent' },
    setup(app) {
      app.use(toSink())
      app.use(queue({ inlineLimit: 8_192, minFree: 0, retry: [100] }))
      app.listen({ name: 'in', host: '127.0.0.1', port: 0 })
    },
  },
  { services: [...services.services, { service: Dns, create: () => createDns() }] },
)
await server.listen()
process.send?.({ port: server.addresses[0]?.port })
process.on('message', (message) => {
  if (message !== 'stop') return
  void server.close({ grace: 500 }).then(() => process.exit(0))
})
process.on('disconnect', () => process.exit(1))
