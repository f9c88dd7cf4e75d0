/** A server with the plugins that the example `mx-gateway-full` uses for content, as it uses them; no name is known to its DNS. */
import type { App } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { Dns, type Plugin } from '@postroad/plugin'
import { createTestServer, type TestServer, type Used } from '@postroad/testing'
import { checkContent } from '../../examples/mx-gateway-full/postroad.config.ts'

/** Starts it. */
export function startContent(): Promise<TestServer> {
  const used: Used[] = []
  const app: Pick<App, 'use'> = {
    use(plugin, options) {
      used.push(options ? [plugin as Plugin, options] : (plugin as Plugin)) // as: of the example, which gives no lists
      return app as App // as: nobody of the example's checks asks more of it
    },
  }
  checkContent(app)
  return createTestServer(used, { services: [[Dns, zoneDns({})]], config: {} })
}
