/** Postroad with the embedded queue, which programs hand their mail in to over HTTP. */
import { createHash } from 'node:crypto'
import { injection } from '@postroad/injection'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { SECRET } from '../load-injection.ts'
import { startPostroad } from '../postroad.ts'
import type { Target } from '../target.ts'

const sha256 = createHash('sha256').update(SECRET).digest('hex')

export const target: Target = {
  title: 'Postroad with the embedded queue: JSON over HTTP, queue durably, then deliver to the sink',
  start: (place) =>
    startPostroad(
      place,
      [
        routing({ domains: { 'postroad.test': { via: 'smtp', host: '127.0.0.1', port: place.sinkPort } } }),
        queue({ smtp: { tls: { mode: 'none' } } }),
        injection({ clients: { bench: { senders: ['client.example'] } } }),
      ],
      {
        listen: {
          name: 'api',
          protocol: 'http',
          path: place.socket,
          anonymous: 'none',
          tokens: [{ name: 'bench', sha256, roles: ['send'] }],
          limits: { idleTimeoutMs: 60_000 },
        },
      },
    ),
}
