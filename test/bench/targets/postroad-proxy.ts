/** Postroad with the plugin `proxy`: passes every message on to the sink before it says 250. */
import { proxy } from '@postroad/proxy'
import { routing } from '@postroad/routing'
import { startPostroad } from '../postroad.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postroad with `proxy`: pass on to the sink',
  start: (place) =>
    startPostroad(place, [
      routing({ domains: { 'postroad.test': { via: 'proxy' } } }),
      proxy({ to: { host: '127.0.0.1', port: place.sinkPort }, protocol: 'smtp' }),
    ]),
}
