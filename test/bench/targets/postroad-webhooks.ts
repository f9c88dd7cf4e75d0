/** Postroad with the embedded queue, which tells an endpoint of everything. */
import { events } from '@postroad/events'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { startHook } from '../hook.ts'
import { startPostroad } from '../postroad.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'the same, and an endpoint is told of each message twice, a hundred events a request (its CPU not counted)',
  async start(place) {
    const hook = await startHook()
    const running = await startPostroad(place, [
      routing({ domains: { 'postroad.test': { via: 'smtp', host: '127.0.0.1', port: place.sinkPort } } }),
      queue({ smtp: { tls: { mode: 'none' } } }),
      events({
        endpoints: [
          {
            name: 'hook',
            url: `http://127.0.0.1:${hook.port}/`,
            secrets: `whsec_${Buffer.alloc(32, 'bench').toString('base64')}`,
            plain: true,
            networks: ['127.0.0.0/8'],
            batch: 100,
            wait: '1 s',
          },
        ],
      }),
    ])
    return {
      async close() {
        await running.close()
        await hook.close()
      },
    }
  },
}
