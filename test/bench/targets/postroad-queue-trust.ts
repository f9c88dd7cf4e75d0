/** Postroad with the embedded queue, by MX, with DANE and MTA-STS asked before each delivery and connections counted. */
import { dane } from '@postroad/dane'
import { mtaSts } from '@postroad/mta-sts'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { telemetry } from '@postroad/telemetry'
import { sinkDns } from '../dns.ts'
import { startPostroad } from '../postroad.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postroad with the embedded queue, by MX, with dane, mta-sts and telemetry',
  start: (place) =>
    startPostroad(
      place,
      [
        telemetry({ prometheus: { port: 0 } }),
        routing({ domains: { 'postroad.test': { via: 'smtp' } } }),
        dane({ probe: false }),
        mtaSts(),
        queue({ smtp: { port: place.sinkPort } }),
      ],
      { dns: sinkDns },
    ),
}
