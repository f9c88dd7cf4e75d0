/** A gateway as an operator would write it, on free ports: what is on the page of it is what the commands say. */
import { admin } from '@postroad/admin'
import { attachments } from '@postroad/attachments'
import { dnsbl } from '@postroad/dnsbl'
import { greylist } from '@postroad/greylist'
import { headers } from '@postroad/headers'
import { html } from '@postroad/html'
import { mime } from '@postroad/mime'
import { quarantine } from '@postroad/quarantine'
import { queue } from '@postroad/queue'
import { recipients } from '@postroad/recipients'
import { routing } from '@postroad/routing'
import { spf } from '@postroad/spf'
import { telemetry } from '@postroad/telemetry'
import { defineConfig } from 'postroad'

const { env } = process
const port = (name: string): number => Number(env[name])

export default defineConfig({
  hostname: 'mx.example.org',
  folder: env['GATEWAY_FOLDER'] ?? '',
  thresholds: { tag: 3, quarantine: 5, reject: 12 },
  dns: { servers: [env['GATEWAY_DNS'] ?? ''] },
  grace: 2_000,
  setup(app) {
    app.use(telemetry({ prometheus: { port: port('GATEWAY_METRICS') } }), { onError: 'pass' }).use(admin())
    app.use(quarantine({ release: { port: port('GATEWAY_SINK') } }))
    app.listen({ name: 'admin', protocol: 'http', port: port('GATEWAY_WEB'), anonymous: 'operate' })
    app.scope('mx', (mx) => {
      mx.listen({
        name: 'mx',
        host: '127.0.0.1',
        port: port('GATEWAY_SMTP'),
        // The test speaks for clients from everywhere.
        xclient: ['127.0.0.1'],
        selfSigned: true,
        limits: { connectionsPerAddress: 200 },
      })
      mx.use(dnsbl({ lists: [{ zone: 'bl.example.net', action: 'reject', selfTest: false }], exempt: [] }))
      mx.use(
        recipients({
          domains: ['example.org'],
          users: [
            'alice@example.org',
            'bob@example.org',
            'carol@example.org',
            'a-really-long-local-part-that-nobody-would-choose@example.org',
          ],
        }),
      )
      mx.use(greylist({ delay: '2 s' }))
      mx.use(spf(), { mode: 'shadow' })
      mx.use(mime()).use(headers()).use(html()).use(attachments())
      mx.use(
        routing({
          domains: {
            'example.org': { via: 'smtp', host: '127.0.0.1', port: port('GATEWAY_SINK') },
            'dead.example': { via: 'smtp', host: '127.0.0.1', port: 9 },
            'bücher.example': { via: 'smtp', host: '127.0.0.1', port: 9 },
          },
        }),
      )
      mx.use(queue({ retry: ['20 s', '1 min', '1 h'] }))
    })
  },
})
