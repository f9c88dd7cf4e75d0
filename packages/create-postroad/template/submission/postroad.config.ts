/** Users log in and send; the queue signs nothing yet: `dkim.sign` of @postroad/dkim does. */
import path from 'node:path'
import { authFile } from '@postroad/auth-file'
import { queue } from '@postroad/queue'
import { rateLimit } from '@postroad/rate-limit'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'

const { env } = process
const folder = path.resolve(env['POSTROAD_FOLDER'] ?? 'var')
const DOMAIN = 'example.test'

export default defineConfig({
  hostname: `mail.${DOMAIN}`,
  folder,
  setup(app) {
    app.use(authFile({ path: path.join(folder, 'users'), domains: [DOMAIN] }))
    app.use(
      rateLimit({
        limits: [
          { of: 'recipients', by: 'identity', limit: '500/d', burst: 100 },
          { of: 'errors', by: 'address', limit: '50/h', action: 'disconnect' },
        ],
      }),
    )
    app.use(routing({ relay: { authenticated: true } }))
    app.use(queue())
    app.listen({
      host: '127.0.0.1',
      port: Number(env['POSTROAD_PORT'] ?? 2587),
      selfSigned: true,
      tls: 'required',
      auth: 'required',
    })
  },
})
