/** Runs plugins of Haraka as plugins of this server. */
import { Dns, definePlugin } from '@postroad/plugin'
import { options } from './options.ts'
import { quietly } from './quietly.ts'

/**
 * Plugins of Haraka, unmodified, from npm or from a folder.
 *
 * @example app.use(haraka({ plugin: 'haraka-plugin-headers', config: './config' }), { as: 'headers' })
 */
export const haraka = definePlugin({
  name: 'haraka',
  options,
  needs: { dns: Dns },
  async setup(given) {
    const { setUp } = await quietly(() => import('./set-up.ts'), given.log)
    return setUp(given)
  },
})
