/** Postroad with the embedded queue: durable before 250, then delivered to the sink. */
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { startPostroad } from '../postroad.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postroad with the embedded queue: queue durably, then deliver to the sink',
  start: (place) =>
    startPostroad(place, [
      routing({ domains: { 'postroad.test': { via: 'smtp', host: '127.0.0.1', port: place.sinkPort } } }),
      queue({ smtp: { tls: { mode: 'none' } } }),
    ]),
}
