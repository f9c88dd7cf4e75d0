/** Takes mail from programs over HTTP, and hands it to the plugins of a scope as submission does. 202 means stored. */
import { createRequire } from 'node:module'
import { Clock, definePlugin, Host, messageTags, Queue, Store } from '@postroad/plugin'
import { clientsOf } from './client.ts'
import { Idempotency } from './idempotency.ts'
import { openApi } from './openapi.ts'
import { options as schema } from './options.ts'
import { routesFor } from './routes.ts'
import { tagsUnderWay } from './submit.ts'

const { version } = createRequire(import.meta.url)('../package.json') as { readonly version: string } // ours

/**
 * HTTP injection. It opens no port: the scope's listeners of kind `http` serve it, to tokens with the role `send`.
 *
 * @example
 * app.use(injection({ clients: { shop: { senders: ['shop.example'] } } })).listen({ name: 'api', protocol: 'http', port: 8025 })
 */
export const injection = definePlugin({
  name: 'injection',
  options: schema,
  needs: { queue: Queue, host: Host, store: Store, clock: Clock },
  setup({ options, queue, host, store, clock, log, resolve }) {
    const now = (): number => clock.now()
    return {
      mail: {
        points: false,
        provides: [messageTags],
        handler({ set }) {
          const tags = tagsUnderWay.getStore()
          if (tags) set(messageTags, tags)
          return undefined
        },
      },
      routes: [
        ...routesFor({
          options,
          queue,
          host,
          log,
          now,
          clientOf: clientsOf(options),
          idempotency: new Idempotency(store, { now, ttlMs: options.remember }),
          folder: options.templates === undefined ? undefined : resolve(options.templates),
        }),
        {
          method: 'GET',
          path: '/v1/injection/openapi.json',
          access: 'send',
          summary: 'What programs may send here (OpenAPI 3.1)',
          handler: () => Response.json(openApi(version)),
        },
      ],
    }
  },
})
