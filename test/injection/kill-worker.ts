/** A server that takes mail over HTTP and keeps it: nobody answers where it goes. Killed by the test, at any moment. */
import { createHash } from 'node:crypto'
import { createServer } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { injection } from '@postroad/injection'
import { Dns } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { redis } from '@postroad/redis'
import { redisQueue } from '@postroad/redis-queue'
import { routing } from '@postroad/routing'

const [folder = '', secret = '', url = ''] = process.argv.slice(2)
const services = embeddedServices(`${folder}/services`)
const server = await createServer(
  {
    hostname: 'mx.test',
    folder,
    log: { format: 'silent' },
    setup(app) {
      app.use(routing({ domains: { 'example.com': { via: 'smtp', host: '127.0.0.1', port: 1 } } }))
      const smtp = { tls: { mode: 'none' } } as const
      if (url === '') app.use(queue({ minFree: 0, smtp }))
      else app.use(redis({ url })).use(redisQueue({ smtp }))
      app.use(injection({ clients: { shop: { senders: ['shop.example'] } } })).listen({
        name: 'api',
        protocol: 'http',
        port: 0,
        tokens: [{ name: 'shop', sha256: createHash('sha256').update(secret).digest('hex'), roles: ['send'] }],
      })
    },
  },
  { services: [...services.services, { service: Dns, create: () => zoneDns({}) }] },
)
await server.listen()
const [place] = server.addresses
console.log(place && 'port' in place ? place.port : 0)
