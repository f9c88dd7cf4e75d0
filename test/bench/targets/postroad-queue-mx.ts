/** Postroad with the embedded queue, by MX: what `postroad-queue-trust` is held against. */
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { telemetry } from '@postroad/telemetry'
import { sinkDns } from '../dns.ts'
import { startPostroad } from '../postroad.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postroad with the embedded queue, by MX, with telemetry',
  start: (place) =>
    startPostroad(
      place,
      [
        telemetry({ prometheus: { port: 0 } }),
        routing({ domains: { 'postroad.test': { via: 'smtp' } } }),
        queue({ smtp: { port: place.sinkPort } }),
      ],
      { dns: sinkDns },
    ),
}
