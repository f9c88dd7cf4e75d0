/** Postroad with the embedded queue, in which 100,000 messages to dead hosts stand already, all due. */
import { join } from 'node:path'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { freePorts } from '../../interop/loopback.ts'
import { fillBacklog } from '../backlog.ts'
import { startPostroad } from '../postroad.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postroad with the embedded queue and a deferred backlog of 100,000 messages',
  async start(place) {
    const folder = join(place.folder, 'backlog')
    const [port = 0] = await freePorts(1)
    await fillBacklog({ folder, messages: 100_000, port, spreadMs: 0 })
    return startPostroad(place, [
      routing({ domains: { 'postroad.test': { via: 'smtp', host: '127.0.0.1', port: place.sinkPort } } }),
      queue({ folder, smtp: { tls: { mode: 'none' } } }),
    ])
  },
}
